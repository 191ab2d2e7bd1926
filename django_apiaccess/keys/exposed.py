"""A key that travelled in the clear."""

from __future__ import annotations

from typing import Any, Final

from .. import notifications
from ..authn.kinds import Client, Presented
from ..events.source import Actor
from ..exceptions import InvalidCredential
from . import service
from .credential import APIKeyKind
from .models import APIKey

REASON: Final = "sent over plain HTTP"


def end(presented: Presented, client: Client) -> None:
    """Revoke the key when its secret is right, and tell its owner, once. Nobody who does not hold the key can end it."""
    try:
        row = APIKeyKind().verify(presented)
    except InvalidCredential:
        return
    by = Actor("system", "django_apiaccess", where=client.where)
    if not service.revoke(APIKey.objects.filter(pk=row.key_id), reason=REASON, by=by):
        return
    key = APIKey.objects.select_related("principal__service_account__owner").get(pk=row.key_id)
    notifications.notify(
        owner_of(key.principal),
        "credential_exposed",
        {"what": f'API key "{key.name}"', "remedy": "Make a new key", "address": client.address},
    )


def owner_of(principal: Any) -> Any:
    """Who answers for the principal: a person themselves; for a service account its owner, where it has one."""
    account = getattr(principal, "service_account", None)
    return principal if account is None or account.owner is None else account.owner
