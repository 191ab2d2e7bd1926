"""Last use of token sessions: collected in the process, written in batches."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any, Final

from django.db import connections, router, transaction

from ..background import flusher
from .models import TokenSession

Seen = tuple[datetime, str | None]


class SessionUsage:
    """Remembers when and from where each session was used last; the time only moves forward."""

    def __init__(self) -> None:
        self.forget()

    def record(self, session_id: int, address: str | None, at: datetime) -> None:
        """One use. No I/O."""
        with self._lock:
            known = self._seen.get(session_id)
            if known is None or known[0] <= at:
                self._seen[session_id] = (at, address)
        flusher.wake()

    def pending(self) -> bool:
        return bool(self._seen)

    def forget(self) -> None:
        """Drop what was collected (in a forked child)."""
        self._lock = threading.Lock()
        self._seen: dict[int, Seen] = {}

    def flush(self) -> None:
        """Write what was collected; on a database error it is kept and raised."""
        with self._lock:
            seen, self._seen = self._seen, {}
        if not seen:
            return
        try:
            using = router.db_for_write(TokenSession)
            with transaction.atomic(using=using), connections[using].cursor() as cursor:
                write(connections[using], cursor, sorted(seen.items()))  # in one order in every process: no deadlock
        except BaseException:
            with self._lock:
                self._seen = {**seen, **self._seen}
            raise


def write(connection: Any, cursor: Any, seen: list[tuple[int, Seen]]) -> None:
    """One statement on PostgreSQL, however many sessions; elsewhere one a session."""
    table = connection.ops.quote_name(TokenSession._meta.db_table)
    if connection.vendor == "postgresql":
        # below deadlock_timeout: this write gives way, never the ending of a session
        cursor.execute("SET LOCAL lock_timeout = '500ms'")
        ids = [session_id for session_id, _use in seen]
        cursor.execute(f"SELECT 1 FROM {table} WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [ids])  # noqa: S608 - our table
        cursor.execute(
            f"UPDATE {table} AS s SET last_used_at = seen.at, last_used_from = seen.address "  # noqa: S608 - our table
            "FROM unnest(%s::bigint[], %s::timestamptz[], %s::inet[]) AS seen(id, at, address) "
            "WHERE s.id = seen.id AND (s.last_used_at IS NULL OR s.last_used_at < seen.at)",
            [ids, [use[0] for _id, use in seen], [use[1] for _id, use in seen]],
        )
        return
    time, place = connection.ops.adapt_datetimefield_value, connection.ops.adapt_ipaddressfield_value
    cursor.executemany(
        f"UPDATE {table} SET last_used_at = %s, last_used_from = %s "  # noqa: S608 - our table
        "WHERE id = %s AND (last_used_at IS NULL OR last_used_at < %s)",
        [(time(at), place(address), session_id, time(at)) for session_id, (at, address) in seen],
    )


usage: Final = SessionUsage()
flusher.register(usage)
