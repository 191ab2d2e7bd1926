"""Counting requests in fixed windows, exactly, whatever the number of workers."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from django.core.cache import caches
from django.core.signals import request_finished
from django.db import Error, IntegrityError, connections, router, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from ..conf import access_settings
from ..core.rates import Rate
from .models import RateCounter

RETRY_SECONDS: Final = 5.0
"""How long a cache that failed is left alone: its client may wait for seconds at every try."""
SEEN_SIZE: Final = 10_000
TRIES: Final = 10
"""A try that counted nothing though the limit is not reached lost a race, at the turn of a window; each time some other request won it."""
logger: Final = logging.getLogger("django_apiaccess")
_requests: Final = threading.local()


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


def peek(subject: str, rate: Rate, now: float) -> Taken:
    """What `take` would answer, counting nothing. A cache that fails is answered for by the database."""
    window = int(now // rate.seconds)
    reset = (window + 1) * rate.seconds - now
    count = _counted(subject, rate, window) + 1
    return Taken(count <= rate.limit, max(0, rate.limit - count), reset)


def _counted(subject: str, rate: Rate, window: int) -> int:
    """The requests of the window so far."""
    alias = access_settings.SHARED_CACHE
    if alias is not None and not seen.is_down(alias):
        key = _cache_key(subject, rate, window)
        try:
            return max(int(caches[alias].get(key, 0)), seen.count(key))
        except Exception as error:  # noqa: BLE001 - as in `_in_cache`
            seen.failed(alias, error)
    rows = RateCounter.objects.using(router.db_for_write(RateCounter)).filter(subject=_row_key(subject, rate))
    return rows.filter(window__gte=window).values_list("count", flat=True).first() or 0


class Seen:
    """The highest counts that this process has seen in the current windows: where counting goes on when the cache is emptied or fails."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._down_until: dict[str, float] = {}
        self._lock = threading.Lock()

    def count(self, key: str) -> int:
        return self._counts.get(key, 0)

    def note(self, key: str, count: int) -> None:
        with self._lock:
            self._counts[key] = max(count, self._counts.pop(key, 0))
            while len(self._counts) > SEEN_SIZE:
                self._counts.popitem(last=False)

    def is_down(self, alias: str) -> bool:
        return time.monotonic() < self._down_until.get(alias, 0.0)

    def failed(self, alias: str, error: Exception) -> None:
        self._down_until[alias] = time.monotonic() + RETRY_SECONDS
        logger.warning("The cache %r fails (%s): rates are counted in the database.", alias, error)

    def clear(self) -> None:
        """Forget everything."""
        self._counts.clear()
        self._down_until.clear()


seen: Final = Seen()


def _in_cache(alias: str, subject: str, rate: Rate, window: int) -> int:
    """The count including this request. While the cache is down the database counts, from the count that was seen last."""
    key = _cache_key(subject, rate, window)
    count = None
    if not seen.is_down(alias):
        try:
            count = _increment(alias, key, rate)
        except Exception as error:  # noqa: BLE001 - every cache backend has its own errors, and none may open the gate
            seen.failed(alias, error)
    if count is None:
        count = _in_database(subject, rate, window, floor=seen.count(key))
    seen.note(key, count)
    return count


def _cache_key(subject: str, rate: Rate, window: int) -> str:
    return f"apiaccess:rate:{hashlib.sha256(f'{subject}|{rate.seconds}'.encode()).hexdigest()[:32]}:{window}"


def _row_key(subject: str, rate: Rate) -> str:
    return f"{subject}|{rate.seconds}"[:100]


def _increment(alias: str, key: str, rate: Rate) -> int:
    cache = caches[alias]
    try:
        return int(cache.incr(key))
    except ValueError:  # a new window, or the cache lost it
        cache.add(key, seen.count(key), timeout=rate.seconds + 60)
        return int(cache.incr(key))


def _in_database(subject: str, rate: Rate, window: int, floor: int = 0) -> int:
    """The count including this request; one above the limit when it was not counted any more. It never counts on from less than `floor`.

    With ATOMIC_REQUESTS the count is part of the request's transaction: when that is rolled back, as DRF does at every
    error, the request is counted again at its end.
    """
    count = _count_in_database(subject, rate, window, floor)
    connection = connections[router.db_for_write(RateCounter)]
    if count <= rate.limit and connection.in_atomic_block and connection.settings_dict.get("ATOMIC_REQUESTS"):
        undone: dict[object, tuple[str, Rate, int]] = _requests.__dict__.setdefault("undone", {})
        request = object()
        undone[request] = (subject, rate, window)
        transaction.on_commit(lambda: undone.pop(request, None), using=connection.alias)
    return count


def count_again(**_kwargs: object) -> None:
    """Count what was rolled back with its request. Connected to the end of the request."""
    undone = _requests.__dict__.pop("undone", {})
    for subject, rate, window in undone.values():
        try:
            _count_in_database(subject, rate, window)
        except Error:
            logger.exception("A request could not be counted again")


request_finished.connect(count_again, dispatch_uid="django_apiaccess.rates")


def _count_in_database(subject: str, rate: Rate, window: int, floor: int = 0) -> int:
    subject = _row_key(subject, rate)
    rows = RateCounter.objects.using(router.db_for_write(RateCounter)).filter(subject=subject)
    before = Greatest(F("count"), Value(floor)) if floor else F("count")
    for _try in range(TRIES if floor < rate.limit else 0):
        if rows.filter(window__gte=window, count__lt=rate.limit).update(count=before + 1):
            return rows.values_list("count", flat=True).first() or rate.limit
        if rows.filter(window__lt=window).update(window=window, count=floor + 1):
            return floor + 1
        row = rows.values_list("window", "count").first()
        if row is None:
            try:
                with transaction.atomic(using=rows.db):
                    rows.create(subject=subject, window=window, count=floor + 1)
            except IntegrityError:  # another request made the row meanwhile
                continue
            return floor + 1
        if row[0] >= window and row[1] >= rate.limit:
            break
    return rate.limit + 1
