"""The report as JSON."""

from __future__ import annotations

import json
from typing import Any

from ..finding import Finding
from ..run import Report


def write(report: Report, out: Any) -> None:
    """One JSON object, in ASCII: what a terminal would act on is escaped."""
    json.dump(as_data(report), out, indent=2, default=str)
    out.write("\n")


def as_data(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "version": 1,
        "at": report.at.isoformat(),
        "seconds": round(report.seconds, 3),
        "counts": report.counts(),
        "known": len(report.known),
        "findings": [finding_as_data(finding) for finding in report.findings],
        "ignored": [
            {**finding_as_data(each.finding), "reason": each.reason, "until": str(each.until) if each.until else None}
            for each in report.ignored
        ],
        "rules": [
            {
                "id": rule.id,
                "severity": rule.severity.word,
                "title": rule.title,
                "why": rule.why,
                "fix": rule.fix,
                "references": list(rule.references),
            }
            for rule in report.rules
        ],
    }


def finding_as_data(finding: Finding) -> dict[str, Any]:
    """A finding as plain data."""
    subject = finding.subject
    return {
        "rule": finding.rule,
        "severity": finding.severity.word,
        "subject": {
            "kind": subject.kind,
            "id": subject.id,
            "label": subject.label,
            "path": subject.path,
            "line": subject.line,
        },
        "message": finding.message,
        "fix": finding.fix,
        "evidence": finding.evidence,
        "fingerprint": finding.fingerprint,
    }
