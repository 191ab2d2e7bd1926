"""Refusals that cost no query: counted in the process, written in batches."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Final

from ..background import flusher
from ..core.reasons import Reason
from .models import Event
from .record import refused
from .source import Actor, Where
from .tags import Action

MOST_KINDS: Final = 1000
"""Different refusals held between two flushes; a flood beyond that is counted under one heading."""


class LaterRefusals:
    """Counts refusals that are alike (same reason, same address) since the last flush."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._counts: dict[tuple[Action, Reason, Where, str], int] = {}
        self._lock = threading.Lock()

    def add(self, action: Action, reason: Reason, where: Where, detail: str) -> None:
        alike = replace(where, request_id="")
        key = (action, reason, alike, detail)
        with self._lock:
            if key not in self._counts and len(self._counts) >= MOST_KINDS:
                key = (action, reason, Where(), "and others")
            self._counts[key] = self._counts.get(key, 0) + 1
        flusher.wake()

    def pending(self) -> bool:
        return bool(self._counts)

    def forget(self) -> None:
        """Drop what was collected."""
        self._begin()

    def flush(self) -> None:
        """Write one event for each kind, with its count."""
        with self._lock:
            counts, self._counts = self._counts, {}
        for (action, reason, where, detail), count in counts.items():
            by = Actor("anonymous", "", where=where)
            refused(action, reason, by=by, outcome=Event.Outcome.FAILED, detail=detail, count=count)


later: Final = LaterRefusals()
flusher.register(later)


def refused_later(action: Action, reason: Reason, *, where: Where, detail: str = "") -> None:
    """Count a refusal; its event is written within seconds, with how often it happened."""
    later.add(action, reason, where, detail)
