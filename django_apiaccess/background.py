"""Work that a request leaves for later: written in batches by one daemon thread a process.

Nothing here is needed for a decision. A clean stop of the process flushes what is left; what a killed process held (at
most `INTERVAL` seconds of use counts) is lost.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from django.apps import apps
from django.db import DatabaseError, connections, router

INTERVAL: Final = 1.0
logger: Final = logging.getLogger("django_apiaccess")


class Flusher:
    """Runs the registered flush functions a second after `wake`, in a thread with its own database connection."""

    def __init__(self) -> None:
        self._jobs: list[Callable[[], None]] = []
        self._work = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = 0

    def register(self, job: Callable[[], None]) -> None:
        """Add a function that writes what it has collected. It keeps its data when it raises `DatabaseError`."""
        self._jobs.append(job)

    def wake(self) -> None:
        """Say that something waits. Cheap: called by every request."""
        if self._work.is_set() and self._pid == os.getpid():
            return
        if not self._may_run():
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive() or self._pid != os.getpid():
                self._work = threading.Event()
                self._pid = os.getpid()
                self._thread = threading.Thread(target=self._run, name="django_apiaccess-flush", daemon=True)
                self._thread.start()
            self._work.set()

    def flush(self) -> None:
        """Write everything now, in the calling thread."""
        for job in self._jobs:
            try:
                job()
            except DatabaseError as error:
                logger.warning("Use counts could not be written and are kept for the next try: %s", error)

    def _run(self) -> None:
        while self._work.wait():
            time.sleep(INTERVAL)  # collect for a while: one write a second, however many requests
            self._work.clear()
            self.flush()
            connections.close_all()  # only this thread's own

    @staticmethod
    def _may_run() -> bool:
        """Not on a database that lives in memory: a second connection would lock its tables under the tests that use it."""
        connection = connections[router.db_for_write(apps.get_model("django_apiaccess", "APIKey"))]
        return connection.vendor != "sqlite" or not connection.is_in_memory_db()  # type: ignore[attr-defined]


flusher: Final = Flusher()
atexit.register(flusher.flush)
