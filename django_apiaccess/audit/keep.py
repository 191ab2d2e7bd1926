"""Keeping what an audit found, so that the dashboard shows it without running it anew, and how it went over time."""

from __future__ import annotations

from typing import Final

from .models import AuditRun
from .run import Report
from .writers.json import finding_as_data

MOST: Final = 1000
"""Findings that are kept of a run; all are counted."""


def keep(report: Report, *, by: str = "") -> AuditRun:
    """Store the outcome of a whole run. `by`: who or what ran it, for people. Findings of a baseline count: they are still open."""
    findings = sorted((*report.findings, *report.known), key=lambda finding: (-finding.severity, finding.rule))
    counts = dict.fromkeys(report.counts(), 0)
    for finding in findings:
        counts[finding.severity.word] += 1
    titles = {rule.id: rule.title for rule in report.rules}
    return AuditRun.objects.create(
        at=report.at,
        by=by[:150],
        seconds=round(report.seconds, 3),
        counts=counts,
        ignored=len(report.ignored),
        findings=[finding_as_data(each) | {"title": titles.get(each.rule, each.message)} for each in findings[:MOST]],
        left_out=max(0, len(findings) - MOST),
    )
