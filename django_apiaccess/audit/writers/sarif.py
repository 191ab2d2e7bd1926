"""The report as SARIF 2.1.0 (OASIS), for code-scanning screens.

A finding about something that is no file, as a key, has a logical location and, since some screens show nothing without one, a physical
location: the settings module, else manage.py. What is known (baseline) is there as unchanged, what is accepted as suppressed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final
from urllib.parse import quote

from .. import places
from ..finding import Finding, Severity
from ..rules import Rule
from ..run import Ignored, Report
from ..words import plain

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
    Severity.INFO: "1.0",
}
"""`security-severity`, by which code-scanning screens sort: above 9.0 critical, 7.0 high, 4.0 medium."""
MOST: Final = 5000
"""Results in a run. GitHub shows 5,000 and refuses a file with more than 25,000 or of more than 10 MB."""
FALLBACK: Final = "manage.py"


def write(report: Report, out: Any) -> None:
    """One SARIF log with one run, in ASCII."""
    json.dump(as_log(report), out, indent=1, default=str)
    out.write("\n")


def as_log(report: Report) -> dict[str, Any]:
    """The log as plain data. The worst results first; of too many, the rest is left out, and a notification says so."""
    rules = list(report.rules)
    index = {rule.id: place for place, rule in enumerate(rules)}
    results = list(_results(report))
    found = {result["ruleId"] for result in results} - index.keys()
    descriptors = [_rule(rule) for rule in rules] + [
        {"id": name, "shortDescription": {"text": name}} for name in sorted(found)
    ]
    index |= {name: len(rules) + place for place, name in enumerate(sorted(found))}
    for result in results:
        result["ruleIndex"] = index[result["ruleId"]]
    run = {
        "tool": {
            "driver": {
                "name": "django-apiaccess",
                "semanticVersion": _version(),
                "rules": descriptors,
            }
        },
        "automationDetails": {"id": "audit_access/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report, max(0, len(results) - MOST))],
        "results": results[:MOST],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _invocation(report: Report, left_out: int) -> dict[str, Any]:
    made: dict[str, Any] = {"executionSuccessful": True, "endTimeUtc": report.at.isoformat()}
    if left_out:
        text = f"{left_out} results are left out: a run holds {MOST}. Use --only or --baseline, or the JSON report, which has all."
        made["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": text}}]
    return made


def _results(report: Report) -> Iterator[dict[str, Any]]:
    fallback = places.settings_file() or FALLBACK
    compared = bool(report.known)
    for finding in report.findings:
        yield _result(finding, fallback, **({"baselineState": "new"} if compared else {}))
    for finding in report.known:
        yield _result(finding, fallback, baselineState="unchanged")
    for ignored in report.ignored:
        yield _result(ignored.finding, fallback, suppressions=[_suppression(ignored)])


def _suppression(ignored: Ignored) -> dict[str, Any]:
    until = f" (until {ignored.until})" if ignored.until else ""
    return {"kind": "external", "status": "accepted", "justification": plain(f"{ignored.reason}{until}")}


def _rule(rule: Rule) -> dict[str, Any]:
    words = re.split(r"[^a-z0-9]+", rule.id)
    references = ", ".join(rule.references)
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in words),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {
            "text": f"{rule.why}\n\nFix: {rule.fix}\n\n{references}",
            "markdown": f"{rule.why}\n\n**Fix**\n\n```\n{rule.fix}\n```\n\n{references}",
        },
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "security-severity": SCORES[rule.severity],
            "tags": ["security", *_tags(rule)],
            "precision": "high",
        },
    }


def _tags(rule: Rule) -> Iterator[str]:
    """References as code-scanning screens know them: `external/cwe/cwe-306`. No more than they take (20)."""
    for reference in rule.references[:18]:
        number = reference.removeprefix("CWE-")
        yield f"external/cwe/cwe-{number}" if number.isdigit() else reference


def _result(finding: Finding, fallback: str, **more: Any) -> dict[str, Any]:
    subject = finding.subject
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": quote(subject.path or fallback), "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": max(1, subject.line)},
    }
    name = plain(str(subject)) or subject.kind
    logical = {"name": name, "fullyQualifiedName": plain(f"{subject.kind}:{subject.id}"), "kind": "resource"}
    text, fix = plain(f"{subject}: {finding.message}"), plain(finding.fix, lines=True)
    return {
        "ruleId": finding.rule,
        "level": LEVELS[finding.severity],
        "message": {"text": _escaped(f"{text}\nFix: {fix}" if fix else text)},
        "locations": [{"physicalLocation": physical, "logicalLocations": [logical]}],
        "partialFingerprints": {"apiaccess/v1": finding.fingerprint},
        "properties": {
            "security-severity": SCORES[finding.severity],
            "severity": finding.severity.word,
            "evidence": finding.evidence,
        },
        **more,
    }


def _escaped(text: str) -> str:
    """Text in which nothing is a link (SARIF 2.1.0 section 3.11.6)."""
    return re.sub(r"([\\\[\]])", r"\\\1", text)


def _version() -> str:
    try:
        return version("django-apiaccess")
    except PackageNotFoundError:
        return "0.0.0"
