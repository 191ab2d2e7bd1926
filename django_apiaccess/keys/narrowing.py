"""Narrowing keys to the scopes that they used: what would go, what stays, and doing it.

What was used stays: by the key itself, and by the keys that were issued through it, which can do no more than it can. A key whose scopes
are watched for less than the time that is asked about is not judged at all.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from django.db import transaction
from django.utils import timezone

from ..background import INTERVAL, flusher
from ..core import scopes as core_scopes
from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidChange, NotHeld
from ..roles import delegation
from ..roles.generations import bump
from ..roles.models import Generation
from . import bounds
from .issued import CHANGEABLE, read_anew
from .models import APIKey, ScopeUse
from .scope_use import first_day
from .service import described

WINDOW: Final = timedelta(days=90)
BATCH: Final = 2000
BORN: Final = ("pk", "issued_via_id", "scopes", "scopes_since", "revoked_at")
REASON: Final = "narrowed to what it used"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a key used of its scopes. `judged_from`: the moment from which on one can tell; `stays` and `goes` are empty before it."""

    used: frozenset[str]
    """Those of its scopes that it, and what was issued through it, used in that time."""
    stays: frozenset[str]
    """What the key would have, as it is stored: names, wildcards where all of them was used."""
    goes: frozenset[str]
    """What it would open no more."""
    judged_from: datetime

    @property
    def ripe(self) -> bool:
        """Whether its scopes were watched for long enough."""
        return self.judged_from <= timezone.now()


def narrowed(scopes: Iterable[str], used: Iterable[str]) -> frozenset[str]:
    """`scopes` without what is not in `used`. Wildcards stay where everything they give was used, and are written out elsewhere."""
    return _narrowed(frozenset(scopes), frozenset(used), core_scopes.registry.version)


@lru_cache(maxsize=1024)
def _narrowed(scopes: frozenset[str], wanted: frozenset[str], _version: int) -> frozenset[str]:
    """Thousands of keys have the same scopes and used the same of them."""
    registry = core_scopes.registry
    kept: set[str] = set()
    known = {name for name in scopes if registry.knows(name)}
    reached = registry.expand(registry.expand(known) & wanted)
    for name in known:
        given = registry.expand([name])
        kept |= {name} if given <= reached else given & wanted
    return registry.reduce(kept) | {name for name in scopes if name in wanted and name not in known}


def outlook(key: APIKey, *, window: timedelta = WINDOW) -> Outlook:
    """What the key used within `window`, in a few queries."""
    return outlooks([key], window=window)[key.pk]


def outlooks(keys: Collection[APIKey], *, window: timedelta = WINDOW) -> Mapping[int, Outlook]:
    """The same for many keys, in a few queries a `BATCH`."""
    found: dict[int, Outlook] = {}
    rows = list(keys)
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        used = used_by([key.pk for key in batch], window=window)
        for key in batch:
            found[key.pk] = _seen(key, used[key.pk], window)
    return found


def used_by(ids: Iterable[int], *, window: timedelta = WINDOW) -> dict[int, frozenset[str]]:
    """The scopes that each of these keys, or a key that was issued through it, used within `window`.

    Also one that was revoked since: programs that make a key for each job use their scopes through these. A key below that still works
    and is too young to be judged counts as using all it has.
    """
    now = timezone.now()
    root_of = {pk: {pk} for pk in ids}  # key id to those of the asked ids that it stands below
    found: dict[int, set[str]] = {pk: set() for pk in root_of}
    level = list(root_of)
    while level:
        below: set[int] = set()
        born = APIKey.objects.filter(issued_via__in=level).order_by()
        for pk, via, scopes, since, revoked_at in born.values_list(*BORN):
            roots = root_of.setdefault(pk, set())
            if root_of[via] <= roots:
                continue
            roots |= root_of[via]
            below.add(pk)
            if revoked_at is None and since > now - window:
                for root in root_of[via]:
                    found[root] |= core_scopes.registry.expand(scopes)
        level = list(below)
    for start in range(0, len(root_of), BATCH):
        asked = list(root_of)[start : start + BATCH]
        uses = ScopeUse.objects.filter(key__in=asked, last_on__gte=first_day(window)).order_by()
        for pk, scope in uses.values_list("key_id", "scope"):
            for root in root_of[pk]:
                found[root].add(scope)
    return {pk: frozenset(names) for pk, names in found.items()}


def _seen(key: APIKey, used: frozenset[str], window: timedelta) -> Outlook:
    return _judged(key.scopes, key.scopes_since, used, window)


def _judged(scopes: frozenset[str], since: datetime, used: frozenset[str], window: timedelta) -> Outlook:
    used, stays, goes = _split(scopes, used, core_scopes.registry.version)
    ripe = since + window <= timezone.now()
    return Outlook(used, stays if ripe else frozenset(), goes if ripe else frozenset(), since + window)


@lru_cache(maxsize=4096)
def _split(
    scopes: frozenset[str], used: frozenset[str], _version: int
) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Used, stays, goes. Remembered, because most keys are like others."""
    given = core_scopes.registry.expand(scopes)
    used &= given | scopes  # what it lost since is no reason to keep anything
    stays = narrowed(scopes, used)
    return used, stays, given - core_scopes.registry.expand(stays)


# -- doing it


def check(key: APIKey, seen: Outlook) -> None:
    """Raise `InvalidChange` for a key that cannot be judged yet, that used nothing or is not active."""
    if key.status != APIKey.Status.ACTIVE:
        raise InvalidChange(f"This key is {key.status.label}: there is nothing to narrow.")
    if not seen.ripe:
        raise InvalidChange(
            f"The use of this key's scopes is recorded since {key.scopes_since:%Y-%m-%d}: too short to judge. "
            f"It can be narrowed from {seen.judged_from:%Y-%m-%d} on."
        )
    if not seen.used:
        raise InvalidChange("This key used none of its scopes in that time: revoke it, if nobody needs it.")


def settle() -> None:
    """Wait until what every process notes of uses is written. Call it outside a transaction, before `narrow`."""
    flusher.flush()
    time.sleep(INTERVAL * 1.25)


@transaction.atomic
def narrow(
    key: APIKey, *, by: Actor, window: timedelta = WINDOW, goes: Iterable[str] | None = None, reason: str = ""
) -> Outlook:
    """Take from the key the scopes that were not used within `window`; with `goes` none but these. Felt at the next request.

    What is used is asked anew here: a scope that was used since somebody looked stays. Raises `InvalidChange` for a key that cannot be
    judged yet, that used nothing or is not active, and `NotHeld` when the actor would vouch for scopes that they do not hold themselves.
    """
    bump(Generation.CREDENTIALS)  # also the lock, as in every change of keys
    read_anew(key)
    key.refresh_from_db(fields=["scopes_since"])
    seen = outlook(key, window=window)
    check(key, seen)
    if goes is not None:
        registry = core_scopes.registry
        seen = _seen(key, seen.used | (registry.expand(key.scopes) - frozenset(goes)), window)
    if seen.goes:
        _store(key, seen.stays, by, reason.strip() or REASON)
    return seen


def _store(key: APIKey, scopes: frozenset[str], by: Actor, reason: str) -> None:
    access = delegation.access_of(by)
    if access is not None:
        beyond = core_scopes.registry.expand(scopes) - access.scopes - access.object_scopes
        if beyond:
            listed = ", ".join(sorted(beyond))
            raise NotHeld(f"{by.label} does not hold {listed}, which this key keeps, and so cannot change it.", beyond)
    before = described(key)
    key.scopes = scopes
    key.save(update_fields=["scopes"])
    changed(Action.KEY_CHANGED, key, by=by, reason=reason, before=before, after=described(key))
    for issued in bounds.tightened(key):
        issued.save(update_fields=CHANGEABLE)
        changed(
            Action.KEY_CHANGED,
            issued,
            by=by,
            reason=f"bound as {key.name}, which asked for it",
            after=described(issued),
        )


def unused_scopes(window: timedelta = WINDOW) -> Iterator[tuple[int, Outlook]]:
    """The ids of usable keys that used some of their scopes within `window`, and not others; the newest first.

    In a few queries a `BATCH`, without a row of the keys in memory.
    """
    now = timezone.now()
    keys = (
        APIKey.objects.usable(now)
        .filter(scopes_since__lte=now - window, last_used_at__gte=now - window)
        .exclude(scopes="")
    )
    columns = keys.order_by("-pk").values_list("pk", "scopes", "scopes_since")
    last: int | None = None
    while True:  # not one long cursor
        batch = list((columns if last is None else columns.filter(pk__lt=last))[:BATCH])
        if not batch:
            return
        last = batch[-1][0]
        used = used_by([pk for pk, _scopes, _since in batch], window=window)
        for pk, scopes, since in batch:
            seen = _judged(scopes, since, used[pk], window)
            if seen.used and seen.goes:
                yield pk, seen
