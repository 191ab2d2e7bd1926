"""Requests for keys that another person approves, and reminders."""


import django.db.models.deletion
import django.utils.timezone
import django_apiaccess.roles.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('django_apiaccess', '0009_explain_permission'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='KeyRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('pending', 'waiting'), ('approved', 'approved'), ('refused', 'refused'), ('withdrawn', 'withdrawn'), ('claimed', 'claimed'), ('expired', 'expired')], default='pending', editable=False, max_length=10, verbose_name='status')),
                ('before', models.JSONField(blank=True, null=True, verbose_name='before')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('scopes', django_apiaccess.roles.fields.ScopesField(blank=True, default='', verbose_name='scopes')),
                ('networks', models.TextField(blank=True, verbose_name='networks')),
                ('origins', models.TextField(blank=True, verbose_name='origins')),
                ('rate', models.CharField(blank=True, max_length=30, verbose_name='rate')),
                ('dpop_jkt', models.CharField(blank=True, max_length=43, verbose_name='bound key')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='expires at')),
                ('justification', models.CharField(max_length=1000, verbose_name='justification')),
                ('requested_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='requested at')),
                ('decide_by', models.DateTimeField(verbose_name='decide by')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided at')),
                ('reason', models.CharField(blank=True, max_length=255, verbose_name='reason')),
                ('claim_by', models.DateTimeField(blank=True, null=True, verbose_name='claim by')),
                ('claimed_at', models.DateTimeField(blank=True, null=True, verbose_name='claimed at')),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by')),
                ('key', models.ForeignKey(blank=True, help_text='The key that is to do more, or the one that was made.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='requests', to='django_apiaccess.apikey', verbose_name='key')),
                ('principal', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='principal')),
                ('requester', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='key_requests', to=settings.AUTH_USER_MODEL, verbose_name='requester')),
                ('via', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='django_apiaccess.apikey', verbose_name='asked for with')),
            ],
            options={
                'verbose_name': 'key request',
                'verbose_name_plural': 'key requests',
                'ordering': ('-requested_at', '-pk'),
                'permissions': [('approve_keyrequest', 'Can approve or refuse requests for API keys')],
                'default_permissions': ('view',),
                'indexes': [models.Index(condition=models.Q(('status', 'pending')), fields=['decide_by'], name='apiaccess_request_waiting')],
                'constraints': [models.CheckConstraint(condition=models.Q(('decided_by', None), models.Q(models.Q(('decided_by', models.F('requester')), _negated=True), models.Q(('decided_by', models.F('principal')), _negated=True)), _connector='OR'), name='apiaccess_request_four_eyes')],
            },
        ),
        migrations.CreateModel(
            name='Reminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject_kind', models.CharField(max_length=20, verbose_name='kind')),
                ('subject_id', models.CharField(max_length=64, verbose_name='id')),
                ('label', models.CharField(max_length=200, verbose_name='what')),
                ('stage', models.CharField(help_text='How long before the end, or inactive.', max_length=20, verbose_name='stage')),
                ('about', models.DateTimeField(verbose_name='counted from')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='due since')),
                ('announced_at', models.DateTimeField(null=True)),
                ('lease', models.CharField(blank=True, default='', max_length=32)),
                ('leased_at', models.DateTimeField(null=True)),
                ('sent_at', models.DateTimeField(null=True, verbose_name='sent at')),
                ('owner', models.ForeignKey(help_text='Who is told. None: nobody answers for it.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='owner')),
            ],
            options={
                'verbose_name': 'reminder',
                'verbose_name_plural': 'reminders',
                'ordering': ('-created_at', '-pk'),
                'permissions': [('take_credential_report', 'Can take the credential report')],
                'default_permissions': ('view',),
                'indexes': [models.Index(condition=models.Q(('sent_at', None)), fields=['owner'], name='apiaccess_reminder_unsent')],
                'constraints': [models.UniqueConstraint(fields=('subject_kind', 'subject_id', 'stage', 'about'), name='apiaccess_reminder_once')],
            },
        ),
    ]
