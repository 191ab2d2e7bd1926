"""The engine's own rules: about the audit itself."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..conf import access_settings
from . import places
from .finding import Finding, Severity
from .rules import all_rules, rule

if TYPE_CHECKING:
    from .run import Audit

FAILED: Final = "audit.rule-failed"
IGNORE: Final = 'API_ACCESS["AUDIT"]["IGNORE"]'


@rule(
    FAILED,
    Severity.MEDIUM,
    title="A rule could not run",
    why="What it looks for was not looked at. The log has the traceback.",
    fix="manage.py migrate; manage.py audit_access --only RULE",
    references=("ASVS 16.5.3",),
)
def rule_failed(audit: Audit) -> Iterator[Finding]:
    """Found by the run, not here."""
    yield from ()


@rule(
    "audit.ignore-over",
    Severity.LOW,
    title="Accepting a finding has ended",
    why="The day until which it was accepted has passed: it counts again.",
    fix="Mend what it was for, or give the entry another day and reason.",
    references=("ASVS 15.1.1",),
)
def ignore_over(audit: Audit) -> Iterator[Finding]:
    for entry in access_settings.AUDIT_IGNORE:
        if entry.until is not None and entry.until < audit.now.date():
            said = f"{entry.rule} on {entry.subject} was accepted until {entry.until}: {entry.reason}"
            yield audit.found(places.setting(IGNORE), said, aspect=f"{entry.rule}:{entry.subject}:{entry.until}")


@rule(
    "audit.ignore-unknown",
    Severity.LOW,
    title="IGNORE names a rule that does not exist",
    why="The entry accepts nothing. Either it has a typing error, or the rule is gone and the entry can go too.",
    fix="Correct the name, or remove the entry. manage.py audit_access --list-rules has them all.",
    references=("ASVS 15.1.1",),
)
def ignore_unknown(audit: Audit) -> Iterator[Finding]:
    known = [each.id for each in all_rules()]
    for entry in access_settings.AUDIT_IGNORE:
        if not any(fnmatch.fnmatchcase(name, entry.rule) for name in known):
            near = difflib.get_close_matches(entry.rule, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            yield audit.found(places.setting(IGNORE), f"names {entry.rule!r}.{hint}", aspect=entry.rule)
