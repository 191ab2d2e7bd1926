"""The report as one self-contained page that a manager reads: a verdict, a map of endpoints and roles, findings with their fixes."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.template.loader import render_to_string

from ..finding import Severity
from ..heat import heat_map
from ..run import Report

PLENTY = 200
"""Subjects of one rule on the page; a page with a hundred thousand is read by nobody."""


def write(report: Report, out: Any) -> None:
    """One HTML page: no script, no request to anywhere."""
    rules = {rule.id: rule for rule in report.rules}
    groups = []
    for (severity, name), group in groupby(report.findings, key=lambda finding: (-finding.severity, finding.rule)):
        found = list(group)
        rule = rules.get(name)
        groups.append(
            {
                "severity": Severity(-severity).word,
                "id": name,
                "title": rule.title if rule else found[0].message,
                "why": rule.why if rule else "",
                "references": rule.references if rule else (),
                "count": len(found),
                "findings": found[:PLENTY],
                "more": max(0, len(found) - PLENTY),
            }
        )
    worst = report.worst()
    context = {
        "report": report,
        "counts": report.counts(),
        "groups": groups,
        "worst": worst.word if worst else "none",
        "map": heat_map(report),
        "clean": [rule for rule in report.rules if rule.id not in {finding.rule for finding in report.findings}],
    }
    out.write(render_to_string("django_apiaccess/audit/report.html", context))
