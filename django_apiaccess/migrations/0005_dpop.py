"""Credentials that are bound to a key (RFC 9449): the column of API keys, and the proofs that were used."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("django_apiaccess", "0004_oauth_sessions")]

    operations = [
        migrations.CreateModel(
            name="UsedProof",
            fields=[
                ("digest", models.CharField(max_length=43, primary_key=True, serialize=False)),
                ("expires_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="apikey",
            name="dpop_jkt",
            field=models.CharField(
                blank=True,
                default="",
                editable=False,
                help_text="Thumbprint (RFC 7638) of the public key whose proof must come with it. Empty: none.",
                max_length=43,
                verbose_name="bound key",
            ),
        ),
    ]
