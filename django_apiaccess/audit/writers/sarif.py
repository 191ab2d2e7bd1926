"""The report as SARIF 2.1.0 (OASIS), for code-scanning screens.

A finding about something that is no file, as a key, has a logical location and, since some screens show nothing without one, a physical
location at the project's manage.py.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from ..finding import Finding, Severity
from ..rules import Rule
from ..run import Report

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
SCORES: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.INFO: "0.0",
}
"""`security-severity`, by which code-scanning screens sort: above 9.0 critical, 7.0 high, 4.0 medium."""
FALLBACK: Final = "manage.py"


def write(report: Report, out: Any) -> None:
    """One SARIF log with one run."""
    json.dump(as_log(report), out, indent=2, ensure_ascii=False, default=str)
    out.write("\n")


def as_log(report: Report) -> dict[str, Any]:
    """The log as plain data."""
    ids = {finding.rule for finding in report.findings}
    known = {rule.id: _rule(rule) for rule in report.rules}
    rules = [*known.values(), *({"id": name, "name": name} for name in sorted(ids - known.keys()))]
    places = {rule["id"]: place for place, rule in enumerate(rules)}
    results = [_result(finding, places[finding.rule]) for finding in report.findings]
    results += [
        {
            **_result(each.finding, places[each.finding.rule]),
            "suppressions": [{"kind": "external", "justification": each.reason}],
        }
        for each in report.ignored
        if each.finding.rule in places
    ]
    driver = {"name": "django-apiaccess", "semanticVersion": _version(), "rules": rules}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.title,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\n{rule.fix}", "markdown": f"{rule.why}\n\n```\n{rule.fix}\n```"},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "security-severity": SCORES[rule.severity],
            "tags": ["security", *rule.references],
            "precision": "high",
        },
    }


def _result(finding: Finding, place: int) -> dict[str, Any]:
    subject = finding.subject
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": subject.path or FALLBACK},
        "region": {"startLine": max(1, subject.line)},
    }
    logical = {"name": str(subject), "fullyQualifiedName": f"{subject.kind}:{subject.id}", "kind": "resource"}
    return {
        "ruleId": finding.rule,
        "ruleIndex": place,
        "level": LEVELS[finding.severity],
        "message": {"text": f"{subject}: {finding.message} Fix: {finding.fix}"},
        "locations": [{"physicalLocation": physical, "logicalLocations": [logical]}],
        "partialFingerprints": {"apiaccess/v1": finding.fingerprint},
        "properties": {"security-severity": SCORES[finding.severity], "evidence": finding.evidence},
    }


def _version() -> str:
    try:
        return version("django-apiaccess")
    except PackageNotFoundError:
        return "0.0.0"
