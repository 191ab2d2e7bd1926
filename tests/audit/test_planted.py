"""Every planted weakness is found, and nothing is found in a clean project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from django_apiaccess.audit.finding import Finding, Severity
from django_apiaccess.audit.rules import ID, all_rules, named
from django_apiaccess.audit.run import run

from .planted import Plant, all_plants
from .project import Project

TESTS = Path(__file__).resolve().parent.parent
"""Rules of a feature may have their plants in a test_audit.py of their own."""
WITHOUT = {"audit.rule-failed"}
"""Found by the run and not by a rule: tests/audit/test_run.py."""
REFERENCE = re.compile(r"ASVS \d+\.\d+\.\d+|RFC \d+( section [\d.]+)?|CWE-\d+|API\d+:2023|NIST SP [\w.-]+( .+)?")


def said(finding: Finding) -> str:
    subject = finding.subject
    return f"{subject.kind} {subject.id} {subject.label} {subject.path} {finding.message} {finding.fix}"


@pytest.mark.parametrize("weakness", all_plants(), ids=str)
def test_a_planted_weakness_is_found_by_its_rule(weakness: Plant, project: Project) -> None:
    (rule,) = named([weakness.rule])
    before = {finding.fingerprint for finding in run([rule]).findings}
    weakness.make(project)
    found = [finding for finding in run([rule]).findings if finding.rule == rule.id]
    matching = [finding for finding in found if weakness.finds in said(finding)]
    assert matching, [said(finding) for finding in found] or "nothing was found"
    if weakness.severity:
        assert weakness.severity in {finding.severity.word for finding in matching}
    if rule.severity > Severity.INFO and weakness.severity != "info":
        assert {finding.fingerprint for finding in matching} - before, "the clean project has it too"
    assert all(finding.message and finding.fix for finding in matching)


@pytest.mark.django_db
def test_every_rule_has_a_planted_weakness() -> None:
    planted = {weakness.rule for weakness in all_plants()}
    assert planted - {rule.id for rule in all_rules()} == set()
    missing = {rule.id for rule in all_rules()} - planted - WITHOUT
    elsewhere = "".join(path.read_text() for path in TESTS.rglob("test_*audit*.py"))
    assert {name for name in missing if f'"{name}"' not in elsewhere} == set()


def test_nothing_above_info_is_found_in_a_clean_project(project: Project) -> None:
    report = run()
    assert [said(finding) for finding in report.findings if finding.severity > Severity.INFO] == []


def test_every_rule_says_what_why_how_and_where_it_is_written() -> None:
    for rule in all_rules():
        assert ID.fullmatch(rule.id)
        assert re.fullmatch(r".+[^.]", rule.title), rule.id
        assert re.fullmatch(r".{20,300}\.", rule.why), rule.id
        assert rule.fix, rule.id
        assert rule.references, rule.id
        assert all(REFERENCE.fullmatch(reference) for reference in rule.references), rule.references


def test_a_finding_keeps_its_fingerprint_and_two_of_a_run_differ(project: Project) -> None:
    project.settings(DEBUG=True, SESSION_COOKIE_SECURE=False, CSRF_COOKIE_SECURE=False)
    first, second = ([finding.fingerprint for finding in run().findings] for _ in range(2))
    assert first == second
    assert len(set(first)) == len(first)
