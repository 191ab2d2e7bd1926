"""What `prune_access` is made of: kinds of things that end. Light, so that apps can add theirs at start-up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import models

BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of thing that ends: a word for it, and the primary keys of those that ended, batch by batch."""

    name: str
    model: type[models.Model]
    ended: Callable[[], Iterator[list[Any]]]


FURTHER_PARTS: Final[dict[str, Callable[[datetime, timedelta], Iterator[Part]]]] = {}
"""What apps of their own add when they are ready, by the app: `(now, keep)` gives the parts."""


def ids_of(found: Any, *, newest_first: bool = False) -> Iterator[list[Any]]:
    """The primary keys of a queryset in their order, `BATCH` at a time: it goes on from the last one, whether those were deleted or not."""
    order, further = ("-pk", "pk__lt") if newest_first else ("pk", "pk__gt")
    last: Any = None
    while True:
        rows = found.order_by(order) if last is None else found.filter(**{further: last}).order_by(order)
        ids = list(rows.values_list("pk", flat=True)[:BATCH])
        if not ids:
            return
        last = ids[-1]
        yield ids
