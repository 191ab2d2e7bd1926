"""Last use of token sessions: collected in the process, written in batches."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Final

from django.db import router, transaction
from django.db.models import Q

from ..background import flusher
from .models import TokenSession


class SessionUsage:
    """Remembers when and from where each session was used last; the time only moves forward."""

    def __init__(self) -> None:
        self.forget()

    def record(self, session_id: int, address: str | None, at: datetime) -> None:
        """One use. No I/O."""
        with self._lock:
            self._seen[session_id] = (at, address)
        flusher.wake()

    def pending(self) -> bool:
        return bool(self._seen)

    def forget(self) -> None:
        """Drop what was collected (in a forked child)."""
        self._lock = threading.Lock()
        self._seen: dict[int, tuple[datetime, str | None]] = {}

    def flush(self) -> None:
        """Write what was collected; on a database error it is kept and raised."""
        with self._lock:
            seen, self._seen = self._seen, {}
        if not seen:
            return
        try:
            with transaction.atomic(using=router.db_for_write(TokenSession)):
                for session_id, (at, address) in sorted(seen.items()):
                    older = Q(last_used_at=None) | Q(last_used_at__lt=at)
                    TokenSession.objects.filter(older, pk=session_id).update(last_used_at=at, last_used_from=address)
        except BaseException:
            with self._lock:
                self._seen = {**seen, **self._seen}
            raise


usage: Final = SessionUsage()
flusher.register(usage)
