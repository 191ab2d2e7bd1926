"""The app's configuration."""

from __future__ import annotations

from django.apps import AppConfig


class OAuthConfig(AppConfig):
    name = "django_apiaccess.contrib.oauth"
    label = "django_apiaccess_oauth"
    verbose_name = "OAuth 2"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from ...access.parts import FURTHER_PARTS
        from . import pruning, reviewing

        FURTHER_PARTS["oauth"] = pruning.parts
        reviewing.connect()
