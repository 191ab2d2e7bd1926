"""Failed attempts, counted by account and by network, with a delay that grows.

An attempt is charged *before* the secret is checked and paid back when it was right: twenty parallel guesses count as twenty. The counters
are rows, changed by conditional updates: exact for any number of workers. An account's bucket is named by what was typed, so it tells
nothing of whether the account exists. IPv6 counts by /64: a subscriber has that many addresses (ASVS 6.3.1, SP 800-63B-4 section 3.2.2).
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.signals import request_finished
from django.db import Error, IntegrityError, connections, router, transaction
from django.db.models import F, Q
from django.utils import timezone

from ..conf import access_settings
from ..core.addresses import parse_address
from .models import FailureCounter

TRIES: Final = 25
KNOWN_FOR: Final = timedelta(days=90)
"""How long a network counts as known after the account's owner proved to be there."""
logger: Final = logging.getLogger("django_apiaccess")
_requests: Final = threading.local()


@dataclass(frozen=True, slots=True)
class Bucket:
    """Whose failures are counted together, and how many cost nothing."""

    name: str
    free: int


def account_bucket(purpose: str, account: str, *, known_from: str | None = None) -> Bucket:
    """Failures on one account. From a network that its owner used before they count apart: nobody else can lock the owner out."""
    typed = hashlib.sha256(f"{account.strip().casefold()}|{known_from or ''}".encode(errors="replace")).hexdigest()[:32]
    return Bucket(f"{purpose}:account:{typed}", access_settings.LOCKOUT_ACCOUNT_FREE)


def network_bucket(purpose: str, address: str | None) -> Bucket:
    """Failures from one network, whatever the account."""
    return Bucket(f"{purpose}:network:{network_of(address)}", access_settings.LOCKOUT_NETWORK_FREE)


def network_of(address: str | None) -> str:
    """The network that an address stands for: itself for IPv4, its /64 for IPv6."""
    parsed = parse_address(address) if address else None
    if parsed is None:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def is_known(bucket: Bucket) -> bool:
    """Whether the account's owner proved to be there, on the network that the bucket is of, within `KNOWN_FOR`."""
    return bool(_rows(bucket).filter(last_at__gt=timezone.now() - KNOWN_FOR).exists())


def remember(bucket: Bucket) -> None:
    """The owner proved to be there, on the network that the bucket is of: their failures from there count apart, anew."""
    _forget_undone(bucket)
    now = timezone.now()
    proven = {"count": 0, "last_at": now, "blocked_until": now - timedelta(seconds=1)}
    if _rows(bucket).update(**proven):
        return
    try:  # a write at once, not after a look: on SQLite two who looked could not both write
        with transaction.atomic(using=_rows(bucket).db):
            _rows(bucket).create(subject=bucket.name, **proven)
    except IntegrityError:  # another request of theirs was first
        pass


def ended_before(now: datetime) -> Any:
    """The counters that say nothing any more: neither of failures nor of known networks, which are accounts' rows without a failure.

    Failures go when they are forgotten: somebody who tries a million names must not fill the table for months.
    """
    forgotten = Q(last_at__lt=now - access_settings.LOCKOUT_FORGET_AFTER, blocked_until__lt=now)
    known = Q(count=0, last_at__gte=now - KNOWN_FOR) & ~Q(subject__contains=":network:")
    return FailureCounter.objects.filter(forgotten).exclude(known)


def charge(*buckets: Bucket) -> float:
    """Count one attempt in each bucket. Returns the seconds to wait when one of them is closed; then nothing may be checked.

    With ATOMIC_REQUESTS the counts are part of the request's transaction: when that is rolled back, as DRF does at every error, they are
    counted again at the end of the request.
    """
    charged: list[Bucket] = []
    for bucket in buckets:
        wait = _charge(bucket)
        if wait:
            refund(*charged)
            return wait
        charged.append(bucket)
    connection = connections[router.db_for_write(FailureCounter)]
    if connection.in_atomic_block and connection.settings_dict.get("ATOMIC_REQUESTS"):
        for bucket in charged:
            _undone()[bucket.name] = bucket
            transaction.on_commit(lambda name=bucket.name: _undone().pop(name, None), using=connection.alias)  # type: ignore[misc]
    return 0.0


def refund(*buckets: Bucket) -> None:
    """Take one attempt back: it was right, or was not made."""
    _forget_undone(*buckets)
    for bucket in buckets:
        rows = _rows(bucket)
        for _ in range(TRIES):
            row = rows.first()
            if row is None:
                break
            paid = max(row.count - 1, 0)
            if rows.filter(count=row.count).update(count=paid, blocked_until=F("last_at")):
                break


def forget(*buckets: Bucket) -> None:
    """Forget all failures of the buckets: their owner proved to be there."""
    _forget_undone(*buckets)
    for bucket in buckets:
        _rows(bucket).delete()


def charge_again(**_kwargs: object) -> None:
    """Count what was rolled back with its request. Connected to the end of the request."""
    undone = dict(_undone())
    _undone().clear()
    for bucket in undone.values():
        try:
            _charge(bucket)
        except Error:
            logger.exception("A failed attempt could not be counted again")


request_finished.connect(charge_again, dispatch_uid="django_apiaccess.failures")


def _undone() -> dict[str, Bucket]:
    """The buckets that this thread's request charged in its own transaction."""
    found: dict[str, Bucket] = _requests.__dict__.setdefault("undone", {})
    return found


def _forget_undone(*buckets: Bucket) -> None:
    for bucket in buckets:
        _undone().pop(bucket.name, None)


def _charge(bucket: Bucket) -> float:
    now = timezone.now()
    rows = _rows(bucket)
    for _ in range(TRIES):
        row = rows.first()
        if row is None:
            try:
                with transaction.atomic(using=rows.db):
                    rows.create(subject=bucket.name, count=1, last_at=now, blocked_until=now + delay(1, bucket.free))
            except IntegrityError:
                continue
            return 0.0
        # without a delay it is closed until its last attempt only, by a clock that may be ahead
        if row.blocked_until > max(now, row.last_at):
            return float((row.blocked_until - now).total_seconds())
        count = 1 if now - row.last_at > access_settings.LOCKOUT_FORGET_AFTER else row.count + 1
        at = max(now, row.last_at)  # it never goes back, whatever clock and turn this attempt had
        seen = rows.filter(count=row.count, last_at=row.last_at, blocked_until=row.blocked_until)
        if seen.update(count=count, last_at=at, blocked_until=at + delay(count, bucket.free)):
            return 0.0
    return 1.0  # so contended that waiting is right


def delay(count: int, free: int) -> timedelta:
    """How long the next attempt must wait after `count` failures: nothing for the free ones, then doubling up to the longest."""
    if count <= free:
        return timedelta(0)
    longest: timedelta = access_settings.LOCKOUT_MAX_DELAY
    exponent = min(count - free - 1, 20)
    return min(timedelta(seconds=2**exponent), longest)


def _rows(bucket: Bucket):  # type: ignore[no-untyped-def]
    return FailureCounter.objects.using(router.db_for_write(FailureCounter)).filter(subject=bucket.name)
