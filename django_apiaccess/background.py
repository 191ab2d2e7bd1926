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
from typing import Final, Protocol

from django.apps import apps
from django.db import Error, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

INTERVAL: Final = 1.0
PATIENCE: Final = 10.0
"""Seconds that the end of a process waits for a flush that is under way."""
LAST_TRIES: Final = 3
logger: Final = logging.getLogger("django_apiaccess")


class Collector(Protocol):
    """What collects something in the process, to be written later."""

    def pending(self) -> bool:
        """Whether something waits to be written."""

    def flush(self) -> None:
        """Write what was collected. Keeps it when it raises `django.db.Error`."""

    def forget(self) -> None:
        """Drop what was collected, and any lock: called in a forked child, whose parent writes its own."""


class Flusher:
    """Flushes the registered collectors a second after `wake`, in a thread with its own database connection."""

    def __init__(self) -> None:
        self._collectors: list[Collector] = []
        self._begin()

    def _begin(self) -> None:
        self._work = threading.Event()
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._seen_on: object = None  # the name of the database that what waits was seen on

    def register(self, collector: Collector) -> None:
        """Add a collector."""
        self._collectors.append(collector)

    def wake(self) -> None:
        """Say that something waits. Cheap: called by every request."""
        if self._work.is_set():
            return
        connection = _connection()
        self._seen_on = connection.settings_dict["NAME"]
        if _in_memory(connection):
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, name="django_apiaccess-flush", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter shuts down and starts no thread any more
                    return
                self._thread = thread
            self._work.set()

    def flush(self) -> bool:
        """Write everything now, in the calling thread. False when something could not be written and is kept."""
        with self._flushing:
            return self._flush()

    def _flush(self) -> bool:
        if self._seen_on not in (None, _connection().settings_dict["NAME"]):
            # the tests are over and their database is gone: nothing of theirs goes into the real one
            for collector in self._collectors:
                collector.forget()
        done = True
        for collector in self._collectors:
            try:
                collector.flush()
            except Error as error:
                logger.warning("Use counts could not be written and are kept for the next try: %s", error)
                done = False
        return done

    def finish(self) -> None:
        """The last flush, when the process ends. Waits for one that is under way: its thread dies with the process."""
        if not self._flushing.acquire(timeout=PATIENCE):
            return
        try:
            for _try in range(LAST_TRIES):
                if not any(collector.pending() for collector in self._collectors):
                    return
                connections.close_all()  # those of this thread may have died while it waited for its end
                self._flush()
        finally:
            self._flushing.release()

    def after_fork(self) -> None:
        """Begin anew in a child process: the parent's thread is not here, its locks are, and its counts are its own."""
        self._begin()
        for collector in self._collectors:
            collector.forget()

    def _run(self) -> None:
        while self._work.wait():
            time.sleep(INTERVAL)  # collect for a while: one write a second, however many requests
            self._work.clear()
            try:
                if not self.flush():
                    self._work.set()
            except Exception:  # the thread must live on: nobody would notice that it does not
                logger.exception("Use counts could not be written")
            finally:
                connections.close_all()  # only this thread's own


def _connection() -> BaseDatabaseWrapper:
    """This thread's connection to where keys are written. The model by name: this module stands below the features."""
    return connections[router.db_for_write(apps.get_model("django_apiaccess", "APIKey"))]


def _in_memory(connection: BaseDatabaseWrapper) -> bool:
    """Whether a second connection would lock its tables under the tests that use it."""
    return connection.vendor == "sqlite" and bool(connection.is_in_memory_db())  # type: ignore[attr-defined]


flusher: Final = Flusher()
atexit.register(flusher.finish)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=flusher.after_fork)
