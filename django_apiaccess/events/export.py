"""Events as JSON lines, with all that somebody else needs to verify the chain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from . import canonical
from .models import Event

CHUNK: Final = 1000
CHAIN: Final = ("uid", "salt", "commitment", "seq", "link", "erased")


def as_row(event: Event) -> dict[str, Any]:
    """One event as plain data; personal parts that were erased are empty."""
    named = ("at", *canonical.PUBLIC, *canonical.PERSONAL, *CHAIN)
    row = {name: getattr(event, name) for name in named}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def lines(events: QuerySet[Event]) -> Iterator[str]:
    """JSON lines of the events, in the order of the query, with flat memory."""
    for event in events.iterator(chunk_size=CHUNK):
        yield json.dumps(as_row(event), ensure_ascii=False, default=str)
