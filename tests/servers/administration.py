"""What the administrator's shell can be asked to do, by the names of `COMMANDS`; arguments and answers are plain data."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from django_apiaccess.contrib.oauth import clients
from django_apiaccess.core import digests
from django_apiaccess.events.source import Actor
from django_apiaccess.keys import service as keys
from django_apiaccess.models import APIKey, APIKeySecret, Event, Grant, RefreshToken, ScopeUse, TokenSession
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


def scope_uses(key: int) -> list[str]:
    """The scopes that the key used, as far as it is written."""
    return sorted(ScopeUse.objects.filter(key=key).values_list("scope", flat=True))


def age_key(key: int, days: int) -> None:
    """Let the key's scopes be watched for so long."""
    APIKey.objects.filter(pk=key).update(scopes_since=timezone.now() - timedelta(days=days))


def narrow_key(key: int) -> list[str]:
    """As `narrow_api_keys` does; what it has then."""
    call_command("narrow_api_keys", str(key), stdout=io.StringIO(), stderr=io.StringIO())
    return sorted(APIKey.objects.get(pk=key).scopes)


def refusals(**columns: Any) -> list[list[Any]]:
    """Reason, outcome, address, path and how often, of each refusal."""
    found = Event.objects.exclude(outcome="success").filter(**columns).order_by("pk")
    return [list(row) for row in found.values_list("reason", "outcome", "address", "path", "count")]


def pepper_of(key: int) -> str:
    """Which pepper made the digest of the current secret."""
    return str(APIKeySecret.objects.get(key=key, retired_at=None).digest.split("$")[1])


def fingerprint(pepper: str) -> str:
    return digests.fingerprint(pepper)


def person(name: str, *, role: str = "support", password: str = "secret", staff: bool = False) -> None:
    """A new person who can log in and holds the role."""
    user = User.objects.create_user(name, f"{name}@example.org", password, is_staff=staff)
    roles.grant(user=user, role=role, by=BY)


def approver(user: str) -> None:
    """Let the person decide on requests for keys."""
    roles.grant(user=User.objects.get(username=user), scope="keys:approve", by=BY)


def keys_of(user: str) -> int:
    return APIKey.objects.filter(principal__username=user).count()


def demo_password(name: str) -> str:
    """What `seed_demo` prints for one of its people."""
    from shop.management.commands.seed_demo import password_of

    return password_of(name)


def set_password(user: str, password: str) -> None:
    person = User.objects.get(username=user)
    person.set_password(password)
    person.save()


def update_password(user: str, password: str) -> None:
    """As a script does that goes round the model."""
    User.objects.filter(username=user).update(password=make_password(password))


def delete_user(user: str) -> None:
    User.objects.get(username=user).delete()


def revoke_tokens(user: str) -> None:
    call_command("revoke_tokens", user=user, reason="test", stdout=io.StringIO(), stderr=io.StringIO())


def refresh_tokens(user: str) -> list[list[Any]]:
    """Generation and whether it is unused, of each refresh token of the person's sessions, in their order."""
    found = RefreshToken.objects.filter(session__user__username=user).order_by("pk")
    return [[token.generation, token.used_at is None] for token in found]


def ended_sessions(user: str) -> list[str]:
    """The reasons of ended sessions."""
    found = TokenSession.objects.filter(user__username=user, revoked_at__isnull=False)
    return list(found.values_list("revoked_reason", flat=True))


def last_use(user: str) -> str | None:
    """From where the person's newest session was used last."""
    return TokenSession.objects.filter(user__username=user).latest("pk").last_used_from


def actions(user: str) -> list[str]:
    """The actions of the events that name a session of the person."""
    sids = list(TokenSession.objects.filter(user__username=user).values_list("sid", flat=True))
    events = Event.objects.filter(action__regex="^(session|refresh)").order_by("pk")
    return [event.action for event in events if any(sid in str(event.details) for sid in sids)]


def relabel(seq: int, label: str) -> str:
    """Change a sealed event behind the app's back; what stood there."""
    before: str = Event.objects.values_list("actor_label", flat=True).get(seq=seq)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_apiaccess_event SET actor_label = %s WHERE seq = %s", [label, seq])
    return before


def oauth_client(name: str, **fields: Any) -> dict[str, str]:
    """A new OAuth client; `account`: the name of a new service account that it speaks for, in the role `fulfilment`."""
    account = fields.pop("account", "")
    if account:
        owner = User.objects.create_user(f"owner-of-{account}")
        made = keys.create_service_account(name=account, owner=owner, purpose="test", by=BY)
        roles.grant(user=made.user, role="fulfilment", by=BY)
        fields["service_account"] = made
    registered = clients.create(by=BY, name=name, **fields)
    return {"client_id": registered.client.client_id, "client_secret": registered.secret}


COMMANDS: dict[str, Callable[..., Any]] = {
    command.__name__: command
    for command in (
        prepare, issue, revoke, rotate, grant, ungrant, narrow_role, set_active, uses, refusals, pepper_of, fingerprint,
        person, demo_password, set_password, update_password, delete_user, revoke_tokens, refresh_tokens, ended_sessions, last_use, actions,
        oauth_client, relabel, scope_uses, age_key, narrow_key, approver, keys_of,
    )
}  # fmt: skip
