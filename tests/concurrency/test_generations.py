"""Generations whose rows are gone (a flushed or restored database): they come back, whoever is first."""

from __future__ import annotations

import pytest
from django.db import transaction

from django_apiaccess.roles.generations import bump, current
from django_apiaccess.roles.models import Generation

from .threads import race, raised

ROUNDS = 20


@pytest.mark.parametrize("name", [Generation.POLICY, Generation.CREDENTIALS])
def test_of_many_first_bumps_at_once_none_fails(name):
    for _round in range(ROUNDS):
        Generation.objects.all().delete()
        assert raised(race(*[lambda: bump(name)] * 4)) == []
        assert Generation.objects.filter(name=name).count() == 1


def test_first_bumps_inside_transactions_wait_for_each_other(db):
    for _round in range(ROUNDS):
        Generation.objects.all().delete()
        inside = []

        def change():
            with transaction.atomic():
                bump(Generation.POLICY)
                inside.append("in")  # noqa: B023 - the thread ends within the round
                inside.append("out")  # noqa: B023

        assert raised(race(*[change] * 4)) == []
        assert inside == ["in", "out"] * 4


def test_each_bump_gives_a_new_value(db):
    values = set()
    for _number in range(50):
        bump(Generation.POLICY)
        values.add(current(Generation.POLICY))
    assert len(values) == 50


def test_a_bump_that_is_rolled_back_leaves_the_old_value(db):
    bump(Generation.POLICY)
    before = current(Generation.POLICY)
    with transaction.atomic():
        bump(Generation.POLICY)
        transaction.set_rollback(True)
    assert current(Generation.POLICY) == before


def test_roles_and_grants_can_be_changed_at_once_when_no_generation_is_there(make_user, make_role, operator):
    from django_apiaccess.roles import service as roles

    user = make_user("ann")
    make_role("reader", "docs:read")
    for number in range(ROUNDS // 2):
        Generation.objects.all().delete()
        outcomes = race(
            lambda number=number: roles.save_role(name=f"role{number}", scopes=["docs:read"], by=operator),
            lambda: roles.grant(user=user, role="reader", by=operator),
            lambda number=number: roles.save_role(
                name="reader", scopes=["docs:read", "reports:read"][: 1 + number % 2], by=operator
            ),
        )
        assert raised(outcomes) == []
