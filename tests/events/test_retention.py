"""Whose events are erased: those of what a person did, and of what was done to them and to what is theirs."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from django_apiaccess.events import retention
from django_apiaccess.events.models import Event
from django_apiaccess.events.source import Actor
from django_apiaccess.events.verify import verify
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.approvals import service as approvals
from django_apiaccess.roles import service as roles
from tests.adminkit import allow

pytestmark = pytest.mark.django_db


def test_nothing_of_a_person_stays_whoever_acted_on_what_is_theirs(
    make_user: Any, make_key: Any, operator: Any, settings: Any
) -> None:
    Event.objects.all().delete()
    settings.API_ACCESS = {**settings.API_ACCESS, "APPROVALS": {"SCOPES": ["docs:delete"]}}
    sue = make_user("sue-mustermann", "docs:read", "docs:delete")
    bob = allow(make_user("bob", "docs:delete"), "approve_keyrequest")
    request = approvals.issue(
        principal=sue, name="key of sue-mustermann", scopes=["docs:delete"], by=Actor.of_user(sue),
        justification="I am sue-mustermann, call me at +43 1 555",
    )  # fmt: skip
    approvals.approve(request, by=Actor.of_user(bob), reason="sue-mustermann showed her badge")
    key = make_key(sue, "docs:read", name="of sue-mustermann").key
    keys.change(key, name="still of sue-mustermann", by=Actor.of_user(make_user("root", is_superuser=True)))
    keys.revoke(key, reason="sue-mustermann left", by=operator)
    grant = roles.grant(user=sue, scope="reports:read", by=operator, reason="for sue-mustermann")
    roles.ungrant([grant], by=operator)
    call_command("erase_events", user="sue-mustermann", reason="asked for", yes=True)
    rest = [
        str([getattr(event, field.attname) for field in Event._meta.concrete_fields]) for event in Event.objects.all()
    ]
    assert [row for row in rest if "sue-mustermann" in row or "+43" in row] == []
    assert verify().sound


def test_nothing_of_others_is_erased(make_user: Any, make_key: Any) -> None:
    sue, bob = make_user("sue", "docs:read"), make_user("bob", "docs:read")
    make_key(sue, "docs:read")
    other = make_key(bob, "docs:read").key
    assert not retention.about(sue).filter(target_kind="apikey", target_id=str(other.pk)).exists()
    assert retention.about(bob).filter(target_kind="apikey", target_id=str(other.pk)).exists()
