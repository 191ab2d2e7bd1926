"""Lengths of time as text: `90d`, `24h`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_PART: Final = re.compile(r"([0-9]{1,9})([smhdwy])")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+")


@lru_cache(maxsize=512)
def parse_duration(text: str) -> timedelta:
    """The length of time in `text`: numbers with s, m, h, d, w or y, or a bare `0`. Raises `ValueError` that says how to write it."""
    text = text.strip().lower()
    if text == "0":
        return timedelta(0)
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration: write 90d, 24h, 30m, 45s, 2w or 1y.")
    try:
        return timedelta(seconds=sum(int(number) * UNITS[unit] for number, unit in _PART.findall(text)))
    except OverflowError:
        raise ValueError(f"{text!r} is too long a duration.") from None


def duration(value: timedelta | str | int) -> timedelta:
    """A setting's duration: a `timedelta`, a text for `parse_duration`, or a number of seconds."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool):
        raise ValueError("A duration is a timedelta or a text as '90d', not a truth value.")  # noqa: TRY004 - one error for all
    if isinstance(value, int):
        return timedelta(seconds=value)
    return parse_duration(value)


def humanise(length: timedelta) -> str:
    """The largest unit that divides `length`: `90d`, `36h`, `90s`."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
