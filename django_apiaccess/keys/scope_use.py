"""Which scopes each key uses: noted in the process, written at most once a day for each key and scope.

A request costs a look-up in a set. What a process holds that dies is lost: at most a second of it.
"""

from __future__ import annotations

import threading
import time
from datetime import date, timedelta
from typing import Any, Final

from django.db import connections, router, transaction

from ..background import flusher
from .models import APIKey, ScopeUse

SECONDS: Final = 86_400
EPOCH: Final = date(1970, 1, 1).toordinal()
MOST: Final = 100_000
"""Uses that a process remembers, about 20 MB; beyond it forgets them, and writes once more what it sees again."""
UPSERT: Final = (
    " ON CONFLICT (key_id, scope) DO UPDATE SET last_on = excluded.last_on WHERE {table}.last_on < excluded.last_on"
)
AT_ONCE: Final = (
    "INSERT INTO {table} (key_id, scope, first_on, last_on) SELECT seen.key, seen.scope, seen.day, seen.day "  # noqa: S608 - names of our tables
    "FROM unnest(%s::bigint[], %s::text[], %s::date[]) AS seen(key, scope, day) "
    "WHERE EXISTS (SELECT 1 FROM {keys} k WHERE k.id = seen.key) ORDER BY seen.key, seen.scope" + UPSERT
)
ONE_BY_ONE: Final = (
    "INSERT INTO {table} (key_id, scope, first_on, last_on) SELECT %s, %s, %s, %s "  # noqa: S608 - names of our tables
    "WHERE EXISTS (SELECT 1 FROM {keys} WHERE id = %s)" + UPSERT
)
Use = tuple[int, str]
"""A key's id and a scope."""


class ScopeUseCollector:
    """Notes what was used today (UTC)."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._day = 0
        self._seen: set[Use] = set()
        self._waiting: dict[Use, int] = {}
        self._lock = threading.Lock()

    def record(self, key_id: int, scope: str) -> None:
        """A request with the key was let in because of the scope. No I/O."""
        day = int(time.time()) // SECONDS
        use = (key_id, scope)
        if day == self._day and use in self._seen:
            return
        with self._lock:
            if day > self._day or len(self._seen) >= MOST:
                self._day, self._seen = max(day, self._day), set()
            if len(self._waiting) >= MOST:  # nothing can be written: the next use tries again
                return
            self._seen.add(use)
            self._waiting[use] = day
        flusher.wake()

    def pending(self) -> bool:
        return bool(self._waiting)

    def forget(self) -> None:
        """Drop what was collected, and what is known to be written."""
        self._begin()

    def flush(self) -> None:
        """Write what was collected; on `django.db.Error` it is kept and raised."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            write(sorted((key_id, scope, day_of(day)) for (key_id, scope), day in waiting.items()))
        except BaseException:
            with self._lock:
                self._waiting = {**waiting, **self._waiting}
            raise


def first_day(window: timedelta) -> date:
    """The day (UTC) so long ago."""
    return day_of(int(time.time() - window.total_seconds()) // SECONDS)


def day_of(number: int) -> date:
    """The day so many days after 1970-01-01."""
    return date.fromordinal(EPOCH + number)


def write(uses: list[tuple[int, str, date]]) -> None:
    """Write `(key id, scope, day)`, in one order in every process. The last day only moves forward; keys that are gone are left out."""
    using = router.db_for_write(ScopeUse)
    connection: Any = connections[using]
    quote = connection.ops.quote_name
    names = {"table": quote(ScopeUse._meta.db_table), "keys": quote(APIKey._meta.db_table)}
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL lock_timeout = '500ms'")  # this write gives way, never a change of keys
            cursor.execute(AT_ONCE.format_map(names), [list(column) for column in zip(*uses, strict=True)])
            return
        adapt = connection.ops.adapt_datefield_value
        rows = [(key_id, scope, adapt(day), adapt(day), key_id) for key_id, scope, day in uses]
        cursor.executemany(ONE_BY_ONE.format_map(names), rows)


scope_use: Final = ScopeUseCollector()
flusher.register(scope_use)


def note_use(key_id: int, scope: str) -> None:
    """Note it in this process. A function, so that what holds it can be copied."""
    scope_use.record(key_id, scope)
