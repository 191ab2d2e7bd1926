"""What can be done with clients: create, change, switch off, find. Each with its event, within what the actor may give."""

from __future__ import annotations

import copy
import secrets as random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.db import router, transaction
from django.utils import timezone

from ...conf import access_settings
from ...core.scopes import dump
from ...core.secrets import base62
from ...events.record import changed
from ...events.source import Actor
from ...events.tags import Action
from ...exceptions import InvalidChange, UnknownName
from ...keys.issued import clean
from ...roles import delegation, names
from . import approval, client_secrets, control, narrowing, options, public_keys
from .identity import api_scopes
from .models import OAuthClient
from .narrowing import end_sessions
from .parameters import is_plain

ID_PREFIX: Final = "app_"
CHANGEABLE: Final = (
    "name", "description", "logo_uri", "homepage", "policy_uri", "tos_uri", "owner", "redirect_uris", "grant_types", "scopes",
    "default_scopes", "audiences", "auth_method", "jwks", "jwks_uri", "access_token_lifetime", "session_lifetime", "dpop_required",
    "par_required", "may_introspect", "trusted", "is_active", "service_account",
)  # fmt: skip
WITH_SECRET: Final = client_secrets.METHODS
RETURNING: Final = frozenset({"authorization_code"})
BY_ITSELF: Final = frozenset({"client_credentials", "token_exchange"})
"""Grants that a client without a proof of itself cannot have."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A client with its secret: the only time that the text exists outside its holder's hands. Empty: it has none."""

    client: OAuthClient
    secret: str = field(default="", repr=False)


def new_client_id() -> str:
    """An id that cannot be taken for a user's: users' ids do not begin like this (RFC 9700 section 4.15)."""
    return f"{ID_PREFIX}{base62(random.randbits(130), 22)}"


@transaction.atomic
def create(
    *,
    by: Actor,
    client_id: str = "",
    origin: str = OAuthClient.Origin.MANUAL,
    approved_by: Any = None,
    **fields: Any,
) -> Registered:
    """A new client, and its secret where it has one.

    `fields` are those of `CHANGEABLE`; lists (`redirect_uris`, `grant_types`, `audiences`, `scopes`) may be lists or texts with spaces.
    `client_id` is given only for one that is taken over; `approved_by` is the person who approved a client that needs it (`approval`).
    Raises `InvalidChange`, `UnknownName`, `NotHeld`, `ApprovalRequired`, `FourEyes`.
    """
    client = OAuthClient(
        client_id=client_id or new_client_id(), origin=origin, scopes=frozenset(), default_scopes=frozenset()
    )
    _assign(client, fields)
    _check(client, by, before=frozenset())
    control.check(client, None, by)
    approval.check(client, None, approved_by)
    if OAuthClient.objects.filter(client_id=client.client_id).exists():
        raise InvalidChange(f"There is a client {client.client_id!r} already.", field="client_id")
    client.save(force_insert=True)
    text = client_secrets.add(client) if client.auth_method in WITH_SECRET else ""
    told = {"approved_by": approved_by.get_username()} if approved_by is not None else {}
    changed(Action.OAUTH_CLIENT_CREATED, client, by=by, client_id=client.client_id, **described(client), **told)
    return Registered(client, text)


def change(client: OAuthClient, *, by: Actor, approved_by: Any = None, **fields: Any) -> OAuthClient:
    """Change what a client is. Unchanged: nothing is written.

    What it had before follows at once: one that is switched off loses its sessions, one that may do less keeps sessions that do less
    (`narrowing`). Secrets of one that authenticates otherwise from now on end. Where its control changed (`control.CONTROL`), people are
    asked again for what they had allowed. Raises as `create`.
    """
    with transaction.atomic():
        locked = OAuthClient.objects.select_for_update(no_key=True).filter(pk=client.pk).first()
        if locked is None:
            raise InvalidChange(f"The client {client.name!r} is gone.")
        client.refresh_from_db(using=router.db_for_write(OAuthClient))
        was, before = copy.copy(client), described(client)
        _assign(client, fields)
        _check(client, by, before=was.scopes)
        control.check(client, was, by)
        approval.check(client, was, approved_by)
        after = described(client)
        if after != before:
            if control.touched(client, was):
                client.controlled_at = timezone.now()
            client.save(update_fields=(*CHANGEABLE, "controlled_at"))
            if client.auth_method not in WITH_SECRET:
                client_secrets.end_all(client)
            changed(Action.OAUTH_CLIENT_CHANGED, client, by=by, before=before, after=after)
    # After the commit: who exchanges a code holds its row and waits for the client's. Done anew where nothing changed: a process that
    # died in between left it undone.
    if not client.is_active:
        end_sessions(client, reason="its client was switched off", by=by)
    elif after != before:
        narrowing.follow(client, was, by=by)
    return client


def delete(client: OAuthClient, *, by: Actor) -> None:
    """Remove a client for good, with its consents. Its sessions end first."""
    change(client, by=by, is_active=False)
    end_sessions(client, reason="its client was deleted", by=by)
    with transaction.atomic():
        changed(Action.OAUTH_CLIENT_DELETED, client, by=by, client_id=client.client_id)
        client.delete()


def find(client_id: str) -> OAuthClient | None:
    """The active client of that id, with its service account; one query."""
    if not client_id or len(client_id) > 100 or not is_plain(client_id):
        return None
    found = OAuthClient.objects.select_related("service_account__user")
    return found.filter(client_id=client_id, is_active=True).first()


def named(text: str) -> OAuthClient:
    """The client of that id or, where one alone has it, of that name. Raises `UnknownName`."""
    found = OAuthClient.objects.filter(client_id=text).first()
    if found is not None:
        return found
    alike = list(OAuthClient.objects.filter(name=text)[:2])
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise UnknownName(f"Several clients have the name {text!r}: say its client id.", field="client")
    known = [*OAuthClient.objects.values_list("name", flat=True)[:1000]]
    raise UnknownName(f"Unknown client {text!r}.{names.nearest(text, known)}", field="client")


def note_use(client: OAuthClient) -> bool:
    """Note the use, as the last statement of a transaction that opens a session without a code: whether the client is still as it was read.

    The row's lock is held until the commit, so switching it off or narrowing it comes before, and is seen, or after, and follows to what
    was opened.
    """
    same = OAuthClient.objects.filter(
        pk=client.pk, is_active=True, scopes=client.scopes, audiences=client.audiences, auth_method=client.auth_method
    )
    return bool(same.update(last_used_at=timezone.now()))


def described(client: OAuthClient) -> dict[str, Any]:
    """The client as plain data for its event. No secret."""
    values: dict[str, Any] = {name: getattr(client, name) for name in CHANGEABLE}
    values |= {
        "scopes": dump(client.scopes),
        "default_scopes": dump(client.default_scopes),
        "owner": str(client.owner) if client.owner_id is not None else None,
        "service_account": client.service_account_id,
        "access_token_lifetime": _seconds(client.access_token_lifetime),
        "session_lifetime": _seconds(client.session_lifetime),
    }
    return values


def _seconds(value: timedelta | None) -> int | None:
    return None if value is None else int(value.total_seconds())


def _assign(client: OAuthClient, fields: dict[str, Any]) -> None:
    unknown = set(fields) - set(CHANGEABLE)
    if unknown:
        raise TypeError(f"A client has no field {min(unknown)!r} that can be changed.")
    for name, value in fields.items():
        setattr(client, name, _tidied(name, value))


def _tidied(name: str, value: Any) -> Any:
    if name in {"scopes", "default_scopes"}:
        given = frozenset(_words(value))
        names.scope_names(api_scopes(given), field=name)
        return given
    if name in {"redirect_uris", "grant_types", "audiences"}:
        return ("\n" if name == "redirect_uris" else " ").join(dict.fromkeys(_words(value)))
    return value.strip() if isinstance(value, str) else value


def _words(value: Iterable[str] | str) -> list[str]:
    return value.split() if isinstance(value, str) else [word for text in value for word in text.split()]


def _check(client: OAuthClient, by: Actor, *, before: frozenset[str]) -> None:
    """Raise for what does not fit together, with the way to mend it."""
    clean(client, exclude=frozenset({"jwks"}))
    grants = set(client.grant_types.split())
    if client.auth_method == OAuthClient.AuthMethod.NONE and grants & BY_ITSELF:
        raise InvalidChange(
            f"A public client proves nothing of itself, so it cannot have {min(grants & BY_ITSELF)}. Give it a secret or a key.",
            field="grant_types",
        )
    if client.trusted and client.is_public:
        raise InvalidChange("Anybody can pretend to be a public client: it cannot be trusted.", field="trusted")
    if grants & RETURNING and not client.redirect_uris.split():
        raise InvalidChange("Where may it be returned to? Give it a redirect URI.", field="redirect_uris")
    if "client_credentials" in grants and client.service_account_id is None:
        raise InvalidChange(
            "A client of client_credentials speaks for a service account: make one with create_service_account and name it.",
            field="service_account",
        )
    taken = OAuthClient.objects.filter(service_account=client.service_account_id).exclude(pk=client.pk).first()
    if client.service_account_id is not None and taken is not None:
        raise InvalidChange(
            f"The client {taken.name!r} ({taken.client_id}) speaks for that service account already: each has one client. "
            "Name another one, or make one with create_service_account.",
            field="service_account",
        )
    if client.auth_method == OAuthClient.AuthMethod.PRIVATE_KEY:
        public_keys.check(client)
    elif client.jwks or client.jwks_uri:
        raise InvalidChange("Public keys are for clients of private_key_jwt.", field="jwks")
    unknown = [
        one for one in client.audiences.split() if one not in {access_settings.AUDIENCE, *options.entry("RESOURCES")}
    ]
    if unknown:
        raise InvalidChange(
            f"Unknown resource {unknown[0]!r}.{names.nearest(unknown[0], options.entry('RESOURCES'))} "
            "Resources are listed in API_ACCESS['OAUTH']['RESOURCES'].",
            field="audiences",
        )
    beyond = client.default_scopes - client.scopes
    if beyond:
        raise InvalidChange(
            f"Default scopes must be among its scopes: {', '.join(sorted(beyond))} is not.", field="default_scopes"
        )
    for name in ("access_token_lifetime", "session_lifetime"):
        value = getattr(client, name)
        if value is not None and value <= timedelta(0):
            raise InvalidChange("A lifetime must be above 0.", field=name)
    delegation.check_scopes(by, api_scopes(client.scopes - before), field="scopes")
