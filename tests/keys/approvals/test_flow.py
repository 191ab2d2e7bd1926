"""A key that needs another person's approval: asked for by one, decided by another, claimed once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from django_apiaccess.events.models import Event
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.approvals.models import KeyRequest
from django_apiaccess.keys.models import APIKey, ServiceAccount
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.models import Grant
from tests.adminkit import allow

from .conftest import REQUESTS, WHY

pytestmark = pytest.mark.django_db


def told(answer):
    return answer.status_code, answer.json().get("code")


def step(client, number, verb, **body):
    return client.post(f"{REQUESTS}{number}/{verb}/", body)


def test_a_guarded_key_is_a_request_until_another_person_approved_and_the_requester_claimed_it(
    ann, bob, ask, session_of, client_of
):
    asked = ask(ann, expires_at="30d", networks=["127.0.0.0/8"])
    assert asked.status_code == 202
    assert (asked.json()["status"], asked.json()["justification"]) == ("pending", WHY)
    assert "ak_" not in asked.content.decode()
    assert not APIKey.objects.exists()
    number = asked.json()["id"]
    waiting = session_of(bob).get(f"{REQUESTS}waiting/").json()["results"]
    assert [row["id"] for row in waiting] == [number]
    approved = step(session_of(bob), number, "approve", reason="Seen the ticket")
    assert approved.status_code == 200, approved.content
    assert (approved.json()["status"], approved.json()["decided_by"]) == ("approved", "bob")
    assert "ak_" not in approved.content.decode()
    assert not APIKey.objects.exists()
    claimed = step(session_of(ann), number, "claim")
    assert claimed.status_code == 201, claimed.content
    assert claimed["Cache-Control"] == "no-store"
    text = claimed.json()["key"]
    assert client_of(text).get("/access/me/").json()["scopes"] == ["docs:delete"]
    key = APIKey.objects.get()
    assert (key.networks, key.created_by, key.principal) == ("127.0.0.0/8", ann, ann)
    assert abs(key.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    again = step(session_of(ann), number, "claim")
    assert told(again) == (409, "conflict")
    assert APIKey.objects.count() == 1
    shown = session_of(ann).get(f"{REQUESTS}{number}/")
    assert (shown.json()["status"], shown.json()["key_id"]) == ("claimed", key.pk)
    assert text[16:] not in shown.content.decode()
    written = Event.objects.filter(action__startswith="key").order_by("pk")
    assert [event.action for event in written] == [
        "key_request.made",
        "key_request.approved",
        "key.created",
        "key_request.claimed",
    ]
    assert written[2].details["approved_by"] == "bob"
    assert text[16:] not in str([event.details for event in written])


def test_what_becomes_of_the_key_when_it_leaks_is_asked_for_and_kept(ann, bob, ask, session_of, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "LEAKS": {"ON_LEAK": "notify"}}
    asked = ask(ann, on_leak="retire")
    assert (asked.status_code, asked.json()["on_leak"]) == (202, "retire")
    assert step(session_of(bob), asked.json()["id"], "approve").status_code == 200
    claimed = step(session_of(ann), asked.json()["id"], "claim")
    assert (claimed.status_code, APIKey.objects.get().on_leak) == (201, "retire")


def test_a_key_that_no_pattern_matches_is_made_at_once(ann, ask):
    assert ask(ann, scopes=["docs:read"]).status_code == 201


def test_without_a_justification_nothing_is_asked_for(ann, ask):
    answer = ask(ann, justification=" ")
    assert told(answer) == (400, "approval_required")
    assert answer.json()["field"] == "justification"
    assert told(ask(ann, justification="need it")) == (400, "invalid")
    assert not KeyRequest.objects.exists()
    assert not APIKey.objects.exists()


def test_what_cannot_be_a_key_cannot_be_asked_for(ann, ask, make_user):
    assert told(ask(make_user("eve", "docs:read"))) == (403, "not_held")
    assert told(ask(ann, expires_at="2001-01-01T00:00:00Z")) == (400, "invalid")
    assert not KeyRequest.objects.exists()


# -- who decides


def test_nobody_approves_their_own_request_not_even_a_superuser(make_user, ask, session_of):
    root = make_user("root", is_superuser=True, is_staff=True)
    number = ask(root).json()["id"]
    assert told(step(session_of(root), number, "approve")) == (403, "four_eyes")
    assert told(step(session_of(root), number, "refuse", reason="no")) == (403, "four_eyes")
    assert KeyRequest.objects.get().status == "pending"
    event = Event.objects.filter(action="change.refused").earliest("pk")
    assert (event.reason, event.actor_label) == ("four_eyes", "root")


def test_the_database_itself_refuses_an_approval_by_the_requester(requested, ann):
    with pytest.raises(IntegrityError), transaction.atomic():
        KeyRequest.objects.filter(pk=requested).update(decided_by=ann, status="approved")


def test_nobody_approves_what_is_wider_than_their_own_rights(requested, make_user, session_of):
    carl = allow(make_user("carl", "docs:read"), "approve_keyrequest")
    assert told(step(session_of(carl), requested, "approve")) == (403, "four_eyes")
    assert step(session_of(carl), requested, "refuse", reason="Not needed").status_code == 200


def test_whoever_holds_it_on_one_object_only_cannot_approve_it_for_everything(
    requested, make_user, session_of, operator
):
    from tests.testapp.models import Document

    carl = allow(make_user("carl"), "approve_keyrequest")
    roles.grant(user=carl, scope="docs:delete", on=Document.objects.create(title="one"), by=operator)
    assert told(step(session_of(carl), requested, "approve")) == (403, "four_eyes")


def test_without_the_permission_nobody_decides_or_sees_what_waits(requested, make_user, session_of):
    carl = make_user("carl", "docs:delete", "docs:write")
    for verb in ("approve", "refuse"):
        assert step(session_of(carl), requested, verb, reason="x").status_code == 403
    assert session_of(carl).get(f"{REQUESTS}waiting/").status_code == 403
    assert session_of(carl).get(f"{REQUESTS}{requested}/").status_code == 404
    assert step(session_of(carl), requested, "claim").status_code == 404
    assert step(session_of(carl), requested, "withdraw").status_code == 404
    assert KeyRequest.objects.get().status == "pending"


def test_a_key_of_an_approver_does_not_decide(requested, bob, make_key, client_of, operator):
    assert step(client_of(make_key(bob, "docs:read")), requested, "approve").status_code == 403
    roles.grant(user=bob, scope="keys:approve", by=operator)
    client = client_of(
        keys.issue(principal=bob, name="x", scopes=["keys:approve", "docs:delete"], by=operator, approved=bob)
    )
    for verb in ("approve", "refuse"):
        assert told(step(client, requested, verb, reason="x")) == (403, "four_eyes")


def test_an_access_token_decides_within_its_scopes(requested, make_user, operator):
    from rest_framework.test import APIClient

    roles.grant(user=make_user("carl", "docs:delete"), scope="keys:approve", by=operator)

    def client(scope):
        answer = APIClient().post("/access/token/", {"username": "carl", "password": "secret", "scope": scope})
        found = APIClient()
        found.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access_token']}")
        return found

    assert step(client("docs:delete"), requested, "approve").status_code == 403
    assert told(step(client("keys:approve"), requested, "approve")) == (403, "four_eyes")
    assert step(client("keys:approve docs:delete"), requested, "approve").status_code == 200


def test_a_superuser_decides_on_the_request_of_another(requested, make_user, session_of):
    root = make_user("root", is_superuser=True)
    assert step(session_of(root), requested, "approve").status_code == 200


def test_the_approver_does_not_get_the_key(requested, bob, session_of):
    step(session_of(bob), requested, "approve")
    assert step(session_of(bob), requested, "claim").status_code == 404
    assert not APIKey.objects.exists()


# -- in time, once


def test_what_was_refused_cannot_be_approved_or_claimed(requested, ann, bob, session_of):
    refused = step(session_of(bob), requested, "refuse", reason="Use the report instead")
    assert (refused.json()["status"], refused.json()["reason"]) == ("refused", "Use the report instead")
    assert told(step(session_of(bob), requested, "approve")) == (409, "conflict")
    assert told(step(session_of(ann), requested, "claim")) == (409, "conflict")
    assert not APIKey.objects.exists()


def test_a_refusal_says_why(requested, bob, session_of):
    for reason in ({}, {"reason": "  "}):
        assert step(session_of(bob), requested, "refuse", **reason).status_code == 400
    assert KeyRequest.objects.get().status == "pending"


def test_what_was_withdrawn_cannot_be_approved_or_claimed(requested, ann, bob, session_of):
    assert step(session_of(ann), requested, "withdraw").json()["status"] == "withdrawn"
    assert told(step(session_of(bob), requested, "approve")) == (409, "conflict")
    assert told(step(session_of(ann), requested, "claim")) == (409, "conflict")
    assert told(step(session_of(ann), requested, "withdraw")) == (409, "conflict")


def test_an_approval_can_be_withdrawn_before_the_claim(requested, ann, bob, session_of):
    step(session_of(bob), requested, "approve")
    assert step(session_of(ann), requested, "withdraw").json()["status"] == "withdrawn"
    assert told(step(session_of(ann), requested, "claim")) == (409, "conflict")


@pytest.mark.parametrize("column", ["decide_by", "claim_by"])
def test_what_is_too_late_has_expired(requested, ann, bob, session_of, column):
    if column == "claim_by":
        step(session_of(bob), requested, "approve")
    KeyRequest.objects.update(**{column: timezone.now() - timedelta(seconds=1)})
    assert session_of(ann).get(f"{REQUESTS}{requested}/").json()["status"] == "expired"
    assert told(step(session_of(bob), requested, "approve")) == (409, "conflict")
    assert told(step(session_of(ann), requested, "claim")) == (409, "conflict")
    assert session_of(bob).get(f"{REQUESTS}waiting/").json()["results"] == []
    assert not APIKey.objects.exists()


# -- rights are asked anew at the claim


def test_a_requester_who_lost_the_right_meanwhile_gets_no_key(requested, ann, bob, session_of, operator):
    step(session_of(bob), requested, "approve")
    roles.ungrant(Grant.objects.filter(user=ann, scope__name="docs:delete"), by=operator)
    assert told(step(session_of(ann), requested, "claim")) == (403, "not_held")
    assert not APIKey.objects.exists()
    roles.grant(user=ann, scope="docs:delete", by=operator)
    assert step(session_of(ann), requested, "claim").status_code == 201


LEFT = {
    "the right": lambda bob, operator: roles.ungrant(Grant.objects.filter(user=bob), by=operator),
    "the permission": lambda bob, operator: bob.user_permissions.clear(),
    "the account": lambda bob, operator: type(bob).objects.filter(pk=bob.pk).update(is_active=False),
    "everything": lambda bob, operator: bob.delete(),
}


@pytest.mark.parametrize("lose", LEFT.values(), ids=LEFT)
def test_an_approver_who_lost_it_meanwhile_vouches_for_nothing(requested, ann, bob, session_of, operator, lose):
    step(session_of(bob), requested, "approve")
    lose(bob, operator)
    assert told(step(session_of(ann), requested, "claim")) == (403, "four_eyes")
    assert not APIKey.objects.exists()


def test_an_approver_who_owns_the_service_account_by_now_vouches_for_nothing(make_user, operator, bob, session_of):
    from django_apiaccess.events.source import Actor
    from django_apiaccess.keys.approvals import service as approvals

    root = make_user("root", is_superuser=True, is_staff=True)
    robot = keys.create_service_account(name="robot", owner=root, purpose="cleans", by=operator)
    roles.grant(user=robot.user, scope="docs:delete", by=operator)
    fields = {"principal": robot.user, "name": "cleaner", "scopes": ["docs:delete"]}
    mona = make_user("mona", "docs:delete", is_superuser=True)
    made = approvals.issue(by=Actor.of_user(mona), justification=WHY, **fields)
    assert told(step(session_of(root), made.pk, "approve")) == (403, "four_eyes")  # root answers for robot
    assert step(session_of(bob), made.pk, "approve").status_code == 200
    ServiceAccount.objects.update(owner=bob)  # by code of the project: our service would end the request
    assert told(step(session_of(mona), made.pk, "claim")) == (403, "four_eyes")


# -- e-mails


def test_approvers_are_told_of_the_request_and_the_requester_of_the_decision(
    ann, bob, ask, session_of, make_user, django_capture_on_commit_callbacks
):
    make_user("eve", email="eve@example.com")
    with django_capture_on_commit_callbacks(execute=True):
        number = ask(ann).json()["id"]
    (first,) = mail.outbox
    assert first.to == ["bob@example.com"]
    assert WHY in first.body
    with django_capture_on_commit_callbacks(execute=True):
        step(session_of(bob), number, "approve", reason="Seen")
    assert mail.outbox[1].to == ["ann@example.com"]
    assert "approved" in mail.outbox[1].subject


def test_a_justification_forges_no_line_of_the_mail(ann, bob, ask, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        forged = "harmless enough\nBcc: eve@example.com\n\nBob approved this already"
        ask(ann, justification=forged, name=forged)
    (message,) = mail.outbox
    assert message.to == ["bob@example.com"]
    assert not any(line.startswith(("Bcc", "Bob")) for line in message.body.splitlines())
