"""What issuing and rotating share: the answer that holds a key's text, and the making of a secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import models, router

from ..conf import access_settings
from ..core import digests, secrets
from ..core.scopes import dump
from ..exceptions import InvalidChange
from .models import APIKey, APIKeySecret

CHANGEABLE: Final = ("name", "scopes", "networks", "origins", "rate", "expires_at", "on_leak")


@dataclass(frozen=True, slots=True)
class Issued:
    """A key with its text: the only time that the text exists outside its holder's hands."""

    key: APIKey
    text: str = field(repr=False)
    old_secret_valid_until: datetime | None = None


def add_secret(key: APIKey) -> str:
    """Give the key its first secret, or the next one after the present one was retired. Returns the text."""
    made = secrets.make_key(access_settings.KEY_PREFIX)
    APIKeySecret.objects.create(key=key, public_id=made.id, digest=digests.make(made.text, access_settings.PEPPERS))
    return made.text


def read_anew(key: APIKey) -> None:
    """Take over what is stored of the key now, from where it is written."""
    fields = [*CHANGEABLE, "revoked_at", "revoked_reason", "issued_via"]
    key.refresh_from_db(using=router.db_for_write(APIKey), fields=fields)


def clean(row: models.Model, exclude: frozenset[str] = frozenset()) -> None:
    """Run the model's own validation; what is wrong is an `InvalidChange` that names the field."""
    try:
        row.full_clean(exclude=set(exclude), validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise InvalidChange(" ".join(messages), field=name) from None


def described(key: APIKey) -> dict[str, Any]:
    """The key as plain data for its event. No secret, no digest."""
    return {
        "name": key.name,
        "principal": str(key.principal.get_username()),
        "scopes": dump(key.scopes),
        "networks": key.networks,
        "origins": key.origins,
        "rate": key.rate,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        **({"dpop_jkt": key.dpop_jkt} if key.dpop_jkt else {}),
        **({"on_leak": key.on_leak} if key.on_leak else {}),
    }
