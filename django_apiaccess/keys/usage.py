"""Last use and use counts of keys: collected in the process, written in batches."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connections, router, transaction

from ..background import flusher
from .models import APIKey, APIKeySecret


@dataclass(slots=True)
class Use:
    """What was seen of one key since the last flush."""

    count: int
    at: datetime
    address: str | None


class UsageCollector:
    """Counts uses. The time of last use only moves forward, whichever process writes last."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._keys: dict[int, Use] = {}
        self._secrets: dict[int, datetime] = {}
        self._lock = threading.Lock()

    def record(self, key_id: int, secret_id: int, address: str | None, at: datetime) -> None:
        """Count one use. No I/O."""
        with self._lock:
            use = self._keys.get(key_id)
            if use is None:
                self._keys[key_id] = Use(1, at, address)
            else:
                use.count += 1
                if at >= use.at:
                    use.at, use.address = at, address
            self._secrets[secret_id] = max(at, self._secrets.get(secret_id, at))
        flusher.wake()

    def pending(self) -> bool:
        return bool(self._keys)

    def forget(self) -> None:
        """Drop what was collected."""
        self._begin()

    def flush(self) -> None:
        """Write what was collected; on `django.db.Error` it is kept and raised."""
        with self._lock:
            keys, self._keys = self._keys, {}
            secrets, self._secrets = self._secrets, {}
        if not keys:
            return
        try:
            self._write(keys, secrets)
        except BaseException:
            self._take_back(keys, secrets)
            raise

    def _take_back(self, keys: dict[int, Use], secrets: dict[int, datetime]) -> None:
        with self._lock:
            for key_id, use in keys.items():
                newer = self._keys.get(key_id)
                if newer is None:
                    self._keys[key_id] = use
                else:
                    newer.count += use.count
            for secret_id, at in secrets.items():
                self._secrets.setdefault(secret_id, at)

    @staticmethod
    def _write(keys: dict[int, Use], secrets: dict[int, datetime]) -> None:
        using = router.db_for_write(APIKey)
        connection = connections[using]
        write = _write_at_once if connection.vendor == "postgresql" else _write_one_by_one
        with transaction.atomic(using=using), connection.cursor() as cursor:
            # in one order in every process: no deadlock
            write(connection, cursor, sorted(keys.items()), sorted(secrets.items()))


def _write_at_once(
    connection: Any, cursor: Any, keys: list[tuple[int, Use]], secrets: list[tuple[int, datetime]]
) -> None:
    """PostgreSQL: one statement a table, whatever the number of keys. The rows are locked first, because UPDATE takes them in any order."""
    key, secret = _names(connection, APIKey), _names(connection, APIKeySecret)
    lock = "SELECT 1 FROM {table} WHERE {id} = ANY(%s) ORDER BY {id} FOR NO KEY UPDATE"
    cursor.execute(
        "SET LOCAL lock_timeout = '500ms'"
    )  # below deadlock_timeout: this write gives way, never a revocation
    ids = [key_id for key_id, _use in keys]
    cursor.execute(lock.format_map(key), [ids])
    cursor.execute(
        "UPDATE {table} AS k SET {use_count} = k.{use_count} + seen.uses, "
        "{last_used_from} = CASE WHEN k.{last_used_at} >= seen.at THEN k.{last_used_from} ELSE seen.address END, "
        "{last_used_at} = GREATEST(k.{last_used_at}, seen.at) "
        "FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::inet[]) AS seen(id, uses, at, address) "
        "WHERE k.{id} = seen.id".format_map(key),
        [ids, [use.count for _id, use in keys], [use.at for _id, use in keys], [use.address for _id, use in keys]],
    )
    ids = [secret_id for secret_id, _at in secrets]
    cursor.execute(lock.format_map(secret), [ids])
    cursor.execute(
        "UPDATE {table} AS s SET {last_used_at} = GREATEST(s.{last_used_at}, seen.at) "
        "FROM unnest(%s::bigint[], %s::timestamptz[]) AS seen(id, at) WHERE s.{id} = seen.id".format_map(secret),
        [ids, [at for _id, at in secrets]],
    )


def _write_one_by_one(
    connection: Any, cursor: Any, keys: list[tuple[int, Use]], secrets: list[tuple[int, datetime]]
) -> None:
    """Elsewhere: a statement a key, in one transaction."""
    key, secret = _names(connection, APIKey), _names(connection, APIKeySecret)
    time, place = connection.ops.adapt_datetimefield_value, connection.ops.adapt_ipaddressfield_value
    cursor.executemany(
        "UPDATE {table} SET {use_count} = {use_count} + %s, "
        "{last_used_from} = CASE WHEN {last_used_at} >= %s THEN {last_used_from} ELSE %s END, "
        "{last_used_at} = CASE WHEN {last_used_at} >= %s THEN {last_used_at} ELSE %s END WHERE {id} = %s".format_map(
            key
        ),
        [
            (use.count, at, place(use.address), at, at, key_id)
            for key_id, use, at in ((key_id, use, time(use.at)) for key_id, use in keys)
        ],
    )
    cursor.executemany(
        "UPDATE {table} SET {last_used_at} = CASE WHEN {last_used_at} >= %s THEN {last_used_at} ELSE %s END "
        "WHERE {id} = %s".format_map(secret),
        [(time(at), time(at), secret_id) for secret_id, at in secrets],
    )


def _names(connection: Any, model: Any) -> dict[str, str]:
    """The names of the model's table and columns, quoted."""
    quote = connection.ops.quote_name
    columns = {str(field.attname): quote(str(field.column)) for field in model._meta.concrete_fields}
    return {"table": quote(str(model._meta.db_table)), **columns}


usage: Final = UsageCollector()
flusher.register(usage)
