"""What a person is told: names that others chose add no lines to a mail and do not turn it around."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from django_apiaccess import notifications

pytestmark = pytest.mark.django_db
EVIL = 'ci\r\nBcc: eve@evil.example\u2028Click\u202e\x1b[31m\x85"x'


@pytest.fixture
def lines(make_user: Any, django_capture_on_commit_callbacks: Any) -> Any:
    ann = make_user("ann", email="ann@example.org")

    def of(tell: Any, kind: str, **context: Any) -> list[str]:
        with django_capture_on_commit_callbacks(execute=True):
            tell(ann, kind, context)
        return str(mail.outbox[-1].body).splitlines()

    return of


@pytest.mark.parametrize("tell", [notifications.notify, notifications.deliver])
@pytest.mark.parametrize(
    ("kind", "context"),
    [
        ("credential_leaked", {"happened": "It ends.", "reporter": "x", "url": ""}),
        ("credential_exposed", {"remedy": "Make a new key", "address": "203.0.113.7"}),
    ],
)
def test_a_name_with_line_breaks_stays_on_its_line(lines, tell, kind, context):
    plain = lines(tell, kind, what='API key "ci"', **context)
    told = lines(tell, kind, what=f'API key "{EVIL}"', **context)
    assert len(told) == len(plain)
    assert all(line.isprintable() for line in told)
    assert "ci Bcc: eve@evil.example Click" in "".join(told)


def test_a_key_that_leaked_under_such_a_name_is_told_of_on_one_line(
    make_user, make_key, django_capture_on_commit_callbacks
):
    from rest_framework.test import APIClient

    issued = make_key(make_user("ann", "docs:read", email="ann@example.org"), "docs:read", name=EVIL)
    with django_capture_on_commit_callbacks(execute=True):
        APIClient().post("/access/leaks/", {"tokens": [issued.text]}, format="json")
    [message] = mail.outbox
    assert not [line for line in message.body.splitlines() if line.startswith(("Bcc", "Click"))]
    assert all(line.isprintable() for line in message.body.splitlines())


def test_what_a_project_is_told_by_its_own_notifier_is_on_one_line_too(
    make_user, settings, django_capture_on_commit_callbacks
):
    seen.clear()
    settings.API_ACCESS = {**settings.API_ACCESS, "NOTIFIER": "tests.test_notifications.note"}
    with django_capture_on_commit_callbacks(execute=True):
        notifications.notify(make_user("ann"), "credential_leaked", {"what": EVIL, "number": 7})
    [context] = seen
    assert context["what"].isprintable()
    assert context["number"] == 7


seen: list[dict[str, Any]] = []


def note(user: Any, kind: str, context: dict[str, Any]) -> None:
    seen.append(context)
