"""Proofs that were used: each counts once, whatever the number of workers (RFC 9449 section 11.1).

In `SHARED_CACHE` by its atomic `add`, else in the database, where the insert itself is the test. While the cache fails, and for as long
after as a proof lives, the database is asked too.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any, Final

from django.core.cache import caches
from django.core.signals import request_finished
from django.db import Error, connections, router, transaction
from django.db.models.constants import OnConflict

from ..conf import access_settings
from ..core.dpop import Proof
from .models import UsedProof

logger: Final = logging.getLogger("django_apiaccess")
_requests: Final = threading.local()


class Trouble:
    """Since when this process could not ask a cache."""

    def __init__(self) -> None:
        self._failed_at: dict[str, float] = {}

    def note(self, alias: str, error: Exception) -> None:
        self._failed_at[alias] = time.monotonic()
        logger.warning("The cache %r fails (%s): used proofs are kept in the database.", alias, error)

    def lately(self, alias: str, seconds: float) -> bool:
        failed_at = self._failed_at.get(alias)
        return failed_at is not None and time.monotonic() - failed_at < seconds

    def clear(self) -> None:
        """Forget everything."""
        self._failed_at.clear()


trouble: Final = Trouble()


def spend(proof: Proof) -> bool:
    """Use the proof up: True for the first who asks, False for everybody after. One write."""
    leeway = access_settings.DPOP_LEEWAY.total_seconds()
    until = proof.iat + 2 * leeway + 1  # it is taken until iat + leeway; the rest is for servers whose clocks differ
    alias = access_settings.SHARED_CACHE
    if alias is None:
        return _in_database(proof.digest, until)
    try:
        is_new = bool(
            caches[alias].add(f"apiaccess:proof:{proof.digest}", 1, timeout=max(1, int(until - time.time()) + 1))
        )
    except Exception as error:  # noqa: BLE001 - every cache backend has its own errors, and none may open the gate
        trouble.note(alias, error)
        return _in_database(proof.digest, until)
    if is_new and trouble.lately(alias, 3 * leeway + 1):
        return _in_database(proof.digest, until)
    return is_new


def _in_database(digest: str, until: float) -> bool:
    """Insert the row. With ATOMIC_REQUESTS it is part of the request's transaction; where that is rolled back, as DRF does at every error,
    the row is written again at the end of the request: the client's answer is out, so the proof was used.
    """
    connection = connections[router.db_for_write(UsedProof)]
    is_new = _insert(connection, digest, until)
    if is_new and connection.in_atomic_block and connection.settings_dict.get("ATOMIC_REQUESTS"):
        undone: dict[str, float] = _requests.__dict__.setdefault("undone", {})
        undone[digest] = until
        transaction.on_commit(lambda: undone.pop(digest, None), using=connection.alias)
    return is_new


def _insert(connection: Any, digest: str, until: float) -> bool:
    """One statement without a savepoint, which the ORM's `create` would need: whether a row was written is the answer."""
    operations, meta = connection.ops, UsedProof._meta
    fields = list(meta.concrete_fields)
    quote = operations.quote_name
    insert = operations.insert_statement(on_conflict=OnConflict.IGNORE)
    suffix = operations.on_conflict_suffix_sql(fields, OnConflict.IGNORE, [], [])
    names = ", ".join(quote(field.column) for field in fields)
    sql = f"{insert} {quote(meta.db_table)} ({names}) VALUES (%s, %s) {suffix}"
    expires_at = datetime.fromtimestamp(until, UTC if access_settings.times_are_aware else None)
    values = {"digest": digest, "expires_at": expires_at}
    with connection.cursor() as cursor:
        cursor.execute(sql.rstrip(), [field.get_db_prep_save(values[field.name], connection) for field in fields])
        return bool(cursor.rowcount == 1)


def spend_again(**_kwargs: object) -> None:
    """Write what was rolled back with its request. Connected to the end of the request."""
    for digest, until in _requests.__dict__.pop("undone", {}).items():
        try:
            _insert(connections[router.db_for_write(UsedProof)], digest, until)
        except Error:
            logger.exception("A used proof could not be written again")


request_finished.connect(spend_again, dispatch_uid="django_apiaccess.replays")
