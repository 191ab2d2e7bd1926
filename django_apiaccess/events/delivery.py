"""Delivery of sealed events to the sinks that acknowledge: in order, at least once, with pauses that grow while a sink fails."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from .export import as_row
from .models import Delivered, Event
from .sinks import Sink, sinks

BATCH: Final = 100
LONGEST_PAUSE: Final = timedelta(minutes=10)
CLAIM: Final = timedelta(minutes=1)
"""How long a process that delivers keeps others from delivering the same; one that died is overtaken after that."""
logger: Final = logging.getLogger("django_apiaccess")


def deliver() -> dict[str, int]:
    """Hand the sinks what they do not have yet. How many events each took now."""
    return {sink.name: _deliver_to(sink) for sink in sinks() if sink.acknowledges}


def _deliver_to(sink: Sink) -> int:
    total = 0
    while True:
        claimed = _claim(sink.name)
        if claimed is None:
            return total
        events = list(Event.objects.filter(seq__gt=claimed).order_by("seq")[:BATCH])
        if not events:
            _release(sink.name, claimed)
            return total
        try:
            sink.take_sealed([as_row(event) for event in events])
        except Exception as error:  # noqa: BLE001 - whatever it is, the events stay where they are
            logger.warning("The sink %s took nothing: %s", sink.name, error)
            _postpone(sink.name)
            return total
        _release(sink.name, events[-1].seq or 0)
        total += len(events)


def _claim(name: str) -> int | None:
    """How far the sink is, with the right to deliver on; None: another process does, or it must be left alone for a while."""
    now = timezone.now()
    row = Delivered.objects.filter(pk=name).first()
    if row is None:
        try:
            with transaction.atomic():
                Delivered.objects.create(sink=name, retry_at=now + CLAIM)
        except IntegrityError:
            return None
        return 0
    if row.retry_at is not None and row.retry_at > now:
        return None
    mine = Delivered.objects.filter(pk=name, seq=row.seq, retry_at=row.retry_at)
    return row.seq if mine.update(retry_at=now + CLAIM) else None


def _release(name: str, seq: int) -> None:
    Delivered.objects.filter(pk=name, seq__lte=seq).update(seq=seq, failures=0, retry_at=None)


def _postpone(name: str) -> None:
    row = Delivered.objects.get(pk=name)
    pause = min(timedelta(seconds=2 ** min(row.failures, 20)), LONGEST_PAUSE)
    Delivered.objects.filter(pk=name).update(failures=row.failures + 1, retry_at=timezone.now() + pause)


def waiting() -> dict[str, Any]:
    """How many sealed events each sink does not have yet, for reports."""
    last = Event.objects.filter(seq__isnull=False).order_by("-seq").values_list("seq", flat=True).first() or 0
    known = dict(Delivered.objects.values_list("sink", "seq"))
    return {sink.name: last - known.get(sink.name, 0) for sink in sinks() if sink.acknowledges}


def taken_by_all() -> int | None:
    """Up to where every sink that acknowledges has the events. None: there is no such sink."""
    names = [sink.name for sink in sinks() if sink.acknowledges]
    known = dict(Delivered.objects.filter(sink__in=names).values_list("sink", "seq"))
    return min((known.get(name, 0) for name in names), default=None)


class BackgroundDelivery:
    """Delivers in a thread of its own: a sink that is slow holds up nobody, the flusher included."""

    def __init__(self) -> None:
        self._running = threading.Lock()

    def start(self) -> None:
        """Deliver what waits, unless this process does already or no sink acknowledges."""
        if not any(sink.acknowledges for sink in sinks()) or not self._running.acquire(blocking=False):
            return
        thread = threading.Thread(target=self._run, name="django_apiaccess-deliver", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter shuts down: another process or `seal_events` goes on
            self._running.release()

    def _run(self) -> None:
        try:
            deliver()
        except Exception:  # the events stay where they are, and the next sealing tries again
            logger.exception("Events could not be delivered")
        finally:
            connections.close_all()  # only this thread's own
            self._running.release()

    def forget(self) -> None:
        """Begin anew in a child process, where the parent's thread is not."""
        self._running = threading.Lock()


background_delivery: Final = BackgroundDelivery()
