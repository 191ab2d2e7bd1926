import uuid

import django.db.models
from django.db import migrations, models

import tests.projects.own_user.models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Person",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("key", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("email", models.EmailField(max_length=254, unique=True)),
            ],
            options={"abstract": False},
            managers=[("objects", tests.projects.own_user.models.People())],
        ),
    ]
