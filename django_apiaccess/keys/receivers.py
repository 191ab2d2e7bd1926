"""Changes of keys that do not pass through the service: told to the processes that remember keys, and written down."""

from __future__ import annotations

from django.db.models.signals import post_delete, post_save, pre_delete

from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..roles.kin import connect_kin
from ..roles.receivers import credential_changed
from .models import APIKey, APIKeySecret


def key_deleted(instance: APIKey, **_kwargs: object) -> None:
    """A key went with its principal, or with the key that had asked for it."""
    changed(Action.KEY_DELETED, instance, by=Actor.system(), reason="deleted with what it belongs to")


def connect() -> None:
    """Called once, when the app is ready."""
    connect_kin(pre_delete, key_deleted, APIKey, uid="django_apiaccess.key_deleted")
    for model in (APIKey, APIKeySecret):
        for signal in (post_save, post_delete):
            connect_kin(signal, credential_changed, model, uid=f"django_apiaccess.credentials.{model.__name__}")
