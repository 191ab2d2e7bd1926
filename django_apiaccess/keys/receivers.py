"""Changes of keys that do not pass through the service are told to the processes that remember keys."""

from __future__ import annotations

from django.db.models.signals import post_delete, post_save

from ..roles.receivers import credentials_changed
from .models import APIKey, APIKeySecret


def connect() -> None:
    """Called once, when the app is ready."""
    for model in (APIKey, APIKeySecret):
        for signal in (post_save, post_delete):
            signal.connect(
                credentials_changed, sender=model, dispatch_uid=f"django_apiaccess.credentials.{model.__name__}"
            )
