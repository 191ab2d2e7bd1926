"""The same leak reported at the same moment: one event, one message, whatever the policy, on any database."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.core.leaks import Report
from django_apiaccess.events.models import Event
from django_apiaccess.events.source import Actor
from django_apiaccess.keys import leaks
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.models import APIKey, APIKeySecret
from django_apiaccess.signals import user_notified

from .threads import race, raised

ROUNDS = 5


@pytest.fixture
def told() -> Any:
    found: list[str] = []

    def note(kind: str, **_kwargs: Any) -> None:
        found.append(kind)

    user_notified.connect(note)
    yield found
    user_notified.disconnect(note)


def leak_events(key: APIKey) -> int:
    return Event.objects.filter(action="credential.leaked", target_id=str(key.pk)).count()


@pytest.mark.parametrize("policy", ["revoke", "retire", "notify"])
def test_of_reports_at_once_one_counts(make_user, make_key, told, policy):
    ann = make_user("ann", "docs:read")
    for _round in range(ROUNDS):
        told.clear()
        issued = make_key(ann, "docs:read", on_leak=policy)
        judged = leaks.judge([issued.text])[issued.text]
        report = Report("a test", Actor.command("test"))

        outcomes = race(*[lambda judged=judged, report=report: judged.respond(report)] * 6)

        assert raised(outcomes) == []
        assert leak_events(issued.key) == 1
        assert told == ["credential_leaked"]
        secret = APIKeySecret.objects.get(key=issued.key)
        assert (secret.expires_at is not None) == (policy == "retire")
        assert (APIKey.objects.get(pk=issued.key.pk).revoked_at is not None) == (policy == "revoke")


def test_over_http_too(make_user, make_key, told):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    body = {"tokens": [issued.text]}

    outcomes = race(*[lambda: APIClient().post("/access/leaks/", body, format="json").status_code] * 5)

    assert outcomes == [202] * 5
    assert leak_events(issued.key) == 1
    assert told == ["credential_leaked"]


def test_a_rotation_at_the_same_moment_leaves_the_leaked_secret_ending_and_the_new_one_open(
    make_user, make_key, operator
):
    ann = make_user("ann", "docs:read")
    for _round in range(ROUNDS):
        issued = make_key(ann, "docs:read", on_leak="retire")
        judged = leaks.judge([issued.text])[issued.text]
        report = Report("a test", Actor.command("test"))

        outcomes = race(
            lambda judged=judged, report=report: judged.respond(report),
            lambda issued=issued: keys.rotate(APIKey.objects.get(pk=issued.key.pk), by=operator),
        )

        assert raised(outcomes) == []
        leaked = APIKeySecret.objects.get(key=issued.key, leaked_at__isnull=False)
        assert leaked.expires_at is not None
        assert (leaked.expires_at - timezone.now()).total_seconds() <= 3600
        current = APIKeySecret.objects.get(key=issued.key, retired_at=None)
        assert (current.expires_at, current.leaked_at) == (None, None)
