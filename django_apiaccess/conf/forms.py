"""The forms that a setting's value may have: each function says what is wrong with a value, or gives None."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ..core.addresses import parse_networks
from ..core.durations import duration
from ..core.rates import parse_rate

Complaint = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Setting:
    """One entry of `API_ACCESS`: its default, and a function that says what is wrong with a value (or None)."""

    name: str
    default: Any
    complaint: Complaint


def table(*entries: Setting) -> dict[str, Setting]:
    """The entries by name."""
    return {entry.name: entry for entry in entries}


def one_of(words: Sequence[str]) -> Complaint:
    """One of these words."""

    def complaint(value: Any) -> str | None:
        return None if value in words else f"must be one of {', '.join(map(repr, words))}"

    return complaint


def entries_of(known: Mapping[str, Setting], example: str) -> Complaint:
    """A dict of entries: an unknown name is told with the nearest, a wrong value by the entry's own form."""

    def complaint(value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return f"must be a dict, as {example}"
        for name, given in value.items():
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"entries: {', '.join(sorted(known))}"
                return f"knows no entry {name!r}; {hint}"
            problem = known[name].complaint(given)
            if problem:
                return f"{name} {problem}"
        return None

    return complaint


def anything(value: Any) -> str | None:
    """Whatever it is: the feature's own checks look at it."""
    return None


def span(value: Any) -> str | None:
    """A length of time, 0 or more."""
    try:
        if duration(value) < timedelta(0):
            return "must not be negative"
    except (ValueError, TypeError, AttributeError):
        return "must be a timedelta or a text as '90d', '24h', '30m'"
    return None


def optional_span(value: Any) -> str | None:
    """A length of time, or None."""
    return None if value is None else span(value)


def positive_span(value: Any) -> str | None:
    """A length of time above 0."""
    return span(value) or (None if duration(value) else "must be above 0")


def optional_positive_span(value: Any) -> str | None:
    """A length of time above 0, or None."""
    return None if value is None else positive_span(value)


def seconds(value: Any) -> str | None:
    """A number of seconds, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return "must be a number of seconds, 0 or more"
    return None


def boolean(value: Any) -> str | None:
    """True or False."""
    return None if isinstance(value, bool) else "must be True or False"


def text(value: Any) -> str | None:
    """A text that is not empty."""
    return None if isinstance(value, str) and value else "must be a text that is not empty"


def optional_text(value: Any) -> str | None:
    """A text that is not empty, or None."""
    return None if value is None else text(value)


def count(value: Any) -> str | None:
    """A whole number above 0."""
    return None if isinstance(value, int) and not isinstance(value, bool) and value > 0 else "must be a number above 0"


def rate(value: Any) -> str | None:
    """So many in so long."""
    try:
        parse_rate(value)
    except (ValueError, TypeError, AttributeError):
        return "must be a rate, as '5/h' or '30/10m'"
    return None


def optional_alias(value: Any) -> str | None:
    """The name of a cache, or None."""
    return None if value is None or isinstance(value, str) else "must be None or the name of an entry of CACHES"


def networks(value: Any) -> str | None:
    """Networks in CIDR form."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return "must be a list of networks, as ['10.0.0.0/8']"
    try:
        parse_networks(" ".join(value))
    except (ValueError, TypeError) as error:
        return f"holds a bad network: {error}"
    return None


def up_to(longest: timedelta) -> Complaint:
    """A length of time above 0, at most `longest`."""

    def complaint(value: Any) -> str | None:
        wrong = span(value)
        if wrong is None and not timedelta(0) < duration(value) <= longest:
            return f"must be above 0 and at most {int(longest.total_seconds())} seconds"
        return wrong

    return complaint


def optional_function(value: Any) -> str | None:
    """A function or its dotted path, or None."""
    if value is None or callable(value) or (isinstance(value, str) and "." in value):
        return None
    return "must be None, a function of a principal and a set of scopes, or its dotted path"
