"""The run: every rule once, on the live project. What is ignored on purpose is set apart, and a rule that fails says so."""

from __future__ import annotations

import fnmatch
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, TypeVar

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from ..conf import access_settings
from .finding import Finding, Severity, Subject
from .rules import Rule, all_rules

Fact = TypeVar("Fact")
FAILED: Final = "audit.rule-failed"
NAMED_IN_CODE: Final = frozenset({"endpoint", "view", "setting", "package", "password_hash", "audit_log"})
"""Kinds of subjects whose labels nobody chooses at run time; the others are accepted by their id alone."""
logger: Final = logging.getLogger("django_apiaccess")


class Audit:
    """What a rule sees of the run: the time, and facts that several rules share, each worked out once."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._facts: dict[Any, Any] = {}
        self._failed: dict[Any, Exception] = {}
        self.told: list[Exception] = []
        """Errors whose traceback is in the log already."""
        self.rule: Rule | None = None

    def fact(self, make: Callable[..., Fact], *args: Any) -> Fact:
        """What `make(*args)` returns, made once a run: `audit.fact(all_endpoints)`. The arguments are always the same (`audit`)."""
        if make in self._failed:
            raise self._failed[make]
        if make not in self._facts:
            try:
                self._facts[make] = make(*args)
            except Exception as error:
                self._failed[make] = error
                raise
        found: Fact = self._facts[make]
        return found

    def found(
        self,
        subject: Subject,
        message: str,
        *,
        fix: str = "",
        severity: Severity | None = None,
        aspect: str = "",
        **evidence: Any,
    ) -> Finding:
        """A finding of the rule that runs, with its severity and fix where nothing else is said."""
        assert self.rule is not None
        return Finding(
            self.rule.id, severity or self.rule.severity, subject, message, fix or self.rule.fix, evidence, aspect
        )


@dataclass(frozen=True, slots=True)
class Ignored:
    """A finding that the project accepts, and why."""

    finding: Finding
    reason: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome. `findings` are worst first; `known` were in the baseline already."""

    at: datetime
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...] = ()
    known: tuple[Finding, ...] = ()
    seconds: float = 0.0
    facts: Mapping[Any, Any] = field(default_factory=dict, repr=False)

    def counts(self) -> dict[str, int]:
        """How many findings of each severity, the worst first, those without any too."""
        return {
            severity.word: sum(finding.severity is severity for finding in self.findings)
            for severity in sorted(Severity, reverse=True)
        }

    def worst(self) -> Severity | None:
        """The highest severity there is."""
        return max((finding.severity for finding in self.findings), default=None)


def run(rules: Iterable[Rule] | None = None, *, baseline: frozenset[str] = frozenset()) -> Report:
    """Run the rules (all). `baseline`: fingerprints of findings that are known and only counted."""
    chosen = tuple(all_rules() if rules is None else rules)
    started, audit = time.perf_counter(), Audit(timezone.now())
    findings = [finding for rule in chosen for finding in _findings_of(rule, audit)]
    accepted, kept = _without_ignored(findings, audit.now)
    new = [finding for finding in kept if finding.fingerprint not in baseline]
    known = [finding for finding in kept if finding.fingerprint in baseline]
    order = sorted(
        new, key=lambda finding: (-finding.severity, finding.rule, finding.subject.kind, str(finding.subject))
    )
    seconds = time.perf_counter() - started
    return Report(audit.now, chosen, tuple(order), tuple(accepted), tuple(known), seconds, audit._facts)  # noqa: SLF001 - its own


def _findings_of(rule: Rule, audit: Audit) -> list[Finding]:
    audit.rule = rule
    try:
        with _changing_nothing():
            return list(rule.check(audit))
    except Exception as error:  # one rule must not hide what the others find
        message = f"{type(error).__name__}: what it looks for was not looked at"
        fix = f"manage.py audit_access --only {rule.id}  # and see the traceback in the log"
        if isinstance(error, DatabaseError) and ("no such table" in str(error) or "does not exist" in str(error)):
            fix = "manage.py migrate"
            audit.told.append(error)  # a traceback would say no more
        untold = not any(each is error for each in audit.told)
        said = str(error)
        logger.exception("The audit rule %s failed: %s", rule.id, said, exc_info=untold)
        audit.told.append(error)
        return [Finding(FAILED, Severity.MEDIUM, Subject("rule", rule.id), message, fix)]


@contextmanager
def _changing_nothing() -> Iterator[None]:
    """A transaction that is rolled back: also a rule that somebody wrote badly changes nothing. Without a database, nothing."""
    try:
        connection.ensure_connection()
    except DatabaseError:
        yield
        return
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _without_ignored(findings: list[Finding], now: datetime) -> tuple[list[Ignored], list[Finding]]:
    """Those that the setting AUDIT["IGNORE"] accepts, and the rest. An entry whose day has passed accepts nothing (`own.ignore_over`)."""
    ignored: list[Ignored] = []
    rest: list[Finding] = []
    entries = [entry for entry in access_settings.AUDIT_IGNORE if entry.until is None or entry.until >= now.date()]
    for finding in findings:
        entry = next((entry for entry in entries if _matches(entry, finding)), None)
        if entry is None:
            rest.append(finding)
        else:
            ignored.append(Ignored(finding, entry.reason, entry.until))
    return ignored, rest


def _matches(entry: Any, finding: Finding) -> bool:
    subject = finding.subject
    known_by = [subject.id, f"{subject.kind}:{subject.id}"]
    if subject.kind in NAMED_IN_CODE:  # whoever names a key must not choose what is accepted of it
        known_by.append(subject.label)
    return fnmatch.fnmatchcase(finding.rule, entry.rule) and any(
        text == entry.subject or fnmatch.fnmatchcase(text, entry.subject) for text in known_by
    )
