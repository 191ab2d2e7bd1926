"""Sealing: events are chained by SHA-256 in the order in which they are sealed, and the end of the chain is signed now and then.

Writing an event takes no lock. Sealing does, on the one row of `SealedTo`: a second sealer at the same moment waits and goes on from where
the first one came to. Rolled-back and late transactions leave no hole: the order is that of sealing.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC
from typing import Any, Final

from django.db import DatabaseError, router, transaction
from django.db.models import F
from django.utils import timezone

from ..background import flusher
from ..conf import access_settings
from . import canonical, sealing_key
from .delivery import background_delivery
from .models import Checkpoint, Event, SealedTo
from .source import Actor
from .tags import Action

BATCH: Final = 500
logger: Final = logging.getLogger("django_apiaccess.checkpoints")


def seal(*, most: int | None = None) -> int:
    """Seal what is not sealed, and sign where the chain ends. Returns how many events. Any number of processes may call it at once."""
    total = 0
    while most is None or total < most:
        with transaction.atomic(using=router.db_for_write(Event)):
            count = _seal_batch()
        total += count
        if count < BATCH:
            break
    return total


def end_of_chain() -> SealedTo:
    """Where the chain ends, locked until the transaction ends: who else seals or prunes waits. In a transaction.

    The write comes first: it takes the lock, on SQLite too, so what is read after it is the latest.
    """
    rows = SealedTo.objects.using(router.db_for_write(SealedTo)).filter(pk=1)
    if not rows.update(seq=F("seq")):
        rows.get_or_create(pk=1)
        rows.update(seq=F("seq"))
    return rows.get()


def _seal_batch() -> int:
    end = end_of_chain()
    unsealed = Event.objects.using(router.db_for_write(Event)).filter(seq=None)
    events = list(unsealed.order_by("pk")[:BATCH])
    if not events:
        return 0
    trace = _trace(end, events)
    if trace is not None:
        events.append(trace)
    seq, link = end.seq, end.link
    for event in events:
        seq += 1
        link = canonical.link(link, seq, canonical.content(event))
        event.seq, event.link, event.commitment = seq, link, canonical.commitment(event)
    unsealed.bulk_update(events, ["seq", "link", "commitment"])
    SealedTo.objects.using(router.db_for_write(SealedTo)).filter(pk=1).update(seq=seq, link=link)
    checkpoint(Checkpoint.Kind.SEAL, end.seq + 1, seq, link)
    return len(events)


def _trace(end: SealedTo, events: list[Event]) -> Event | None:
    """The event that tells of what was tampered with before it is sealed: the chain would else bless it. None: nothing was.

    It is sealed with the others, so that no SQL takes it away again: `verify` reports what it says for as long as it is there.
    """
    from .record import changed

    told: dict[str, Any] = {}
    odd = [place for place, event in enumerate(events, start=end.seq + 1) if not _is_vouched(event)]
    if odd:
        told["events"] = [[place, events[place - end.seq - 1].uid] for place in odd]
    if end.seq and not is_signed_end(end):
        told["unsigned_end"] = end.seq
    if not told:
        return None
    logger.error("The audit log was tampered with: %s", told)
    return changed(Action.EVENTS_UNVOUCHED, None, by=Actor.system(), label="the audit log", **told)


def _is_vouched(event: Event) -> bool:
    return canonical.is_vouched(event, access_settings.PEPPERS)


def is_signed_end(end: SealedTo) -> bool:
    """Whether a checkpoint of ours says that the chain ends there: its end in the database is not signed itself."""
    there = Checkpoint.objects.using(router.db_for_write(Checkpoint)).filter(seq=end.seq, link=end.link)
    return any(sealing_key.is_signed(said_by(row), row.key_id, row.signature) for row in there)


def checkpoint(kind: Checkpoint.Kind, first_seq: int, seq: int, link: str) -> Checkpoint:
    """Sign and store where the chain is. After commit it goes to the logger: a copy out of reach of who can change the database."""
    made = Checkpoint(kind=kind, first_seq=first_seq, seq=seq, link=link, at=timezone.now())
    made.key_id, made.signature = sealing_key.sign(said_by(made))
    made.save(force_insert=True)
    transaction.on_commit(lambda: announce(made), using=made._state.db, robust=True)
    return made


def said_by(made: Checkpoint) -> bytes:
    """What a checkpoint's signature is over."""
    at = made.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"django_apiaccess|{at}|{made.kind}|{made.first_seq}|{made.seq}|{made.link}".encode()


def as_line(made: Checkpoint) -> str:
    """A checkpoint as one line of a file."""
    return f"{made.at.isoformat()} {made.kind} {made.first_seq} {made.seq} {made.link} {made.key_id} {made.signature}"


def announce(made: Checkpoint) -> None:
    """To the logger `django_apiaccess.checkpoints`, and to the sinks that keep checkpoints."""
    from .sinks import sinks

    logger.info("%s", as_line(made))
    for sink in sinks():
        sink.safely_take_checkpoint(as_line(made))


class BackgroundSealer:
    """Seals in the flusher's thread, after `SEAL_EVERY` events of this process or `SEAL_AFTER` its first one that waits.

    Then the sinks that acknowledge are served. It is asked at every flush, so any use of the process will do; in a quiet time events wait
    for `seal_events`.
    """

    def __init__(self) -> None:
        self._count = 0
        self._since = 0.0
        self._busy = threading.Lock()

    def written(self, count: int) -> None:
        """This process wrote events. Cheap: called for every one."""
        if not self._count:
            self._since = time.monotonic()
        self._count += count
        if self.pending():
            flusher.wake()

    def pending(self) -> bool:
        waiting = time.monotonic() - self._since
        return bool(self._count) and (
            self._count >= access_settings.EVENTS_SEAL_EVERY
            or waiting >= access_settings.EVENTS_SEAL_AFTER.total_seconds()
        )

    def flush(self) -> None:
        if not self.pending() or not self._busy.acquire(blocking=False):
            return
        try:
            self._count = 0
            seal()
            background_delivery.start()
        except DatabaseError:
            self._count += 1  # the next flush tries again
            self._since = float("-inf")
            raise
        except Exception:  # whatever it is, the others of this flush are not to blame; `verify_events` says more
            logger.exception("Events could not be sealed")
        finally:
            self._busy.release()

    def forget(self) -> None:
        """Drop what was counted."""
        self._count = 0
        self._since = 0.0
        self._busy = threading.Lock()
        background_delivery.forget()


background_sealer: Final = BackgroundSealer()
flusher.register(background_sealer)
