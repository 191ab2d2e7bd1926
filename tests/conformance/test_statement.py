"""The compiled statement against the plain ORM: the same answer for any data, on every database."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_apiaccess.keys.lookup import key_query, load, statement
from django_apiaccess.keys.models import APIKey, APIKeySecret
from django_apiaccess.roles import statement as statements
from django_apiaccess.roles.generations import bump
from django_apiaccess.roles.models import Generation, Grant, Role, Scope
from django_apiaccess.roles.policy import Grants, parse_grants
from django_apiaccess.roles.rights import grant_rows

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
YEAR_1990, YEAR_2090 = (datetime(year, 1, 1) for year in (1990, 2090))  # noqa: DTZ001 - hypothesis adds the time zone

moments = st.none() | st.datetimes(YEAR_1990, YEAR_2090, timezones=st.just(UTC))
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)


@st.composite
def grants(draw):
    """The columns of one grant."""
    starts, ends = draw(moments), draw(moments)
    if starts is not None and ends is not None and ends <= starts:
        starts = None
    return {
        "to_group": draw(st.sampled_from([None, 0, 1, 2])),
        "role": draw(st.booleans()),
        "right": draw(st.integers(0, 2)),
        "on": draw(st.none() | st.integers(1, 3)),
        "starts_at": starts,
        "ends_at": ends,
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(grants(), max_size=8),
    member_of=st.sets(st.integers(0, 2)),
    name=texts,
    times=st.tuples(moments, moments, moments),
    flags=st.tuples(*[st.booleans()] * 3),
)
def test_any_data_reads_the_same(rows, member_of, name, times, flags):
    for model in (APIKey, Grant, Role, Group, get_user_model()):
        model.objects.all().delete()
    active, staff, superuser = flags
    user = get_user_model().objects.create(username="ann", is_active=active, is_staff=staff, is_superuser=superuser)
    other = get_user_model().objects.create(username="bob")
    groups = [Group.objects.create(name=f"group {n}") for n in range(3)]
    user.groups.set([groups[n] for n in member_of])
    other.groups.set(groups)
    roles = [Role.objects.create(name=f"role {n}") for n in range(3)]
    scopes = list(Scope.objects.order_by("pk")[:3])
    kind = ContentType.objects.get_for_model(Group)
    for row in rows:
        right = {"role": roles[row["right"]]} if row["role"] else {"scope": scopes[row["right"]]}
        holder = {"user": user} if row["to_group"] is None else {"group": groups[row["to_group"]]}
        on = {} if row["on"] is None else {"content_type": kind, "object_id": str(row["on"])}
        Grant.objects.create(**right, **holder, **on, starts_at=row["starts_at"], ends_at=row["ends_at"])
    Grant.objects.create(user=other, scope=scopes[0])
    key = APIKey.objects.create(
        name=name,
        principal=user,
        scopes=["docs:read", "docs:*"],
        networks="10.0.0.0/8",
        expires_at=times[0],
        revoked_at=times[1],
    )
    APIKeySecret.objects.create(key=key, public_id="a1", digest="d$1$x", expires_at=times[2])

    row = load("a1")
    plain = key_query("a1").get()
    assert tuple(row[:18]) + row.principal_values == tuple(plain)
    assert (row.key_id, row.name, row.scopes, row.networks) == (
        key.pk,
        name,
        frozenset({"docs:read", "docs:*"}),
        "10.0.0.0/8",
    )
    assert (row.expires_at, row.revoked_at, row.secret_expires_at) == times
    assert (
        row.principal_id,
        row.principal_value("is_superuser", default=None),
        row.principal_value("is_active", default=None),
    ) == (user.pk, superuser, active)
    mine = Grant.objects.filter(user=user) | Grant.objects.filter(group__in=user.groups.all())
    expected = {
        (grant.role_id, grant.scope_id, grant.content_type_id is not None, grant.starts_at, grant.ends_at)
        for grant in mine
    }
    brought = parse_grants(row.direct_grants, row.group_grants)
    assert {(*right, None, None) for right in brought.always} | set(brought.timed) == expected
    for moment in (NOW, NOW - timedelta(days=3650), NOW + timedelta(days=3650)):
        in_force = Grant.objects.active(moment).held_by(user)
        assert brought.active(moment) == {
            (grant.role_id, grant.scope_id, grant.content_type_id is not None) for grant in in_force
        }
    assert set(grant_rows(user)) <= expected


def test_an_unknown_id_and_odd_ones_find_nothing():
    for public_id in ("", "nobody", "%", "_", "' OR 1=1 --", "a" * 1000, "é", "\\", "%s", "%(x)s", "$1"):
        assert load(public_id) is None


def test_generations_come_along():
    user = get_user_model().objects.create(username="ann")
    key = APIKey.objects.create(name="x", principal=user)
    APIKeySecret.objects.create(key=key, public_id="a1", digest="x")
    Generation.objects.all().delete()
    assert (load("a1").policy_generation, load("a1").credentials_generation) == (None, None)
    bump(Generation.POLICY)
    bump(Generation.CREDENTIALS)
    stored = dict(Generation.objects.values_list("name", "value"))
    assert load("a1").policy_generation == stored["policy"]
    assert load("a1").credentials_generation == stored["credentials"]


def test_who_has_no_grants_has_none():
    user = get_user_model().objects.create(username="ann")
    key = APIKey.objects.create(name="x", principal=user)
    APIKeySecret.objects.create(key=key, public_id="a1", digest="x")
    row = load("a1")
    assert parse_grants(row.direct_grants, row.group_grants) == Grants(frozenset())


def test_the_statement_is_compiled_once(monkeypatch):
    load("a1")
    monkeypatch.setattr(statement, "_make", None)
    assert load("a1") is None


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL prepares")
def test_on_postgresql_it_is_prepared_once_the_connection_has_proven_to_last():
    for _ in range(statements.PREPARE_AFTER + 2):
        load("a1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%apikeysecret%'")
        assert cursor.fetchone() == (1,)


def test_grants_as_json_are_read_with_and_without_time_zone():
    rows = [[1, None, 0, None, None], [None, 2, True, "2026-06-01 12:00:00", "2026-06-01T14:00:00.5+02:00"]]
    half_a_second_later = NOW + timedelta(microseconds=500000)
    assert parse_grants(json.dumps(rows)) == Grants(
        frozenset({(1, None, False)}), ((None, 2, True, NOW, half_a_second_later),)
    )
    assert parse_grants(None) == parse_grants("") == parse_grants("[]", None) == parse_grants() == Grants(frozenset())


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL prepares")
@pytest.mark.django_db(transaction=True)
def test_a_prepared_statement_that_is_lost_costs_nobody_an_answer():
    user = get_user_model().objects.create(username="ann")
    key = APIKey.objects.create(name="x", principal=user)
    APIKeySecret.objects.create(key=key, public_id="a1", digest="x")
    for _ in range(statements.PREPARE_AFTER + 2):
        assert load("a1").key_id == key.pk
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert load("a1").key_id == key.pk
    assert load("a1").key_id == key.pk
