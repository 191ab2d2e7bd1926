"""The report as one self-contained page that a manager reads: a verdict, what is wrong and how to mend it, who reaches what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from django.template import Context, Engine

from ...conf import access_settings
from .. import places
from ..finding import Finding, Severity
from ..heat import Row, heat_map
from ..rules import Rule
from ..run import Report
from ..words import plain

PLENTY: Final = 200
"""Subjects of one rule on the page; a page with a hundred thousand is read by nobody."""
FIRST: Final = 5
"""Those that are shown at once; the others unfold."""
FOLDER: Final = Path(__file__).resolve().parents[2] / "templates" / "django_apiaccess" / "audit"
VERDICTS: Final = {
    Severity.CRITICAL: "Somebody can get in, or get more than they should, right now.",
    Severity.HIGH: "One mistake away from somebody getting in.",
    Severity.MEDIUM: "Nothing is open, but layers of protection are missing.",
    Severity.LOW: "In good order; there is something to tidy up.",
    Severity.INFO: "In good order.",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A finding as the page shows it."""

    subject: str
    message: str
    fix: str
    place: str
    rule: str

    @classmethod
    def of(cls, finding: Finding) -> Item:
        subject = finding.subject
        place = f"{subject.path}:{subject.line}" if subject.line else subject.path
        fix = plain(finding.fix, lines=True)
        return cls(plain(str(subject)), plain(finding.message), fix, plain(place), finding.rule)


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of one rule and severity."""

    severity: str
    id: str
    title: str
    rule: Rule | None
    findings: list[Finding]

    @property
    def first(self) -> list[Item]:
        return [Item.of(finding) for finding in self.findings[:FIRST]]

    @property
    def rest(self) -> list[Item]:
        return [Item.of(finding) for finding in self.findings[FIRST:PLENTY]]

    @property
    def more(self) -> int:
        return max(0, len(self.findings) - PLENTY)


def write(report: Report, out: Any) -> None:
    """One HTML page: no script, no request to anywhere. The project's own template engines are not asked."""
    worst = report.worst()
    found = heat_map(report)
    rules_with_findings = {finding.rule for finding in report.findings}
    context = {
        "report": report,
        "project": _project(),
        "counts": report.counts(),
        "areas": list(_areas(report)),
        "groups": list(_groups(report)),
        "worst": worst.word if worst else "none",
        "verdict": VERDICTS[worst] if worst else "Nothing was found.",
        "ignored": [(Item.of(each.finding), plain(each.reason), each.until) for each in report.ignored],
        "map": found,
        "roles": [(plain(role), grants) for role, grants in found.columns] if found else [],
        "paths": list(_paths(row for row in found.rows if not row.own)) if found else [],
        "own_paths": list(_paths(row for row in found.rows if row.own)) if found else [],
        "clean": [rule for rule in report.rules if rule.id not in rules_with_findings],
    }
    template = Engine(dirs=[str(FOLDER)], autoescape=True).get_template("report.html")
    out.write(template.render(Context(context)))


def _project() -> str:
    """What the page is about: where the site is, else the name of its settings."""
    issuer = access_settings.ISSUER
    return issuer if issuer.startswith("http") else places.settings_module().partition(".")[0]


def _groups(report: Report) -> Iterator[Group]:
    rules = {rule.id: rule for rule in report.rules}
    for (severity, name), found in groupby(report.findings, key=lambda finding: (-finding.severity, finding.rule)):
        rule = rules.get(name)
        yield Group(Severity(-severity).word, name, rule.title if rule else name, rule, list(found))


def _areas(report: Report) -> Iterator[tuple[str, list[tuple[str, int]], int]]:
    """For each area of rules: its findings by severity, and how many rules looked."""
    severities = sorted(Severity, reverse=True)
    for area in sorted({rule.area for rule in report.rules}):
        found = [finding for finding in report.findings if finding.rule.partition(".")[0] == area]
        counts = [(each.word, sum(finding.severity is each for finding in found)) for each in severities]
        yield area, counts, sum(rule.area == area for rule in report.rules)


def _paths(rows_of_map: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Rows of the map by path, so that a path stands once."""
    for path, rows in groupby(rows_of_map, key=lambda row: row.path):
        yield plain(path), [replace(row, asks=plain(row.asks)) for row in rows]
