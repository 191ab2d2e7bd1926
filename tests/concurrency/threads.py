"""Threads that run against each other, each with its own database connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections

PATIENCE = 30.0
"""Seconds after which a thread counts as stuck."""


def race(*calls: Callable[[], Any]) -> list[Any]:
    """Start all calls at the same moment, each in a thread. What each returned or raised, in their order."""
    start = threading.Barrier(len(calls))
    outcomes: list[Any] = [None] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        try:
            start.wait(PATIENCE)
            outcomes[index] = call()
        except Exception as error:  # noqa: BLE001 - the test judges it
            outcomes[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "a thread is stuck"
    return outcomes


@contextmanager
def stop_before(fragment: str, wait: Callable[[], Any]) -> Iterator[None]:
    """Call `wait` before the first statement of this thread that holds `fragment`: the place where others come in between."""
    waited = False

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal waited
        if not waited and fragment in sql:
            waited = True
            wait()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield
    assert waited, f"no statement with {fragment!r} ran"


def raised(outcomes: list[Any]) -> list[Exception]:
    """The exceptions among the outcomes of a race."""
    return [outcome for outcome in outcomes if isinstance(outcome, Exception)]


def returned(outcomes: list[Any]) -> list[Any]:
    """The rest."""
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
