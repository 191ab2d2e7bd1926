"""Request rates as text: `100/min`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

UNITS: Final = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
}
_RATE: Final = re.compile(r"([1-9][0-9]{0,8})\s*/\s*([1-9][0-9]{0,4})?\s*([a-z]+)")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` requests in each window of `seconds`."""

    limit: int
    seconds: int

    def __str__(self) -> str:
        name = {1: "s", 60: "min", 3600: "h", 86400: "day"}.get(self.seconds, f"{self.seconds}s")
        return f"{self.limit}/{name}"


@lru_cache(maxsize=512)
def parse_rate(text: str) -> Rate:
    """`100/min`, `5/s`, `1000/h`, `10000/day`, `20/30s`. Raises `ValueError` that says how to write it."""
    found = _RATE.fullmatch(text.strip().lower())
    if found is None or found[3] not in UNITS:
        raise ValueError(f"{text!r} is not a rate: write a number per s, min, h or day, as in 100/min.")
    return Rate(int(found[1]), int(found[2] or 1) * UNITS[found[3]])
