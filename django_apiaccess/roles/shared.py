"""What all workers know of token sessions without asking the database: facts in the shared cache (`STATELESS_SECONDS`).

An entry is an allowance, never a denial. Where it is missing, because it was evicted, flushed, never written, or because the cache is
down, the database is asked: losing entries can make a request slower, and revives nothing.

- `apiaccess:epoch` is a random value that is part of every entry's name. A change that may concern many sessions (a role, a grant, a user,
  a signing key) gives it a new value: all entries are lost at once. Until such a change is committed it says so, and nothing is kept.
- `apiaccess:session:<epoch>:<sid>` holds the facts of one session. A session that ends is marked there, before its end is committed and
  once more afterwards; facts are only ever added, so a slow reader cannot put old ones over the mark.

Where the cache could not be told of a change, the change moves the generation `shared_cache` in the database. Every process reads that
once in `GENERATION_SECONDS`, and does not believe facts from before. So a cache that comes back with what it held revives nothing for
longer than that.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from django.core.cache import caches
from django.db import connections, router, transaction

from ..conf import access_settings
from .models import Generation

EPOCH: Final = "apiaccess:epoch"
CHANGING: Final = "changing"
CHANGING_SECONDS: Final = 30
"""How long a change may be on its way. A process that dies in it leaves the mark behind for so long."""
ENDED: Final = "ended"
ENDED_SECONDS: Final = 3600
"""How long the mark of an ended session stays: longer than anybody needs to store what they read before."""
RETRY_SECONDS: Final = 5.0
"""How long a cache that failed is left alone by those who only want to read."""
logger: Final = logging.getLogger("django_apiaccess")


class Found(NamedTuple):
    """What the cache says of a session: its facts, or None; and where facts that the database says now may be kept."""

    facts: Any = None
    epoch: str | None = None
    faults: int | None = None


NOTHING: Final = Found()


class SharedFacts:
    """The facts in the cache that all workers share, as this process sees them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget what this process remembers; the cache keeps what it has."""
        self._epoch = ""
        self._down_until = float("-inf")
        self._faults: int | None = None
        self._asked_at = float("-inf")

    # -- reading

    def find(self, sid: str) -> Found:
        """Ask the cache: one round trip, no statement but the one in `GENERATION_SECONDS`."""
        alias = access_settings.stateless_cache
        if alias is None or time.monotonic() < self._down_until:
            return NOTHING
        try:
            epoch, entry = self._ask(caches[alias], sid)
        except Exception as error:  # noqa: BLE001 - every cache backend has its own errors, and none may open the gate
            self._failed(alias, error)
            return NOTHING
        if epoch is None:
            return NOTHING
        faults = self._latest_faults()
        if isinstance(entry, tuple) and len(entry) == 2 and entry[0] == faults:
            return Found(entry[1], epoch, faults)
        return Found(None, epoch, faults)

    def _ask(self, cache: Any, sid: str) -> tuple[str | None, Any]:
        """The epoch, and the session's entry in it; no epoch while a change is on its way."""
        name = _entry(self._epoch, sid)
        found = cache.get_many([EPOCH, name])
        epoch = found.get(EPOCH)
        if (
            epoch is None
        ):  # a new cache, or one that lost it: what it may still hold belongs to an epoch that never comes back
            cache.add(EPOCH, _new_epoch(), timeout=None)
            epoch = cache.get(EPOCH)
        if not isinstance(epoch, str) or epoch == CHANGING:
            return None, None
        if epoch == self._epoch:
            return epoch, found.get(name)
        self._epoch = epoch
        return epoch, cache.get(_entry(epoch, sid))

    def keep(self, found: Found, sid: str, facts: Any) -> None:
        """Keep what the database said after `found` was asked for, unless the session ended meanwhile, or the read may be an old one."""
        alias = access_settings.stateless_cache
        if alias is None or found.epoch is None or not _reads_the_latest():
            return
        try:
            seconds = access_settings.STATELESS_SECONDS
            caches[alias].add(_entry(found.epoch, sid), (found.faults, facts), timeout=max(1, int(seconds)))
        except Exception as error:  # noqa: BLE001
            self._failed(alias, error)

    def _latest_faults(self) -> int | None:
        now = time.monotonic()
        if now - self._asked_at >= access_settings.GENERATION_SECONDS:
            using = router.db_for_write(Generation)
            rows = Generation.objects.using(using).filter(name=Generation.SHARED_CACHE)
            value = rows.values_list("value", flat=True).first()
            with self._lock:
                if now > self._asked_at:
                    self._faults, self._asked_at = value, now
        return self._faults

    def _failed(self, alias: str, error: Exception) -> None:
        self._down_until = time.monotonic() + RETRY_SECONDS
        self._asked_at = float("-inf")
        logger.warning("The cache %r fails (%s): sessions are read from the database.", alias, error)

    # -- telling

    def all_change(self, using: str) -> bool:
        """Say that facts of many sessions change with this transaction; whether the cache took it."""

        def begin(cache: Any) -> None:
            cache.set(EPOCH, CHANGING, timeout=CHANGING_SECONDS)

        def done(cache: Any) -> None:
            cache.set(EPOCH, _new_epoch(), timeout=None)

        return self._tell(begin, done, using)

    def ended(self, sids: Iterable[str], using: str) -> bool:
        """Say that these sessions end, or change, with this transaction; whether the cache took it."""
        ending = list(sids)

        def mark(cache: Any) -> None:
            epoch = cache.get(EPOCH)
            if isinstance(epoch, str) and epoch != CHANGING:
                failed = cache.set_many({_entry(epoch, sid): ENDED for sid in ending}, timeout=ENDED_SECONDS)
                if failed:
                    raise OSError(f"{len(failed)} marks were not taken")

        return self._tell(mark, mark, using)

    def _tell(self, before: Callable[[Any], None], after: Callable[[Any], None], using: str) -> bool:
        """Tell the cache now, and again after the commit. A cache that is down is tried in any case: somebody else may reach it."""
        alias = access_settings.stateless_cache
        if alias is None:
            return True

        def again() -> None:
            if not self._try(alias, after):
                from .generations import fault

                fault()

        told = self._try(alias, before)
        transaction.on_commit(again, using=using, robust=True)
        return told

    def _try(self, alias: str, tell: Callable[[Any], None]) -> bool:
        try:
            tell(caches[alias])
        except Exception as error:  # noqa: BLE001
            self._failed(alias, error)
            return False
        return True


def _entry(epoch: str, sid: str) -> str:
    return f"apiaccess:session:{epoch}:{sid}"


def _new_epoch() -> str:
    return secrets.token_urlsafe(12)


def _reads_the_latest() -> bool:
    """Whether a statement of this connection sees what was committed just before it: not within a transaction that goes on seeing what
    was there when it began.
    """
    connection = connections[router.db_for_write(Generation)]
    if not connection.in_atomic_block:
        return True
    if connection.vendor != "postgresql":
        return False
    from django.db.backends.postgresql.psycopg_any import IsolationLevel

    isolation = connection.settings_dict.get("OPTIONS", {}).get("isolation_level")
    return isolation is None or isolation == IsolationLevel.READ_COMMITTED


shared_facts: Final = SharedFacts()
