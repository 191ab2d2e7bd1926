"""Deleting what has ended: set-based, in batches, each in a transaction of its own, so that it can run beside everything and be stopped."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models, router, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from ..audit.models import AuditRun
from ..authn.failures import ended_before
from ..authn.models import FailureCounter, RateCounter, UsedProof
from ..conf import access_settings
from ..events.record import changed
from ..events.retention import prunable, prune_events
from ..events.source import Actor
from ..events.tags import Action
from ..keys.approvals.models import KeyRequest
from ..keys.models import APIKey, APIKeySecret, ScopeUse
from ..mfa.challenges import ended_before as challenges_ended_before
from ..mfa.models import MFAChallenge, SMSFactor, TOTPFactor, TrustedDevice
from ..roles.models import Grant
from ..roles.querysets import object_key
from ..tokens.models import RefreshToken, SigningKey, TokenSession
from ..tokens.refreshing import FOREIGN
from ..tokens.ring import forget_retired
from .parts import FURTHER_PARTS, Part
from .parts import ids_of as _ids

KEEP: Final = timedelta(days=90)
KEEP_AUDITS: Final = timedelta(days=400)
UNCONFIRMED: Final = timedelta(days=1)
"""How long a factor whose owner never proved to have it stays. It is asked for nowhere, and confirmed within minutes or not at all."""
SUBJECT_LENGTH: Final = 100
Step = Callable[[int], None]


def prune(*, by: Actor, keep: timedelta = KEEP, dry_run: bool = False, step: Step | None = None) -> dict[str, int]:
    """Delete what has ended; how many of each. `keep`: how long keys and sessions stay after they expired or were revoked."""
    now = timezone.now()
    counts: dict[str, int] = {}
    for part in _parts(now, keep):
        counts[part.name] = 0
        for ids in part.ended():
            counts[part.name] += len(ids) if dry_run else _delete(part.model, ids)
            if step is not None:
                step(len(ids))
    retention = access_settings.EVENTS_RETENTION
    if retention is not None:
        counts["events"] = prunable(now - retention) if dry_run else prune_events(now - retention)
    retired = SigningKey.objects.filter(verifies_until__lte=now).exclude(sealed_private="")
    counts["private keys"] = retired.count() if dry_run else forget_retired()
    if not dry_run and any(counts.values()):
        changed(Action.PRUNED, None, by=by, label="what has ended", deleted=counts)
    return counts


def _parts(now: datetime, keep: timedelta) -> Iterator[Part]:
    for further in FURTHER_PARTS.values():
        yield from further(now, keep)
    yield Part("secrets", APIKeySecret, lambda: _ids(_ended_secrets(now)))
    yield Part("key requests", KeyRequest, lambda: _ids(KeyRequest.objects.ended_before(now - keep)))
    yield Part("keys", APIKey, lambda: _dead_keys(now - keep))
    yield Part("grants", Grant, lambda: _ids(Grant.objects.ended_before(now)))
    yield Part("grants on missing objects", Grant, _orphaned_grants)
    yield Part("rate counters", RateCounter, _old_counters)
    yield Part("failure counters", FailureCounter, lambda: _ids(ended_before(now)))
    yield Part("used proofs", UsedProof, lambda: _ids(UsedProof.objects.filter(expires_at__lt=now)))
    yield Part("sessions", TokenSession, lambda: _ids(_ended_sessions(now - keep)))
    yield Part("refresh tokens", RefreshToken, lambda: _ids(_used_up(now)))
    yield Part("mfa challenges", MFAChallenge, lambda: _ids(challenges_ended_before(now)))
    yield Part("trusted devices", TrustedDevice, lambda: _ids(_trust_over(now - keep)))
    yield Part("audits", AuditRun, lambda: _ids(AuditRun.objects.filter(at__lt=now - KEEP_AUDITS)))
    yield Part("unconfirmed apps", TOTPFactor, lambda: _ids(_unconfirmed(TOTPFactor, now)))
    yield Part("unconfirmed phones", SMSFactor, lambda: _ids(_unconfirmed(SMSFactor, now)))


def _delete(model: type[models.Model], ids: list[Any]) -> int:
    """Delete rows by primary key with what belongs to them; without signals, one statement a table.

    Where a project's own model points at ours, Django's way is taken, row by row: its on_delete must be honoured.
    """
    using = router.db_for_write(model)
    rows: Any = model._base_manager.using(using).filter(pk__in=ids)
    own = {APIKey, APIKeySecret, KeyRequest, RefreshToken, ScopeUse}
    foreign = [relation for relation in model._meta.related_objects if relation.related_model not in own]
    with transaction.atomic(using=using):
        if foreign:
            return int(rows.delete()[1].get(model._meta.label, 0))
        if model is APIKey:
            _raw_delete(APIKeySecret._base_manager.using(using).filter(key__in=ids), using)
            _raw_delete(ScopeUse._base_manager.using(using).filter(key__in=ids), using)
            requests = KeyRequest._base_manager.using(using)
            _raw_delete(requests.filter(via__in=ids), using)
            requests.filter(key__in=ids).update(key=None)
        if model is TokenSession:
            _raw_delete(RefreshToken._base_manager.using(using).filter(session__in=ids), using)
        return _raw_delete(rows, using)


def _raw_delete(rows: Any, using: str) -> int:
    return int(rows._raw_delete(using))  # noqa: SLF001 - Django's own way to delete without loading rows and sending signals


def _ended_secrets(now: datetime) -> Any:
    """Those that a rotation replaced and whose grace is over. Imported ones stay: importing again must not revive them."""
    return APIKeySecret.objects.filter(retired_at__isnull=False, expires_at__lt=now).exclude(public_id__contains=":")


def _dead_keys(before: datetime) -> Iterator[list[Any]]:
    """Keys that ended before that. Not those through which a key was issued that goes on, and not imported ones (see above)."""
    ended = Q(revoked_at__lt=before) | Q(expires_at__lt=before)
    imported = APIKeySecret.objects.filter(key=OuterRef("pk"), public_id__contains=":")
    dead = APIKey.objects.filter(ended).exclude(Exists(imported))
    needed = _needed(dead, APIKey.objects.exclude(ended))
    for ids in _ids(dead, newest_first=True):  # a key that was issued through another one is younger: it goes first
        free = [pk for pk in ids if pk not in needed]
        if free:
            yield free


def _needed(dead: Any, going_on: Any) -> set[Any]:
    """The dead keys through which, at whatever distance, a key was issued that goes on. As good as always none."""
    found: set[Any] = set()
    level = set(dead.filter(Exists(going_on.filter(issued_via=OuterRef("pk")))).values_list("pk", flat=True))
    while level:
        found |= level
        level = set(APIKey.objects.filter(issued__in=level).values_list("pk", flat=True)) - found
    return found


def _orphaned_grants() -> Iterator[list[Any]]:
    """Grants on objects that do not exist any more. Where the app of the object is not installed nothing can be said: they stay."""
    kinds = (
        Grant.objects.filter(content_type__isnull=False).order_by().values_list("content_type", flat=True).distinct()
    )
    for content_type in ContentType.objects.filter(pk__in=list(kinds)):
        model = content_type.model_class()
        if model is None:
            continue
        grants = Grant.objects.filter(content_type=content_type)
        for ids in _ids(grants):
            targets = dict(Grant.objects.filter(pk__in=ids).values_list("pk", "object_id"))
            present = _present(model, set(targets.values()))
            orphaned = [pk for pk, object_id in targets.items() if object_id not in present]
            if orphaned:
                yield orphaned


def _present(model: type[models.Model], object_ids: set[str]) -> set[str]:
    pk: Any = model._meta.pk
    while pk.remote_field is not None:
        pk = pk.target_field
    keys = []
    for object_id in object_ids:
        try:
            keys.append(pk.to_python(object_id))
        except (ValidationError, ValueError):
            continue
    found = model._base_manager.filter(pk__in=keys).only("pk")
    return {object_key(row) for row in found}


def _ended_sessions(before: datetime) -> Any:
    """Sessions that ended before that. One that remembers a token of another package stays until that token is dead by the clock."""
    foreign = RefreshToken.objects.filter(session=OuterRef("pk"), public_id__startswith=FOREIGN)
    return TokenSession.objects.filter(Q(expires_at__lt=before) | Q(revoked_at__lt=before) & ~Exists(foreign))


def _used_up(now: datetime) -> Any:
    """Refresh tokens used so long ago that unused they would be dead as well: until then a replay of one must end its session."""
    used_up = RefreshToken.objects.filter(used_at__lt=now - access_settings.REFRESH_TOKEN_LIFETIME)
    return used_up.exclude(public_id__startswith=FOREIGN)


def _trust_over(before: datetime) -> Any:
    return TrustedDevice.objects.filter(Q(expires_at__lt=before) | Q(revoked_at__lt=before))


def _unconfirmed(model: Any, now: datetime) -> Any:
    """Factors that were begun only. Not passkeys: one of those that is not confirmed is suspended, and its owner must see it."""
    return model.objects.filter(confirmed=False, created_at__lt=now - UNCONFIRMED)


def _old_counters() -> Iterator[list[Any]]:
    """Counters whose window is over: nobody reads them again. A subject says the length of its windows behind the bar."""
    now = time.time()
    for subjects in _ids(RateCounter.objects.all()):
        by_length: dict[int, list[str]] = defaultdict(list)
        for subject in subjects:
            _, bar, seconds = subject.rpartition("|")
            if bar and seconds.isdecimal() and int(seconds) and len(subject) < SUBJECT_LENGTH:
                by_length[int(seconds)].append(subject)
        for seconds, of_that_length in by_length.items():
            old = RateCounter.objects.filter(subject__in=of_that_length, window__lt=int(now // seconds))
            found = list(old.values_list("subject", flat=True))
            if found:
                yield found
