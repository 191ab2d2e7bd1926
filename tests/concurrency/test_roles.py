"""Roles, grants and memberships that change at the same moment: no conflict of duties and no cycle slips through."""

from __future__ import annotations

import time
from threading import Event

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from django_apiaccess.exceptions import DutiesConflict, InvalidChange, RoleCycle
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.models import Grant, Role, SeparationOfDuty
from django_apiaccess.roles.separation import violations

from .threads import PATIENCE, race, raised, returned, stop_before

ROUNDS = 15
FEW = 6


@pytest.fixture
def exclusive(make_role, operator):
    """Two roles that nobody may hold together."""
    pair = [make_role("cashier", "docs:read"), make_role("auditor", "reports:read")]
    roles.save_separation(name="cash", roles=["cashier", "auditor"], by=operator)
    return pair


def overtaken(fragment, first, second):
    """Run `first`, hold it before the statement with `fragment`, and run `second` there, until that ends or has to wait for the first."""
    stopped, ended = Event(), Event()

    def held():
        with stop_before(fragment, lambda: (stopped.set(), ended.wait(0.7))):
            return first()

    def other():
        stopped.wait(PATIENCE)
        try:
            return second()
        finally:
            ended.set()

    return race(held, other)


def test_two_grants_at_once_never_bring_exclusive_roles_together(make_user, exclusive, operator):
    for number in range(ROUNDS):
        user = make_user(f"user{number}")
        outcomes = race(
            *[lambda role=role, user=user: roles.grant(user=user, role=role, by=operator) for role in exclusive]
        )
        assert [type(error) for error in raised(outcomes)] == [DutiesConflict]
        assert Grant.objects.filter(user=user).count() == 1
    assert list(violations()) == []


def test_a_membership_and_a_grant_at_once_never_bring_exclusive_roles_together(make_user, exclusive, operator):
    group = Group.objects.create(name="tills")
    roles.grant(group=group, role="cashier", by=operator)
    for number in range(ROUNDS):
        user = make_user(f"user{number}")
        outcomes = race(
            lambda user=user: user.groups.add(group),
            lambda user=user: roles.grant(user=user, role="auditor", by=operator),
        )
        assert len(raised(outcomes)) == 1
        assert isinstance(raised(outcomes)[0], DutiesConflict)
    assert list(violations()) == []


LAST_STATEMENT = 'INSERT INTO "django_apiaccess_event"'
"""After all checks, before the commit: others do not see the change yet."""


@pytest.mark.parametrize("moment", ['INTO "auth_user_groups"', "check"])
def test_a_separation_that_is_made_while_somebody_joins_a_group_finds_them_or_keeps_them_out(
    make_user, make_role, operator, moment
):
    make_role("cashier", "docs:read")
    make_role("auditor", "reports:read")
    group = Group.objects.create(name="tills")
    roles.grant(group=group, role="cashier", by=operator)
    user = make_user("ann", role="auditor")

    def join():
        user.groups.add(group)

    def separate():
        roles.save_separation(name="cash", roles=["cashier", "auditor"], by=operator)

    outcomes = overtaken(LAST_STATEMENT, separate, join) if moment == "check" else overtaken(moment, join, separate)

    assert [isinstance(error, DutiesConflict) for error in raised(outcomes)] == [True]
    assert list(violations()) == []


@pytest.mark.parametrize("moment", ['INSERT INTO "django_apiaccess_grant"', LAST_STATEMENT])
def test_a_grant_that_meets_an_inheritance_never_brings_exclusive_roles_together(
    make_user, make_role, exclusive, operator, moment
):
    user = make_user("ann", role="auditor")
    make_role("clerk")

    outcomes = overtaken(
        moment,
        lambda: roles.grant(user=user, role="clerk", by=operator),
        lambda: roles.save_role(name="clerk", parents=["cashier"], by=operator),
    )

    assert [isinstance(error, DutiesConflict) for error in raised(outcomes)] == [True]
    assert list(violations()) == []


def test_two_roles_that_begin_to_inherit_from_each_other_at_once_make_no_cycle(make_role, operator):
    for number in range(ROUNDS):
        left, right = make_role(f"left{number}", "docs:read"), make_role(f"right{number}", "reports:read")
        outcomes = race(
            lambda left=left, right=right: roles.save_role(name=left.name, parents=[right.name], by=operator),
            lambda left=left, right=right: roles.save_role(name=right.name, parents=[left.name], by=operator),
        )
        assert [type(error) for error in raised(outcomes)] == [RoleCycle]
        assert left.parents.count() + right.parents.count() == 1


def test_two_roles_that_begin_to_inherit_from_each_other_by_the_orm_make_no_cycle(make_role):
    for number in range(ROUNDS):
        left, right = make_role(f"left{number}", "docs:read"), make_role(f"right{number}", "reports:read")
        outcomes = race(
            lambda left=left, right=right: left.parents.add(right),
            lambda left=left, right=right: right.parents.add(left),
        )
        assert [type(error) for error in raised(outcomes)] == [RoleCycle]


def test_two_who_make_the_same_role_at_once_make_one(operator):
    for number in range(ROUNDS):
        outcomes = race(
            *[lambda number=number: roles.save_role(name=f"role{number}", scopes=["docs:read"], by=operator)] * 2
        )
        assert raised(outcomes) == []
        assert len({role.pk for role in returned(outcomes)}) == 1


def test_the_same_grant_twice_at_once_stays_one(make_user, make_role, operator):
    make_role("reader", "docs:read")
    for number in range(ROUNDS):
        user = make_user(f"user{number}")
        outcomes = race(*[lambda user=user: roles.grant(user=user, role="reader", by=operator)] * 3)
        assert raised(outcomes) == []
        assert Grant.objects.filter(user=user).count() == 1


def test_each_answer_is_that_of_the_role_before_or_after_its_edit(make_user, make_role, make_key, operator):
    """The role gives docs:read or reports:read, never both and never neither."""
    make_role("reader", "docs:read")
    text = make_key(make_user("ann", role="reader", is_superuser=False), "docs:read").text
    ann = make_user("bob", "docs:read", "reports:read")
    both = make_key(ann, "docs:read", "reports:read").text
    Grant.objects.filter(user=ann).delete()
    roles.grant(user=ann, role="reader", by=operator)
    stop = Event()
    answers: list[tuple[str, ...]] = []

    def ask():
        client = APIClient(headers={"x-api-key": both})
        while not stop.is_set():
            answers.append(tuple(client.get("/access/me/").json()["scopes"]))

    def edit():
        try:
            for turn in range(24):
                roles.save_role(name="reader", scopes=[("reports:read", "docs:read")[turn % 2]], by=operator)
                time.sleep(0.01)
        finally:
            stop.set()

    outcomes = race(ask, ask, edit)
    assert raised(outcomes) == []
    assert set(answers) == {("docs:read",), ("reports:read",)}
    assert APIClient(headers={"x-api-key": text}).get("/access/me/").json()["scopes"] == ["docs:read"]


def test_a_role_taken_is_missing_from_every_request_that_begins_afterwards(make_user, make_role, make_key, operator):
    make_role("reader", "docs:read")
    for number in range(FEW):
        user = make_user(f"user{number}", role="reader")
        text = make_key(user, "docs:read").text
        stop, let_in = Event(), []

        def ask(text=text, stop=stop, let_in=let_in):
            client = APIClient(headers={"x-api-key": text})
            while not stop.is_set():
                began = time.monotonic()
                if client.get("/read-only/").status_code == 200:
                    let_in.append(began)

        def take(user=user, stop=stop):
            try:
                time.sleep(0.03)
                roles.ungrant(Grant.objects.filter(user=user), by=operator)
                taken = time.monotonic()
                time.sleep(0.03)
                return taken
            finally:
                stop.set()

        *_asked, taken = outcomes = race(ask, ask, take)
        assert raised(outcomes) == []
        assert let_in
        assert max(let_in) < taken


def test_two_separations_at_once_over_roles_that_somebody_holds_are_both_refused(make_user, make_role, operator):
    make_role("cashier", "docs:read")
    make_role("auditor", "reports:read")
    user = make_user("ann", role="cashier")
    roles.grant(user=user, role="auditor", by=operator)
    outcomes = race(
        *[
            lambda name=name: roles.save_separation(name=name, roles=["cashier", "auditor"], by=operator)
            for name in ("one", "two")
        ]
    )
    assert all(isinstance(outcome, DutiesConflict) for outcome in outcomes)
    assert not SeparationOfDuty.objects.exists()
    with pytest.raises(InvalidChange):
        roles.save_separation(name="one", roles=["cashier"], by=operator)
    assert Role.objects.count() == 2
