"""The run: what a failing rule, an accepted finding and a baseline do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from django_apiaccess.audit import baseline, rules
from django_apiaccess.audit.finding import Finding, Severity, Subject
from django_apiaccess.audit.rules import Rule, named, rule
from django_apiaccess.audit.run import Audit, run
from django_apiaccess.exceptions import InvalidChange
from tests.testapp.models import Document

from .project import Project

pytestmark = pytest.mark.django_db


def made(check: Any, *, severity: Severity = Severity.HIGH, id: str = "tests.made") -> Rule:  # noqa: A002
    return Rule(id, severity, "A rule of a test", "Because.", "fix it", ("CWE-1",), check)


def finds(*ids: str) -> Any:
    def check(audit: Audit) -> Iterator[Finding]:
        for each in ids:
            yield audit.found(Subject("thing", each), "is wrong")

    return check


def raises(audit: Audit) -> Iterator[Finding]:
    yield audit.found(Subject("thing", "1"), "is wrong")
    raise RuntimeError("secret words of an exception")


def test_a_rule_that_raises_is_a_finding_and_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    report = run([made(raises), made(finds("2"), id="tests.other")])
    failed = next(finding for finding in report.findings if finding.rule == "audit.rule-failed")
    assert (failed.severity, failed.subject.id) == (Severity.MEDIUM, "tests.made")
    assert "RuntimeError" in failed.message
    assert "secret words" not in failed.message
    assert "Traceback" in caplog.text
    assert [finding.subject.id for finding in report.findings if finding.rule == "tests.other"] == ["2"]


def test_a_rule_that_breaks_its_transaction_leaves_the_next_one_a_database() -> None:
    def breaks(audit: Audit) -> Iterator[Finding]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_table_of_this_name")
        yield from ()

    def counts(audit: Audit) -> Iterator[Finding]:
        yield audit.found(Subject("thing", str(Document.objects.count())), "counted")

    report = run([made(breaks), made(counts, id="tests.counts")])
    assert {finding.rule for finding in report.findings} == {"audit.rule-failed", "tests.counts"}
    failed = next(finding for finding in report.findings if finding.rule == "audit.rule-failed")
    assert failed.fix == "manage.py migrate"


def test_a_rule_that_writes_changes_nothing() -> None:
    def writes(audit: Audit) -> Iterator[Finding]:
        Document.objects.create(title="written")
        yield from ()

    run([made(writes)])
    assert not Document.objects.exists()


def test_a_fact_is_made_once_a_run() -> None:
    calls: list[int] = []

    def fact() -> int:
        calls.append(1)
        return 7

    def asks(audit: Audit) -> Iterator[Finding]:
        yield audit.found(Subject("thing", str(audit.fact(fact))), "asked")

    run([made(asks), made(asks, id="tests.again")])
    assert calls == [1]


def test_a_fact_that_fails_is_tried_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    def fact() -> int:
        calls.append(1)
        raise RuntimeError("broken")

    def asks(audit: Audit) -> Iterator[Finding]:
        yield audit.found(Subject("thing", str(audit.fact(fact))), "asked")

    report = run([made(asks), made(asks, id="tests.again")])
    assert [finding.subject.id for finding in report.findings] == ["tests.again", "tests.made"]
    assert calls == [1]
    assert caplog.text.count("Traceback") == 1


def test_the_worst_findings_come_first() -> None:
    report = run([made(finds("a"), severity=Severity.LOW), made(finds("b"), severity=Severity.CRITICAL, id="tests.x")])
    assert [finding.severity.word for finding in report.findings] == ["critical", "low"]
    assert report.worst() is Severity.CRITICAL
    assert report.counts() == {"critical": 1, "high": 0, "medium": 0, "low": 1, "info": 0}


# -- accepted findings


def test_an_accepted_finding_is_set_apart_with_its_reason(project: Project) -> None:
    until = timezone.now().date() + timedelta(days=1)
    project.access(
        AUDIT={"IGNORE": [{"rule": "tests.*", "subject": "a*", "reason": "known", "until": until.isoformat()}]}
    )
    report = run([made(finds("ab", "b"))])
    assert [finding.subject.id for finding in report.findings] == ["b"]
    assert [(each.finding.subject.id, each.reason, each.until) for each in report.ignored] == [("ab", "known", until)]


def test_a_name_that_somebody_chose_for_a_key_accepts_nothing(project: Project) -> None:
    def check(audit: Audit) -> Iterator[Finding]:
        yield audit.found(Subject("api_key", "17", "nightly of eve"), "is wide")
        yield audit.found(Subject("api_key", "18", "api_key:99"), "is wide")
        yield audit.found(Subject("user", "4", "nightly-eve"), "is wide")
        yield audit.found(Subject("endpoint", "/x/", "GET /x/"), "is wide")
        yield audit.found(Subject("setting", 'API_ACCESS["MFA"]', "the setting"), "is wide")

    def accepted(subject: str) -> list[str]:
        project.access(AUDIT={"IGNORE": [{"rule": "tests.*", "subject": subject, "reason": "known"}]})
        return [each.finding.subject.id for each in run([made(check)]).ignored]

    assert accepted("nightly*") == []
    assert accepted("*99") == []
    assert accepted("17") == ["17"]
    assert accepted("api_key:1*") == ["17", "18"]
    assert accepted("GET /x/") == ["/x/"]
    assert accepted('API_ACCESS["MFA"]') == ['API_ACCESS["MFA"]']


def test_an_accepted_finding_counts_again_when_its_day_has_passed(project: Project) -> None:
    yesterday = timezone.now().date() - timedelta(days=1)
    project.access(AUDIT={"IGNORE": [{"rule": "tests.made", "reason": "known", "until": yesterday.isoformat()}]})
    report = run([made(finds("a")), *named(["audit.ignore-over"])])
    assert {finding.rule for finding in report.findings} == {"tests.made", "audit.ignore-over"}
    assert report.ignored == ()


def test_the_last_day_still_counts(project: Project) -> None:
    today = timezone.now().date().isoformat()
    project.access(AUDIT={"IGNORE": [{"rule": "tests.made", "reason": "known", "until": today}]})
    assert run([made(finds("a"))]).findings == ()


# -- baselines


def test_what_the_baseline_holds_is_known_and_only_counted(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    baseline.write(str(file), run([made(finds("a"))]))
    report = run([made(finds("a", "b"))], baseline=baseline.read(str(file)))
    assert [finding.subject.id for finding in report.findings] == ["b"]
    assert [finding.subject.id for finding in report.known] == ["a"]


def test_writing_a_baseline_again_keeps_what_is_known(tmp_path: Path) -> None:
    file = str(tmp_path / "baseline.json")
    baseline.write(file, run([made(finds("a"))]))
    assert baseline.write(file, run([made(finds("a", "b"))], baseline=baseline.read(file))) == 2
    assert len(baseline.read(file)) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"findings": [{}]}', '{"findings": 7}', "\x00"])
def test_a_file_that_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(InvalidChange, match="is no baseline"):
        baseline.read(str(file))


def test_a_missing_baseline_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidChange, match="--write-baseline"):
        baseline.read(str(tmp_path / "nowhere.json"))


def test_a_moved_line_does_not_make_a_known_finding_new() -> None:
    here = Finding("tests.made", Severity.LOW, Subject("view", "v", path="a.py", line=1), "m", "f")
    there = Finding("tests.made", Severity.HIGH, Subject("view", "v", path="b.py", line=99), "other words", "g")
    assert here.fingerprint == there.fingerprint
    aside = Finding("tests.made", Severity.LOW, Subject("view", "v"), "m", "f", aspect="other")
    assert aside.fingerprint != here.fingerprint


# -- the registry


@pytest.mark.parametrize("id", ["keys", "Keys.x", "keys.", "keys.A", "keys x.y", "keys.a--b", ""])
def test_a_rule_id_of_another_form_is_refused(id: str) -> None:  # noqa: A002
    with pytest.raises(ValueError, match="is no rule id"):
        rule(id, Severity.LOW, title="t", why="w", fix="f")(finds())


def test_a_rule_id_that_is_taken_is_refused() -> None:
    rules.all_rules()
    with pytest.raises(ValueError, match="exists already"):
        rule("settings.debug", Severity.LOW, title="t", why="w", fix="f")(finds())


def test_an_unknown_rule_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"Did you mean 'settings\.debug'"):
        named(["settings.debgu"])


def test_a_project_adds_rules_of_its_own(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType("tests.testapp.access_audit")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(rules, "_rules", dict(rules._rules))
    rule("shop.stock-public", Severity.LOW, title="t", why="w.", fix="f")(finds("a"))
    assert [finding.rule for finding in run(named(["shop"])).findings] == ["shop.stock-public"]


def test_evidence_is_plain_data() -> None:
    def check(audit: Audit) -> Iterator[Finding]:
        yield audit.found(Subject("thing", "1"), "m", numbers=[1, 2], when="2026-01-01")

    (finding,) = run([made(check)]).findings
    assert json.loads(json.dumps(finding.evidence)) == {"numbers": [1, 2], "when": "2026-01-01"}
