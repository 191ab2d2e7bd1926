"""Columns and validators that migrations name: they never move."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Final

from django.core.exceptions import ValidationError

from ...conf import OAUTH_GRANTS, resource_complaint
from ...core.access import FIRST_PARTY_CLIENT
from ...roles.fields import ScopesField, validate_scopes
from . import redirects
from .identity import api_scopes

CLIENT_ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9._~-]{7,99}|[0-9A-Za-z._~-]{20,100}")
RESERVED: Final = frozenset({FIRST_PARTY_CLIENT, "simplejwt"})
"""What sessions of our own log-in and those taken over from simplejwt have as their client: nobody may pass for them."""
MAX_URIS: Final = 50


def validate_client_scopes(names: Iterable[str]) -> None:
    """Declared scopes, and those of OpenID Connect."""
    validate_scopes(api_scopes(names))


def validate_client_id(text: str) -> None:
    """Refuse what might be taken for the id of a user (RFC 9700 section 4.15): numbers and UUIDs."""
    if text.lower() in RESERVED:
        raise ValidationError(f"The client id {text} is taken by this app itself.")
    if not CLIENT_ID.fullmatch(text) or text.isdecimal() or _is_uuid(text):
        raise ValidationError(
            "A client id is 8 to 100 letters, digits and ._~- that begin with a letter, and no number or UUID: it could be a user's."
        )


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def validate_redirect_uris(text: str) -> None:
    """Each a URI that may be registered."""
    uris = text.split()
    if len(uris) > MAX_URIS:
        raise ValidationError(f"At most {MAX_URIS} redirect URIs.")
    complaints = [found for uri in uris if (found := redirects.complaint(uri))]
    if complaints:
        raise ValidationError(complaints)


def validate_grant_types(text: str) -> None:
    """Grants by their short names."""
    unknown = [name for name in text.split() if name not in OAUTH_GRANTS]
    if unknown:
        raise ValidationError(f"Unknown grant {unknown[0]!r}. Grants: {', '.join(OAUTH_GRANTS)}.")


def validate_audiences(text: str) -> None:
    """Absolute URIs without a fragment (RFC 8707 section 2)."""
    complaints = [f"It {found}." for one in text.split() if (found := resource_complaint(one))]
    if complaints:
        raise ValidationError(complaints)


def validate_https(url: str) -> None:
    """An address that this server, or a person's browser, fetches: https only."""
    if not url.startswith("https://"):
        raise ValidationError("Use an address that begins with https://.")


class ClientScopesField(ScopesField):
    """Scopes that a client can be given, those of OpenID Connect among them."""

    default_validators = [validate_client_scopes]
