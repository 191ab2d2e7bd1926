"""What keys used of what they have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from ...audit import many
from ...audit.finding import Finding, Severity
from ...audit.many import some
from ...audit.rules import rule
from ...audit.run import Audit
from ..narrowing import WINDOW, unused_scopes
from .subjects import key_subject, usable


@rule(
    "keys.over-privileged",
    Severity.MEDIUM,
    title="API keys with scopes that they did not use in 90 days",
    why="What a program does not need, only a thief needs. Only keys whose scopes were recorded for all of that time are named.",
    fix="manage.py narrow_api_keys KEY_ID",
    references=("ASVS 13.2.2", "ASVS 8.2.1", "CWE-272"),
)
def over_privileged(audit: Audit) -> Iterator[Finding]:
    pairs = unused_scopes(WINDOW)
    told = dict(islice(pairs, many.MOST))
    keys = usable(audit.now).in_bulk(list(told))
    for pk, seen in told.items():
        if pk in keys:
            message = f"did not use {some(sorted(seen.goes))} in {WINDOW.days} days; it used {some(sorted(seen.used))}"
            yield audit.found(
                key_subject(keys[pk]),
                message,
                fix=f"manage.py narrow_api_keys {pk}",
                unused=sorted(seen.goes)[:20],
                stays=sorted(seen.stays)[:20],
            )
    rest = sum(1 for _pair in pairs)
    if rest:
        yield many.further(audit, "api_key", rest)
