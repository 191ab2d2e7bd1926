"""What the commands about OAuth clients share: the optional app, or the line that installs it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.core.management.base import CommandError

from .output import Column

if TYPE_CHECKING:
    from ..contrib.oauth.models import OAuthClient

APP: Final = "django_apiaccess.contrib.oauth"
COLUMNS: Final = (
    Column("client_id", "client id", whole=True),
    Column("name"),
    Column("active"),
    Column("authentication"),
    Column("grants"),
    Column("scopes"),
    Column("owner"),
    Column("last_used_at", "last used"),
)


def key_set(path: str) -> Any:
    """The JWK Set in a file. Raises `CommandError`."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"--jwks: {path} cannot be read: {error}") from None


def require_app() -> None:
    """Raise `CommandError` where the project is no authorization server."""
    if not apps.is_installed(APP):
        raise CommandError(
            f"This project is no authorization server. Add {APP!r} to INSTALLED_APPS, install 'django-apiaccess[oauth]', and migrate."
        )


def row_of(client: OAuthClient) -> dict[str, Any]:
    """A client as a row of a table. No secret."""
    last: datetime | None = client.last_used_at
    words: dict[str, Sequence[str]] = {
        "grants": client.grant_types.split(),
        "scopes": sorted(client.scopes),
        "redirect_uris": client.redirect_uris.split(),
    }
    return {
        "client_id": client.client_id,
        "name": client.name,
        "active": client.is_active,
        "authentication": client.auth_method,
        **words,
        "audiences": client.audiences.split(),
        "dpop_required": client.dpop_required,
        "par_required": client.par_required,
        "trusted": client.trusted,
        "owner": client.owner.get_username() if client.owner is not None else None,
        "service_account": client.service_account.name if client.service_account is not None else None,
        "origin": client.origin,
        "created_at": client.created_at,
        "last_used_at": last,
    }
