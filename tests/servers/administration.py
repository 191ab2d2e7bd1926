"""What the administrator's shell can be asked to do, by the names of `COMMANDS`; arguments and answers are plain data."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command

from django_apiaccess.core import digests
from django_apiaccess.events.source import Actor
from django_apiaccess.keys import service as keys
from django_apiaccess.models import APIKey, APIKeySecret, Event, Grant
from django_apiaccess.roles import service as roles

BY = Actor.command("shell")
User = get_user_model()


def prepare() -> None:
    """Tables, books, orders, roles."""
    call_command("migrate", verbosity=0)
    call_command("seed_demo", stdout=io.StringIO())


def issue(
    name: str, *, role: str = "support", scopes: tuple[str, ...] = ("orders:read",), **fields: Any
) -> dict[str, Any]:
    """A new person who holds the role, and a key of theirs."""
    user = User.objects.create_user(name)
    roles.grant(user=user, role=role, by=BY)
    issued = keys.issue(principal=user, name=name, scopes=scopes, by=BY, **fields)
    return {"id": issued.key.pk, "text": issued.text, "user": name}


def revoke(key: int) -> int:
    return keys.revoke(APIKey.objects.get(pk=key), reason="test", by=BY)


def rotate(key: int, grace: int) -> str:
    return keys.rotate(APIKey.objects.get(pk=key), grace=timedelta(seconds=grace), by=BY).text


def ungrant(user: str) -> int:
    return roles.ungrant(Grant.objects.filter(user__username=user), by=BY)


def grant(user: str, role: str) -> None:
    roles.grant(user=User.objects.get(username=user), role=role, by=BY)


def narrow_role(role: str, scopes: list[str]) -> None:
    roles.save_role(name=role, scopes=scopes, by=BY)


def set_active(user: str, active: bool) -> None:
    person = User.objects.get(username=user)
    person.is_active = active
    person.save()


def uses(key: int) -> dict[str, Any]:
    found = APIKey.objects.get(pk=key)
    used = found.last_used_at
    return {"count": found.use_count, "at": used and used.timestamp(), "address": found.last_used_from}


def refusals(**columns: Any) -> list[list[Any]]:
    """Reason, outcome, address, path and how often, of each refusal."""
    found = Event.objects.exclude(outcome="success").filter(**columns).order_by("pk")
    return [list(row) for row in found.values_list("reason", "outcome", "address", "path", "count")]


def pepper_of(key: int) -> str:
    """Which pepper made the digest of the current secret."""
    return str(APIKeySecret.objects.get(key=key, retired_at=None).digest.split("$")[1])


def fingerprint(pepper: str) -> str:
    return digests.fingerprint(pepper)


COMMANDS: dict[str, Callable[..., Any]] = {
    command.__name__: command
    for command in (
        prepare, issue, revoke, rotate, grant, ungrant, narrow_role, set_active, uses, refusals, pepper_of, fingerprint,
    )
}  # fmt: skip
