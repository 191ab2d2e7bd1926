"""The reference pages and the code say the same."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
from django.apps import apps
from django.core.management import load_command_class
from django.core.management.base import BaseCommand

from django_apiaccess import conf, exceptions
from django_apiaccess.audit.rules import all_rules
from django_apiaccess.authn import responses
from django_apiaccess.core.decision import denied
from django_apiaccess.core.reasons import Reason
from django_apiaccess.core.requirement import HasMFA
from django_apiaccess.events.tags import Action
from django_apiaccess.keys.views import ChangeRefused
from django_apiaccess.mfa import errors
from django_apiaccess.throttling import RateLimited

from .pages import DOCS, ROOT, code, rows

REFERENCE = DOCS / "reference"


def first_cells(page: str, *, width: int) -> dict[str, list[str]]:
    """Rows of a reference page whose first cell is one `code word`, by that word."""
    found = {}
    for row in rows(REFERENCE / page):
        words = code(row[0])
        if len(row) == width and len(words) == 1 and row[0] == f"`{words[0]}`":
            assert words[0] not in found, f"{page} describes {words[0]} twice"
            found[words[0]] = row
    return found


def test_the_settings_page_describes_every_setting_with_its_default() -> None:
    described = first_cells("settings.md", width=4)
    assert described.keys() == conf.SETTINGS.keys()
    for name, setting in conf.SETTINGS.items():
        assert ast.literal_eval(code(described[name][2])[0]) == setting.default, name


def test_the_settings_page_names_every_entry_of_events() -> None:
    described = first_cells("settings.md", width=4)["EVENTS"][3]
    assert all(f'"{name}"' in described for name in conf.EVENTS_DEFAULTS)


def test_the_settings_page_describes_every_entry_of_mfa_with_its_default() -> None:
    described = first_cells("settings.md", width=3)
    entries = {name.strip('"'): row for name, row in described.items() if name.startswith('"')}
    assert entries.keys() == conf.MFA_ENTRIES.keys()
    for name, entry in conf.MFA_ENTRIES.items():
        assert ast.literal_eval(code(entries[name][1])[0]) == entry.default, name


def test_the_events_page_names_every_text_that_people_are_sent() -> None:
    folder = ROOT / "django_apiaccess/templates/django_apiaccess/notifications"
    text = (REFERENCE / "events.md").read_text()
    assert [path.stem for path in folder.glob("*.txt") if f"`{path.stem}`" not in text] == []


def test_the_events_page_describes_every_action_and_every_reason() -> None:
    described = first_cells("events.md", width=2)
    assert {word for word in described if "." in word} == set(Action)
    assert {reason.value for reason in Reason} <= described.keys()
    columns = {word for row in rows(REFERENCE / "events.md") for word in code(row[0])} - set(Action) - set(Reason)
    fields = {field.attname for field in apps.get_model("django_apiaccess", "Event")._meta.concrete_fields}
    assert columns == fields - {"id"}


def test_the_events_page_says_which_actions_nothing_writes_yet() -> None:
    modules = (path for path in (ROOT / "django_apiaccess").rglob("*.py") if path.name != "tags.py")
    used = set(re.findall(r"Action\.([A-Z_]+)", " ".join(path.read_text() for path in modules)))
    described = first_cells("events.md", width=2)
    reserved = {action for action in Action if described[action][1].startswith("reserved")}
    assert reserved == {action for action in Action if action.name not in used}


def test_the_models_page_names_every_model() -> None:
    described = {word for row in rows(REFERENCE / "models.md") for word in code(row[0])}
    assert {model.__name__ for model in apps.get_app_config("django_apiaccess").get_models()} <= described


def documented_errors() -> set[tuple[int, str]]:
    return {
        (int(row[0]), code(row[1])[0]) for row in rows(REFERENCE / "endpoints.md") if len(row) == 3 and row[0].isdigit()
    }


def error_of(error: exceptions.InvalidChange) -> tuple[int, str]:
    answer: Any = ChangeRefused(error)
    return answer.status_code, answer.detail["code"]


OF_TOKEN_ENDPOINTS = {
    (400, "invalid_request"),
    (400, "invalid_grant"),
    (400, "invalid_scope"),
    (400, "invalid_dpop_proof"),
    (400, "use_dpop_nonce"),
    (403, "mfa_required"),
    (404, "not_found"),
    (405, "method_not_allowed"),
    (406, "not_acceptable"),
    (415, "unsupported_media_type"),
    (429, "too_many_failures"),
}
"""Seen to be answered in tests/tokens/test_views.py and test_dpop.py."""
OF_SECOND_FACTORS = {
    *((error.status, error.code) for error in errors.MFAError.__subclasses__()),
    (401, "mfa_required"),
    (403, "mfa_enrollment_required"),
}
"""Seen to be answered in tests/mfa and tests/login."""


def test_the_endpoints_page_has_every_error_with_its_status() -> None:
    answers = [answer for answer in vars(responses).values() if isinstance(answer, responses.Answer)]
    answers += [
        responses.for_decision(denied("x", reason, "", missing=missing), HasMFA())
        for reason, missing in (
            (Reason.SCOPE_MISSING, ("a:b",)),
            (Reason.SCOPE_REQUIRED, ()),
            (Reason.ROLE_MISSING, ()),
            (Reason.PERMISSION_MISSING, ()),
            (Reason.OBJECT, ()),
            (Reason.MFA_IMPOSSIBLE, ()),
            (Reason.MFA_MISSING, ()),
            (Reason.MFA_TOO_OLD, ()),
        )
    ]
    answers += [responses.for_credential(reason) for reason in (Reason.BAD_PROOF, Reason.NONCE_MISSING)]
    rate_limited: Any = RateLimited(1, "text").detail
    real = {(answer.status, answer.code) for answer in answers}
    real |= {
        error_of(error("text")) for error in (exceptions.InvalidChange, exceptions.UnknownName, exceptions.Conflict)
    }
    real |= {error_of(exceptions.NotHeld("text")), (429, rate_limited["code"])} | OF_TOKEN_ENDPOINTS
    real |= OF_SECOND_FACTORS
    assert documented_errors() == real


def test_the_endpoints_page_names_every_endpoint() -> None:
    from django_apiaccess import urls

    text = (REFERENCE / "endpoints.md").read_text()
    for pattern in (*urls.urlpatterns[:-1], *urls.router.urls):
        route = re.sub(r"\(\?P<pk>[^)]+\)|<str:id>", "{id}", str(pattern.pattern)).strip("^$")
        route = re.sub(r"<str:(\w+)>", r"{\1}", route)
        route = route.replace(r"\.", ".").replace("/?", "/")
        if "format" not in route:
            assert f"access/{route}" in text, route


@pytest.mark.django_db
def test_the_page_of_audit_rules_has_every_rule_as_the_registry_has_it() -> None:
    described = {code(row[0])[0]: row[1:] for row in rows(REFERENCE / "audit-rules.md") if code(row[0])}
    real = {rule.id: [rule.severity.word, f"{rule.title}. {rule.why}"] for rule in all_rules()}
    wrong = [f"| `{name}` | {' | '.join(real[name])} |" for name in real if described.get(name, [])[:2] != real[name]]
    assert wrong == [], "so these rows must begin in audit-rules.md"
    assert described.keys() == real.keys()


DJANGOS_OPTIONS = {
    option for action in BaseCommand().create_parser("", "")._actions for option in action.option_strings
}


def own_commands() -> list[str]:
    return sorted(path.stem for path in (ROOT / "django_apiaccess/management/commands").glob("[a-z]*.py"))


@pytest.mark.parametrize("name", own_commands())
def test_the_commands_page_has_the_command_with_every_option(name: str) -> None:
    text = (REFERENCE / "commands.md").read_text()
    assert f"\n## {name}\n" in text
    section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    command = load_command_class("django_apiaccess", name)
    for action in command.create_parser("manage.py", name)._actions:
        options = [option for option in action.option_strings if option.startswith("--")]
        if options and not DJANGOS_OPTIONS & set(options):
            assert f"`{options[0]}" in section, f"{name} {options[0]}"


def test_the_commands_page_has_no_other_command() -> None:
    text = (REFERENCE / "commands.md").read_text()
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == own_commands()
