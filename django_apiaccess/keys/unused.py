"""Ending keys that nobody uses, without ending one that somebody does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.db.models.functions import Coalesce
from django.utils import timezone

from ..background import INTERVAL
from .models import APIKey

SETTLE: Final = 2 * INTERVAL
"""Seconds after which every process has written the uses that it had collected: so long a use may be known to nobody else."""
CHUNK: Final = 1000


def needed(ids: Iterable[int], length: timedelta) -> set[int]:
    """Those of the keys through which, at whatever distance, a usable key was issued that was used or made within `length`.

    They end with the key that they came from: a key that only ever issued others is in use as long as one of those is.
    """
    since = timezone.now() - length
    above: dict[int, int] = {}
    fresh: list[int] = []
    level = sorted(ids)
    while level:
        below: list[int] = []
        for start in range(0, len(level), CHUNK):
            issued = APIKey.objects.usable().filter(issued_via__in=level[start : start + CHUNK])
            for pk, parent, seen in issued.values_list("pk", "issued_via", Coalesce("last_used_at", "created_at")):
                if pk not in above:
                    above[pk] = parent
                    below.append(pk)
                    if seen >= since:
                        fresh.append(pk)
        level = below
    found: set[int] = set()
    for used in fresh:
        key: int | None = above.get(used)
        while key is not None:
            found.add(key)
            key = above.get(key)
    return found
