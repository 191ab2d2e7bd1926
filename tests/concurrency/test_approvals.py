"""Requests for keys and reminders that several people and workers take at the same moment: one of them has its way."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from django_apiaccess.events.source import Actor
from django_apiaccess.exceptions import Conflict
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.approvals import service as approvals
from django_apiaccess.keys.approvals.models import KeyRequest
from django_apiaccess.models import APIKey, APIKeySecret, Event, Reminder
from django_apiaccess.reviews import reminding
from tests.adminkit import allow

from .threads import race, raised, returned, stop_before

FIRST_WRITE = "BEGIN" if connection.vendor == "sqlite" else "UPDATE"
ROUNDS = 3
WHY = "Nightly clean-up of old documents"


@pytest.fixture(autouse=True)
def _guarded(api_access):
    api_access(APPROVALS={"SCOPES": ["docs:delete"]})


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:delete", email="ann@example.com")


@pytest.fixture
def approvers(make_user):
    return [allow(make_user(name, "docs:delete"), "approve_keyrequest") for name in ("bob", "carl", "dora")]


@pytest.fixture
def asked(ann):
    def make():
        by = Actor.of_user(ann)
        return approvals.issue(by=by, principal=ann, name="x", scopes=["docs:delete"], justification=WHY)

    return make


def together(*calls):
    """The outcomes of calls that all read before any of them wrote."""
    everybody_has_read = Barrier(len(calls))

    def held(call):
        def one():
            with stop_before(FIRST_WRITE, lambda: everybody_has_read.wait(20)):
                return call()

        return one

    return race(*map(held, calls))


def fresh(row):
    return KeyRequest.objects.get(pk=row.pk)


def test_of_approvers_who_decide_at_once_one_decides(asked, approvers):
    for _round in range(ROUNDS):
        row = asked()
        outcomes = together(
            lambda row=row: approvals.approve(fresh(row), by=Actor.of_user(approvers[0])),
            lambda row=row: approvals.refuse(fresh(row), by=Actor.of_user(approvers[1]), reason="Not needed"),
            lambda row=row: approvals.approve(fresh(row), by=Actor.of_user(approvers[2])),
        )
        assert [type(error) for error in raised(outcomes)] == [Conflict] * 2
        (won,) = returned(outcomes)
        now = fresh(row)
        assert (now.status, now.decided_by_id) == (won.status, won.decided_by_id)
        told = Event.objects.filter(target_kind="keyrequest", target_id=str(row.pk)).exclude(action="key_request.made")
        assert [event.actor_label for event in told] == [now.decided_by.username]


def test_an_approval_and_a_withdrawal_at_once_leave_a_request_that_opens_nothing(asked, ann, approvers):
    for _round in range(ROUNDS):
        row = asked()
        outcomes = together(
            lambda row=row: approvals.approve(fresh(row), by=Actor.of_user(approvers[0])),
            lambda row=row: approvals.withdraw(fresh(row), by=Actor.of_user(ann)),
        )
        # approved and then withdrawn, or withdrawn and not approved any more
        assert {type(error) for error in raised(outcomes)} <= {Conflict}
        assert fresh(row).status == "withdrawn"
        with pytest.raises(Conflict):
            approvals.claim(fresh(row), by=Actor.of_user(ann))
    assert not APIKey.objects.exists()


def test_of_claims_at_once_one_makes_a_key(asked, ann, approvers):
    for number in range(1, ROUNDS + 1):
        row = approvals.approve(asked(), by=Actor.of_user(approvers[0]))
        outcomes = together(*[lambda row=row: approvals.claim(fresh(row), by=Actor.of_user(ann))] * 6)
        assert [type(error) for error in raised(outcomes)] == [Conflict] * 5
        assert (APIKey.objects.count(), APIKeySecret.objects.count()) == (number, number)
        assert fresh(row).key_id == returned(outcomes)[0].key.pk


def test_a_claim_and_a_withdrawal_at_once_are_one_of_the_two(asked, ann, approvers):
    for _round in range(ROUNDS):
        APIKey.objects.all().delete()
        row = approvals.approve(asked(), by=Actor.of_user(approvers[0]))
        outcomes = together(
            lambda row=row: approvals.claim(fresh(row), by=Actor.of_user(ann)),
            lambda row=row: approvals.withdraw(fresh(row), by=Actor.of_user(ann)),
        )
        assert [type(error) for error in raised(outcomes)] == [Conflict]
        assert APIKey.objects.count() == (fresh(row).status == "claimed")


def test_of_claims_of_a_wider_key_and_a_change_of_it_at_once_nothing_narrowed_comes_back(ann, approvers, operator):
    by = Actor.of_user(ann)
    for _round in range(ROUNDS):
        row = approvals.issue(
            by=by, principal=ann, name="x", scopes=["docs:delete"], networks="10.0.0.0/8", justification=WHY
        )
        key = approvals.claim(approvals.approve(row, by=Actor.of_user(approvers[0])), by=by).key
        wider = approvals.change(APIKey.objects.get(pk=key.pk), by=by, networks="", justification=WHY)
        approvals.approve(wider, by=Actor.of_user(approvers[0]))
        outcomes = together(
            lambda wider=wider: approvals.claim(fresh(wider), by=by),
            lambda key=key: keys.change(APIKey.objects.get(pk=key.pk), scopes=[], by=operator),
        )
        assert {type(error) for error in raised(outcomes)} <= {Conflict}
        assert APIKey.objects.get(pk=key.pk).scopes == frozenset()


def test_runs_of_reminders_at_once_tell_each_owner_once(ann, make_key, make_user, operator):
    eve = make_user("eve", "docs:read", email="eve@example.com")
    for number in range(20):
        made = make_key(eve, "docs:read", name=f"key {number}").key
        APIKey.objects.filter(pk=made.pk).update(expires_at=timezone.now() + timedelta(hours=5))
    outcomes = together(*[lambda: list(reminding.run(by=operator))] * 4)
    assert raised(outcomes) == []
    assert Reminder.objects.count() == 20
    assert not Reminder.objects.filter(sent_at=None).exists()
    listed = [line for message in mail.outbox for line in message.body.splitlines() if line.startswith("- key ")]
    assert len(listed) == len(set(listed)) == 20
    told = [told for outcome in outcomes for told in outcome]
    assert {one.result for one in told} == {"sent"}
    assert len(told) == len(mail.outbox)
