"""How far a long command is, on stderr: a bar on a terminal, else a line every few seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

EVERY: Final = 5.0


class Step(Protocol):
    """Call it with the number of things just done."""

    def __call__(self, done: int, /) -> None: ...


@contextmanager
def progress(err: Any, what: str, total: int | None = None, *, quiet: bool = False) -> Iterator[Step]:
    """A function to call with the number of things just done; `what` names them, `total` is how many there will be."""
    if quiet:
        yield lambda _done: None
    elif bool(getattr(err, "isatty", bool)()):
        yield from _bar(what, total)
    else:
        yield _lines(err, what, total)


def _bar(what: str, total: int | None) -> Iterator[Step]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


def _lines(err: Any, what: str, total: int | None) -> Step:
    seen, last = 0, time.monotonic()
    of = "" if total is None else f" of {total}"

    def step(done: int) -> None:
        nonlocal seen, last
        seen += done
        now = time.monotonic()
        if now - last >= EVERY:
            last = now
            err.write(f"{seen}{of} {what}")

    return step
