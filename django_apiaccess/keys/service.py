"""What can be done with API keys: issue, change, rotate, revoke. Each in a transaction, with its event, within what the actor may give."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from ..conf import access_settings
from ..core import scopes as core_scopes
from ..core.durations import humanise
from ..events.record import changed, changed_many
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidChange, NotHeld
from ..roles import delegation, names
from ..roles.generations import bump, lock
from ..roles.models import Generation
from ..roles.rights import held_by
from . import bounds, leak_policy
from .accounts import change_service_account, create_service_account, service_account
from .approvals import policy as approval_policy
from .binding import checked_thumbprint
from .issued import CHANGEABLE, Issued, add_secret, clean, described, read_anew
from .models import APIKey
from .querysets import APIKeyQuerySet
from .rotation import rotate, rotate_many

__all__ = [
    "DEFAULT",
    "Default",
    "Issued",
    "change",
    "change_many",
    "change_service_account",
    "create_service_account",
    "described",
    "issue",
    "revoke",
    "rotate",
    "rotate_many",
    "service_account",
]
"""Everything that is done with keys, at one place; accounts and rotations have modules of their own."""

BATCH: Final = 1000
NOT_TYPED: Final = frozenset({"created_by", "issued_via", "principal"})
"""Columns of a key that no caller fills in."""


class Default(Enum):
    """Stands for "as the settings say"."""

    DEFAULT = "default"


DEFAULT: Final = Default.DEFAULT


# -- issue and change


@transaction.atomic
def issue(
    *,
    principal: Any,
    name: str,
    scopes: Iterable[str],
    by: Actor,
    expires_at: datetime | Default | None = DEFAULT,
    networks: str = "",
    origins: str = "",
    rate: str = "",
    dpop_jkt: str = "",
    approved: Any = None,
    on_leak: str = "",
) -> Issued:
    """A new key. Its text is in the answer and nowhere else.

    `dpop_jkt`: the thumbprint (RFC 7638) of the public key that it is bound to for good. It is then good for nothing without a proof of
    that key for every request (RFC 9449), so its text alone may leak.

    `approved`: the `KeyRequest` or the person whose approval covers it, as `approvals` checked; None: raises `ApprovalRequired` where the
    policy wants one. Raises `UnknownName`, `NotHeld` (a scope that the principal or the actor does not hold now), `InvalidChange`.
    """
    # also the lock: a key that asks is revoked before, or with the new one after
    bump(Generation.CREDENTIALS, sessions=False)
    via = bounds.issuing_key(by)
    key = APIKey(
        name=name.strip(),
        principal=principal,
        scopes=names.scope_names(scopes, field="scopes"),
        networks=_tidy(networks),
        origins=_tidy(origins).lower(),
        rate=rate.strip(),
        dpop_jkt=checked_thumbprint(dpop_jkt),
        on_leak=on_leak,
        created_by=by.user,
        issued_via=via,
        expires_at=_default_expiry() if isinstance(expires_at, Default) else expires_at,
    )
    clean(key, exclude=NOT_TYPED)
    if via is not None:
        bounds.inherit(key, via, new=True)
    leak_policy.check_choice(key, "", by=by, by_key=via is not None)
    if not principal.is_active:
        raise InvalidChange(f"{principal.get_username()} is not active: a key would open nothing.", field="principal")
    _check_expiry(key)
    _check_scopes(key, by)
    if approved is None:
        approval_policy.check(key)
    key.save()
    text = add_secret(key)
    changed(Action.KEY_CREATED, key, by=by, **described(key), **_approval(approved))
    return Issued(key, text)


@transaction.atomic
def change(key: APIKey, *, by: Actor, approved: Any = None, **fields: Any) -> APIKey:
    """Change name, scopes, networks, origins, rate, expires_at or on_leak of a key that is not revoked. Unchanged: nothing is written.

    `approved` as for `issue`; without it a key that needs approval cannot be made to do more.
    """
    unknown = set(fields) - set(CHANGEABLE)
    if unknown:
        raise TypeError(f"A key has no field {min(unknown)!r} that can be changed.")
    lock(Generation.CREDENTIALS)
    read_anew(key)  # what somebody else just narrowed stays narrow
    if key.revoked_at is not None:
        raise InvalidChange("A revoked key cannot be changed. Make a new one.")
    was, before = copy.copy(key), described(key)
    _assign(key, fields)
    clean(key, exclude=NOT_TYPED)
    via = bounds.managing_key(by)
    leak_policy.check_choice(key, was.on_leak, by=by, by_key=via is not None)
    # The asking key is read anew: one that changes itself stays within what it was.
    for bound in (via, bounds.issuer_of(key)):
        if bound is not None:
            bounds.inherit(key, bound)
    after = described(key)
    if after == before:
        return key
    if after["scopes"] != before["scopes"]:
        _check_scopes(key, by)
        bounds.check_issued(key)
        after = described(key)
        if core_scopes.registry.expand(key.scopes) - core_scopes.registry.expand(was.scopes):
            key.scopes_since = timezone.now()
    if via is not None and not bounds.does_no_more(key, was):
        bounds.take_over(key, via)
    if approved is None:
        approval_policy.check(key, was)
    bump(Generation.CREDENTIALS, sessions=False)
    key.save(update_fields=[*CHANGEABLE, "issued_via", "scopes_since"])
    changed(Action.KEY_CHANGED, key, by=by, before=before, after=after, **_approval(approved))
    for issued in bounds.tightened(key):
        issued.save(update_fields=CHANGEABLE)
        changed(
            Action.KEY_CHANGED,
            issued,
            by=by,
            reason=f"bound as {key.name}, which asked for it",
            after=described(issued),
        )
    return key


@transaction.atomic
def change_many(keys: APIKeyQuerySet, *, by: Actor, **fields: Any) -> list[APIKey]:
    """The same change of several keys, of all or of none."""
    lock(Generation.CREDENTIALS)
    return [change(key, by=by, **fields) for key in keys.select_related("principal").order_by("pk")]


def _assign(key: APIKey, fields: dict[str, Any]) -> None:
    if "scopes" in fields:
        key.scopes = names.scope_names(fields["scopes"], field="scopes")
    for name in ("networks", "origins"):
        if name in fields:
            setattr(key, name, _tidy(fields[name]).lower() if name == "origins" else _tidy(fields[name]))
    for name in ("name", "rate", "on_leak"):
        if name in fields:
            setattr(key, name, fields[name].strip())
    if "expires_at" in fields and fields["expires_at"] != key.expires_at:
        key.expires_at = fields["expires_at"]
        _check_expiry(key)


def _approval(approved: Any) -> dict[str, Any]:
    """Who approved it, for the event."""
    if approved is None:
        return {}
    person = getattr(approved, "decided_by", approved)
    told: dict[str, Any] = {"approved_by": str(person.get_username())}
    return told if person is approved else {**told, "request": approved.pk}


# -- revoke


def revoke(keys: APIKey | APIKeyQuerySet, *, reason: str, by: Actor, batch: int = BATCH) -> int:
    """End keys for good, with the keys that were issued through them; felt at the next request. Returns how many ended now.

    What the queryset asks of a key is asked once more in the statement that ends it: a key that was used meanwhile is not unused.
    """
    if not reason.strip():
        raise InvalidChange("Say why: a revocation needs a reason.", field="reason")
    wanted = APIKey.objects.filter(pk=keys.pk) if isinstance(keys, APIKey) else keys
    pending = sorted(wanted.filter(revoked_at=None).values_list("pk", flat=True))
    total = 0
    while pending:
        ended: list[int] = []
        for start in range(0, len(pending), batch):
            ended += _revoke_batch(wanted, pending[start : start + batch], reason=reason.strip()[:255], by=by)
        total += len(ended)
        pending, wanted = ended, APIKey.objects.all()
        children: list[int] = []
        for start in range(0, len(pending), batch):
            born = APIKey.objects.filter(issued_via__in=pending[start : start + batch], revoked_at=None)
            children += born.values_list("pk", flat=True)
        pending = sorted(children)
    if isinstance(keys, APIKey):
        read_anew(keys)
    return total


@transaction.atomic
def _revoke_batch(wanted: APIKeyQuerySet, ids: list[int], *, reason: str, by: Actor) -> list[int]:
    bump(
        Generation.CREDENTIALS, sessions=False
    )  # also the lock: nobody else revokes meanwhile, so `now` marks those that end here
    now = timezone.now()
    wanted.filter(pk__in=ids, revoked_at=None).order_by().update(revoked_at=now, revoked_reason=reason)
    rows = list(APIKey.objects.filter(pk__in=ids, revoked_at=now))
    changed_many(Action.KEY_REVOKED, ((row, {}) for row in rows), by=by, reason=reason)
    return [row.pk for row in rows]


# -- parts


def _default_expiry() -> datetime | None:
    lifetime = access_settings.KEY_DEFAULT_LIFETIME
    longest = access_settings.KEY_MAX_LIFETIME
    if longest is not None and (lifetime is None or lifetime > longest):
        lifetime = longest
    return None if lifetime is None else timezone.now() + lifetime


def _check_expiry(key: APIKey) -> None:
    now = timezone.now()
    if key.expires_at is not None and key.expires_at <= now:
        raise InvalidChange("The expiry must lie in the future.", field="expires_at")
    longest = access_settings.KEY_MAX_LIFETIME
    if longest is not None and (key.expires_at is None or key.expires_at > now + longest + timedelta(minutes=1)):
        raise InvalidChange(
            f"A key lives at most {humanise(longest)} here (KEY_MAX_LIFETIME). Choose an earlier expiry.",
            field="expires_at",
        )


def _check_scopes(key: APIKey, by: Actor) -> None:
    held = held_by(key.principal)
    missing = core_scopes.registry.expand(key.scopes) - held.scopes - held.object_scopes
    if missing:
        who, listed = key.principal.get_username(), ", ".join(sorted(missing))
        raise NotHeld(
            f"{who} does not hold {listed}, so a key of theirs cannot have it. Grant it first.", missing, field="scopes"
        )
    access = delegation.access_of(by)
    if access is not None:
        via = bounds.asking_key(by)
        if via is not None:
            key.scopes = bounds.closed_wildcards(key.scopes, via.scopes)
        beyond = bounds.beyond(key, access)
        if beyond:
            listed = ", ".join(sorted(beyond))
            raise NotHeld(f"{by.label} does not hold {listed} and so cannot give it.", beyond, field="scopes")


def _tidy(text: str | Iterable[str]) -> str:
    parts = text.replace(",", " ").split() if isinstance(text, str) else [str(part).strip() for part in text]
    return " ".join(part for part in parts if part)
