"""The app's configuration."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.apps.registry import Apps
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


class APIAccessConfig(AppConfig):
    name = "django_apiaccess"
    verbose_name = "API access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401 - registers the system checks
        from .keys import receivers as key_receivers
        from .passwords import sessions
        from .reviews import receivers as review_receivers
        from .roles import receivers
        from .tokens import receivers as token_receivers

        if apps.is_installed("drf_spectacular"):
            from .contrib import spectacular  # noqa: F401 - registers its extensions

        autodiscover_modules("scopes")
        receivers.connect()
        key_receivers.connect()
        sessions.connect()
        review_receivers.connect()
        token_receivers.connect()
        post_migrate.connect(sync_after_migrate, sender=self, dispatch_uid="django_apiaccess.sync")


def sync_after_migrate(using: str, apps: Apps = apps, **_kwargs: object) -> None:
    """Declared scopes into the database, once its tables are there: `apps` knows the models as the migrations left them."""
    from django.db import router

    from .events.source import Actor
    from .roles.models import Scope
    from .roles.sync import sync_scopes

    migrated = "scope" in apps.all_models["django_apiaccess"]  # it is not after `migrate django_apiaccess zero`
    if migrated and router.allow_migrate_model(using, Scope):
        sync_scopes(by=Actor.system(), using=using)
