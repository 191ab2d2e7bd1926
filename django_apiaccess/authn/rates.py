"""Counting requests in fixed windows, exactly, whatever the number of workers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.core.cache import caches
from django.db import IntegrityError, router, transaction
from django.db.models import F

from ..conf import access_settings
from ..core.rates import Rate
from .models import RateCounter


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether one more request was allowed, how many remain, and the seconds until the window ends."""

    allowed: bool
    remaining: int
    reset: float


def take(subject: str, rate: Rate, now: float) -> Taken:
    """Count one request of `subject`. In `SHARED_CACHE` by an atomic increment, else in the database by a conditional update."""
    window = int(now // rate.seconds)
    reset = (window + 1) * rate.seconds - now
    alias = access_settings.SHARED_CACHE
    count = _in_database(subject, rate, window) if alias is None else _in_cache(alias, subject, rate, window)
    return Taken(count <= rate.limit, max(0, rate.limit - count), reset)


def _in_cache(alias: str, subject: str, rate: Rate, window: int) -> int:
    """The count including this request. A cache that is down raises: then the database counts."""
    key = f"apiaccess:rate:{hashlib.sha256(f'{subject}|{rate.seconds}'.encode()).hexdigest()[:32]}:{window}"
    cache = caches[alias]
    try:
        cache.add(key, 0, timeout=rate.seconds + 60)
        return int(cache.incr(key))
    except Exception:  # noqa: BLE001 - every cache backend has its own errors, and none may open the gate
        return _in_database(subject, rate, window)


def _in_database(subject: str, rate: Rate, window: int) -> int:
    """The count including this request; one above the limit when it was not counted any more."""
    subject = f"{subject}|{rate.seconds}"[:100]
    rows = RateCounter.objects.using(router.db_for_write(RateCounter)).filter(subject=subject)
    if rows.filter(window__gte=window, count__lt=rate.limit).update(count=F("count") + 1):
        return rows.values_list("count", flat=True).get()
    if rows.filter(window__lt=window).update(window=window, count=1):
        return 1
    if rows.exists():
        return rate.limit + 1
    try:
        with transaction.atomic(using=rows.db):
            rows.create(subject=subject, window=window, count=1)
    except IntegrityError:  # another request made the row meanwhile
        return _in_database(subject, rate, window)
    return 1
