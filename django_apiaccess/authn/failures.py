"""Failed attempts, counted by account and by network, with a delay that grows.

An attempt is charged *before* the secret is checked and paid back when it was right: twenty parallel guesses count as twenty. The counters
are rows, changed by conditional updates: exact for any number of workers. An account's bucket is named by what was typed, so it tells
nothing of whether the account exists. IPv6 counts by /64: a subscriber has that many addresses (ASVS 6.3.1, NIST SP 800-63B-4 section 3.2.2).
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import IntegrityError, router, transaction
from django.utils import timezone

from ..conf import access_settings
from ..core.addresses import parse_address
from .models import FailureCounter

TRIES: Final = 25


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


def charge(*buckets: Bucket) -> float:
    """Count one attempt in each bucket. Returns the seconds to wait when one of them is closed; then nothing may be checked."""
    charged: list[Bucket] = []
    for bucket in buckets:
        wait = _charge(bucket)
        if wait:
            refund(*charged)
            return wait
        charged.append(bucket)
    return 0.0


def refund(*buckets: Bucket) -> None:
    """Take one attempt back: it was right, or was not made."""
    for bucket in buckets:
        rows = _rows(bucket)
        for _ in range(TRIES):
            row = rows.first()
            if row is None:
                break
            paid = max(row.count - 1, 0)
            if rows.filter(count=row.count).update(count=paid, blocked_until=row.last_at):
                break


def forget(*buckets: Bucket) -> None:
    """Forget all failures of the buckets: their owner proved to be there."""
    for bucket in buckets:
        _rows(bucket).delete()


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
        if row.blocked_until > now:
            return float((row.blocked_until - now).total_seconds())
        count = 1 if now - row.last_at > access_settings.LOCKOUT_FORGET_AFTER else row.count + 1
        seen = rows.filter(count=row.count, last_at=row.last_at, blocked_until=row.blocked_until)
        if seen.update(count=count, last_at=now, blocked_until=now + delay(count, bucket.free)):
            return 0.0
    return 1.0  # so contended that waiting is right


def delay(count: int, free: int) -> timedelta:
    """How long the next attempt must wait after `count` failures: nothing for the free ones, then doubling up to the longest."""
    if count < free:
        return timedelta(0)
    longest: timedelta = access_settings.LOCKOUT_MAX_DELAY
    exponent = min(count - free, 20)
    return min(timedelta(seconds=2**exponent), longest)


def _rows(bucket: Bucket):  # type: ignore[no-untyped-def]
    return FailureCounter.objects.using(router.db_for_write(FailureCounter)).filter(subject=bucket.name)
