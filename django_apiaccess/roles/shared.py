"""What all workers know of token sessions without asking the database: facts in the shared cache (`STATELESS_SECONDS`).

An entry is an allowance, never a denial. Where it is missing, because it was evicted, flushed, never written, or because the cache is
down, the database is asked: losing entries can make a request slower, and revives nothing.

- `apiaccess:epoch` is a random value that is part of every entry's name. A change that may concern many sessions (a role, a grant, a user,
  a signing key) gives it a new value when it begins and again when it is committed: all entries are lost at once.
- `apiaccess:changing:<kind>` names the change that is on its way, `apiaccess:changed:<kind>` the last one that was told as committed. While
  they differ nothing is kept. A change writes its own name alone, so none says that another is over, and changes of a kind wait for each
  other in the database. One whose process dies is taken to be on its way until the first mark is gone.
- `apiaccess:session:<place>:<epoch>:<sid>` holds the facts of one session; `places` says what a place is. A session that ends is marked
  there, and in `apiaccess:ended:<sid>` for every epoch, before its end is committed and once more afterwards; facts are only ever added, so
  a slow reader cannot put old ones over the mark.

What is told is read back: some clients of a cache that fails say nothing of it.

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
from . import places
from .models import Generation
from .places import EPOCH, KINDS

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
    within: str | None = None
    faults: int | None = None


NOTHING: Final = Found()
PAIRS: Final = tuple((places.changing(kind), places.changed(kind)) for kind in KINDS)
MARKS: Final = tuple(name for pair in PAIRS for name in pair)


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
        self._place = ""
        self._asked_at = float("-inf")

    # -- reading

    def find(self, sid: str) -> Found:
        """Ask the cache: one round trip, no statement but the one in `GENERATION_SECONDS`."""
        alias = access_settings.stateless_cache
        if alias is None or time.monotonic() < self._down_until:
            return NOTHING
        faults, place = self._standing()
        try:
            within, entry = self._ask(caches[alias], place, sid)
        except Exception as error:  # noqa: BLE001 - every cache backend has its own errors, and none may open the gate
            self._failed(alias, error)
            return NOTHING
        if within is None:
            return NOTHING
        known = isinstance(entry, tuple) and len(entry) == 2 and entry[0] == faults
        return Found(entry[1] if known else None, within, faults)

    def _ask(self, cache: Any, place: str, sid: str) -> tuple[str | None, Any]:
        """Where facts of the session are, and the entry; nowhere while a change is on its way, and for one that ended."""
        name, ended = places.facts(f"{place}:{self._epoch}", sid), places.ended(sid)
        found = cache.get_many([EPOCH, name, ended, *MARKS])
        if ended in found or _on_its_way(found):
            return None, None
        epoch = found.get(EPOCH)
        if (
            epoch is None
        ):  # a new cache, or one that lost it: what it may still hold belongs to an epoch that never comes back
            cache.add(EPOCH, _new_name(), timeout=None)
            epoch = cache.get(EPOCH)
        if not isinstance(epoch, str):
            return None, None
        if epoch == self._epoch:
            return f"{place}:{epoch}", found.get(name)
        name = places.facts(f"{place}:{epoch}", sid)
        found = cache.get_many([name, *MARKS])  # a change marks itself before it begins an epoch: read in that order
        if _on_its_way(found):
            return None, None
        self._epoch = epoch
        return f"{place}:{epoch}", found.get(name)

    def keep(self, found: Found, sid: str, facts: Any) -> None:
        """Keep what the database said after `found` was asked for, unless the session ended meanwhile, or the read may be an old one."""
        alias = access_settings.stateless_cache
        if alias is None or found.within is None or not _reads_the_latest():
            return
        try:
            seconds = access_settings.STATELESS_SECONDS
            caches[alias].add(places.facts(found.within, sid), (found.faults, facts), timeout=max(1, int(seconds)))
        except Exception as error:  # noqa: BLE001
            self._failed(alias, error)

    def _standing(self) -> tuple[int | None, str]:
        """The generation `shared_cache` and the place, as this process read them at most `GENERATION_SECONDS` ago."""
        now = time.monotonic()
        if now - self._asked_at >= access_settings.GENERATION_SECONDS:
            faults, place = places.standing(router.db_for_write(Generation))
            with self._lock:
                if now > self._asked_at:
                    self._faults, self._place, self._asked_at = faults, place, now
        return self._faults, self._place

    def _failed(self, alias: str, error: Exception) -> None:
        self._down_until = time.monotonic() + RETRY_SECONDS
        self._asked_at = float("-inf")
        logger.warning("The cache %r fails (%s): sessions are read from the database.", alias, error)

    # -- telling

    def all_change(self, kind: str, using: str) -> bool:
        """Say that facts of many sessions change with this transaction; whether the cache took it. Called under the lock of the kind."""
        own = _new_name()

        def begin(cache: Any) -> None:
            _put(cache, places.changing(kind), own, CHANGING_SECONDS)
            _put(cache, EPOCH, _new_name())

        def done(cache: Any) -> None:
            _put(cache, EPOCH, _new_name())
            cache.set(places.changed(kind), own, timeout=2 * CHANGING_SECONDS)

        return self._tell(begin, done, using)

    def ended(self, sids: Iterable[str], using: str) -> bool:
        """Say that these sessions end, or change, with this transaction; whether the cache took it."""
        ending = list(sids)
        if not ending or access_settings.stateless_cache is None:
            return True
        _faults, place = self._standing()

        def mark(cache: Any) -> None:
            epoch = cache.get(EPOCH)
            names = [places.ended(sid) for sid in ending]
            if isinstance(epoch, str):
                names += [places.facts(f"{place}:{epoch}", sid) for sid in ending]
            cache.set_many(dict.fromkeys(names, ENDED), timeout=ENDED_SECONDS)
            taken = cache.get_many(names)
            lost = [name for name in names if taken.get(name) != ENDED]
            if lost:
                raise OSError(f"{len(lost)} marks were not taken")

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


def _new_name() -> str:
    return secrets.token_urlsafe(12)


def _on_its_way(found: dict[str, Any]) -> bool:
    """Whether any change was marked that has not been told as committed."""
    return any(begun in found and found[begun] != found.get(over) for begun, over in PAIRS)


def _put(cache: Any, name: str, value: str, timeout: int | None = None) -> None:
    """Replace what is there, whoever else does at the same moment. Raises `OSError` where the old value stays."""
    before = cache.get(name)
    cache.set(name, value, timeout=timeout)
    if cache.get(name) in {None, before}:
        raise OSError(f"{name} was not taken")


def _reads_the_latest() -> bool:
    """Whether a statement of this connection sees what was committed just before it: not within a transaction that goes on seeing what
    was there when it began. PostgreSQL is asked: options of the connection, the role, the database and `SET` all say how it isolates.
    """
    connection = connections[router.db_for_write(Generation)]
    if connection.get_autocommit():
        return True
    if connection.vendor != "postgresql" or connection.needs_rollback:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        return bool(cursor.fetchone() == ("read committed",))


shared_facts: Final = SharedFacts()
