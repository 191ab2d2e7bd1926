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
        quote, time = connection.ops.quote_name, connection.ops.adapt_datetimefield_value
        last, place, count = (_column(APIKey, name) for name in ("last_used_at", "last_used_from", "use_count"))
        last, place, count = quote(last), quote(place), quote(count)
        newer = f"{last} IS NULL OR {last} < %s"
        update_key = (
            f"UPDATE {quote(APIKey._meta.db_table)} SET {count} = {count} + %s, "  # noqa: S608 - names from the models
            f"{place} = CASE WHEN {newer} THEN %s ELSE {place} END, {last} = CASE WHEN {newer} THEN %s ELSE {last} END "
            f"WHERE {quote(_column(APIKey, 'id'))} = %s"
        )
        secret_last = quote(_column(APIKeySecret, "last_used_at"))
        update_secret = (
            f"UPDATE {quote(APIKeySecret._meta.db_table)} SET {secret_last} = %s "  # noqa: S608 - names from the models
            f"WHERE {quote(_column(APIKeySecret, 'id'))} = %s AND ({secret_last} IS NULL OR {secret_last} < %s)"
        )
        key_rows: list[tuple[Any, ...]] = []
        for key_id, use in sorted(keys.items()):  # one order in every process: no deadlock
            at = time(use.at)
            key_rows.append((use.count, at, connection.ops.adapt_ipaddressfield_value(use.address), at, at, key_id))
        secret_rows = [(time(at), secret_id, time(at)) for secret_id, at in sorted(secrets.items())]
        with transaction.atomic(using=using), connection.cursor() as cursor:
            if connection.vendor == "postgresql":  # below deadlock_timeout: this write gives way, never a revocation
                cursor.execute("SET LOCAL lock_timeout = '500ms'")
            cursor.executemany(update_key, key_rows)
            cursor.executemany(update_secret, secret_rows)


def _column(model: Any, name: str) -> str:
    return str(model._meta.get_field(name).column)


usage: Final = UsageCollector()
flusher.register(usage)
