"""The dashboard in the admin: who sees what, and what starts an audit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from django_apiaccess.audit import rules as registry
from django_apiaccess.audit.finding import Finding, Severity, Subject
from django_apiaccess.audit.keep import keep
from django_apiaccess.audit.models import AuditRun
from django_apiaccess.audit.run import Report, run
from django_apiaccess.events.models import Event
from tests.adminkit import allow, text_of, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def one_rule(monkeypatch: Any) -> Iterator[None]:
    """Only one rule exists, and finds two things, one with a hostile name."""

    def check(audit: Any) -> Iterator[Finding]:
        yield audit.found(Subject("role", "1", "<script>alert(1)</script>"), "is too wide", fix="manage.py show_access")
        yield audit.found(Subject("role", "2", "chief"), "is too wide")

    rule = registry.Rule("roles.wide", Severity.HIGH, "Roles that are too wide", "why", "narrow it", (), check)
    monkeypatch.setattr("django_apiaccess.audit.run.all_rules", lambda: (rule,))
    return


@pytest.fixture
def lead(make_user: Any, client: Any) -> Any:
    lead = allow(make_user("lead"), "view_auditrun")
    client.force_login(lead)
    return lead


def test_hostile_names_turn_nothing_around(client: Any, lead: Any) -> None:
    odd = "chief\u202e\x9b31m"
    found = Finding("roles.wide", Severity.HIGH, Subject("role", "1", odd), f"{odd} is wide", f"manage.py x\nREM {odd}")
    kept = keep(Report(timezone.now(), (), (found,)))
    for page in (url("auditrun"), url("auditrun", "change", kept.pk)):
        shown = client.get(page).content.decode()
        assert "chief" in shown
        assert "\u202e" not in shown
        assert "\x9b" not in shown


def test_who_may_not_see_audits_sees_no_dashboard(client: Any, make_user: Any) -> None:
    client.force_login(allow(make_user("zoe"), "view_apikey", "view_event"))
    assert client.get(url("auditrun")).status_code == 403
    assert client.post(url("auditrun", "run")).status_code == 403
    assert not AuditRun.objects.exists()


def test_without_an_audit_it_says_how_to_run_one(client: Any, lead: Any) -> None:
    shown = text_of(client.get(url("auditrun")))
    assert "No audit was kept yet" in shown
    assert "audit_access --save" in shown
    assert "Run the audit now" not in shown, "seeing audits is not running them"


def test_running_one_is_for_those_who_may_and_by_post_only(client: Any, lead: Any, one_rule: Any) -> None:
    assert client.post(url("auditrun", "run")).status_code == 403
    client.force_login(allow(lead, "add_auditrun"))
    assert client.get(url("auditrun", "run")).status_code == 405
    assert not AuditRun.objects.exists()
    shown = text_of(client.post(url("auditrun", "run"), follow=True))
    kept = AuditRun.objects.get()
    assert (kept.by, kept.counts["high"], len(kept.findings)) == ("lead", 2, 2)
    assert "Roles that are too wide" in shown


def test_names_from_callers_are_text_on_every_page(client: Any, lead: Any, one_rule: Any) -> None:
    kept = keep(run(), by="<b>x</b>")
    for address in (url("auditrun"), url("auditrun", "change", kept.pk)):
        shown = text_of(client.get(address))
        assert "<script>alert" not in shown
        assert "<b>x</b>" not in shown
        assert "&lt;script&gt;alert(1)" in shown


def test_the_page_of_an_audit_has_every_finding_with_its_fix(client: Any, lead: Any, one_rule: Any) -> None:
    shown = text_of(client.get(url("auditrun", "change", keep(run()).pk)))
    for text in ("roles.wide", "chief", "is too wide", "manage.py show_access", "narrow it"):
        assert text in shown


def test_it_says_why_each_matters_where_the_rule_still_exists(client: Any, lead: Any, one_rule: Any) -> None:
    kept = keep(run())
    assert "(roles.wide)" not in text_of(client.get(url("auditrun", "change", kept.pk)))
    AuditRun.objects.update(findings=[{**each, "rule": "settings.debug"} for each in kept.findings])
    assert "Error pages show code, settings and SQL" in text_of(client.get(url("auditrun", "change", kept.pk)))


def test_findings_of_a_baseline_stand_with_those_of_the_same_rule(one_rule: Any) -> None:
    def check(audit: Any) -> Iterator[Finding]:
        yield audit.found(Subject("role", "1"), "is odd")
        yield audit.found(Subject("role", "2"), "is odd")

    other = registry.Rule("roles.odd", Severity.HIGH, "Odd roles", "why", "mend it", (), check)
    rules = [*run().rules, other]
    report = run(rules)
    kept = keep(run(rules, baseline=frozenset(each.fingerprint for each in report.findings if each.subject.id == "1")))
    assert [each["rule"] for each in kept.findings] == ["roles.odd", "roles.odd", "roles.wide", "roles.wide"]


def test_the_refused_and_the_failed_are_both_behind_the_link_to_events(client: Any, lead: Any) -> None:
    client.force_login(allow(lead, "view_event"))
    for outcome in Event.Outcome:
        Event.objects.create(action="credential.refused", outcome=outcome, actor_label=f"who-{outcome}")
    [address] = re.findall(r'href="([^"]*outcome__in=[^"]*)"', text_of(client.get(url("auditrun"))))
    shown = text_of(client.get(address))
    assert "who-denied" in shown
    assert "who-failed" in shown
    assert "who-success" not in shown


def test_keys_and_events_are_counted_for_those_who_may_see_them(client: Any, lead: Any) -> None:
    assert "API keys by last use" not in text_of(client.get(url("auditrun")))
    client.force_login(allow(lead, "view_apikey"))
    shown = text_of(client.get(url("auditrun")))
    assert "API keys by last use" in shown
    assert "Sealed up to" not in shown
    client.force_login(allow(lead, "view_event"))
    assert "Sealed up to" in text_of(client.get(url("auditrun")))


def test_nobody_writes_or_deletes_audits_here(client: Any, lead: Any, one_rule: Any) -> None:
    kept = keep(run())
    client.force_login(allow(lead, "add_auditrun"))
    assert client.post(url("auditrun", "change", kept.pk), {"by": "x"}).status_code == 403
    assert client.post(url("auditrun", "add"), {"by": "x"}).status_code == 403
    assert client.post(url("auditrun", "delete", kept.pk), {"post": "yes"}).status_code == 403


def test_more_findings_than_are_kept_are_counted_and_said(
    client: Any, lead: Any, one_rule: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("django_apiaccess.audit.keep.MOST", 1)
    kept = keep(run())
    assert (kept.counts["high"], len(kept.findings), kept.left_out) == (2, 1, 1)
    assert "1 more finding" in text_of(client.get(url("auditrun", "change", kept.pk)))


def test_the_course_shows_the_last_audits_oldest_first(client: Any, lead: Any) -> None:
    for number in range(15):
        AuditRun.objects.create(counts={"high": number})
    shown = text_of(client.get(url("auditrun")))
    assert "How it went" in shown
    assert 'high <span class="aa-quiet">14</span>' in shown
    assert ">3</td>" in shown
    assert ">2</td>" not in shown
