"""The compiled statement of a request with an access token against the plain ORM: the same answer for any data."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_apiaccess.models import Generation, Grant, Role, Scope, TokenSession
from django_apiaccess.roles.generations import bump
from django_apiaccess.roles.policy import parse_grants
from django_apiaccess.tokens.lookup import OWN_COLUMNS, load, session_query, statement

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SID = "a" * 22
YEAR_1990, YEAR_2090 = (datetime(year, 1, 1) for year in (1990, 2090))  # noqa: DTZ001 - hypothesis adds the time zone
moments = st.datetimes(YEAR_1990, YEAR_2090, timezones=st.just(UTC))
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
grants = st.tuples(st.sampled_from(["user", "group", "other"]), st.booleans(), st.none() | st.integers(1, 3))


def make_session(user, **fields):
    columns = {"sid": SID, "client_id": "first-party", "auth_time": NOON, "expires_at": NOON, **fields}
    return TokenSession.objects.create(user=user, **columns)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(grants, max_size=6),
    expires=moments,
    revoked=st.none() | moments,
    words=st.tuples(texts, texts, texts),
    flags=st.tuples(*[st.booleans()] * 3),
)
def test_any_data_reads_the_same(rows, expires, revoked, words, flags):
    for model in (TokenSession, Grant, Role, Group, get_user_model()):
        model.objects.all().delete()
    active, staff, superuser = flags
    mark, password, client = words
    user = get_user_model().objects.create(
        username="ann", password=password, is_active=active, is_staff=staff, is_superuser=superuser
    )
    other, group = get_user_model().objects.create(username="bob"), Group.objects.create(name="group")
    user.groups.add(group)
    role, scope = Role.objects.create(name="role"), Scope.objects.first()
    kind = ContentType.objects.get_for_model(Group)
    for holder, of_role, on in rows:
        who = {"group": group} if holder == "group" else {"user": user if holder == "user" else other}
        right = {"role": role} if of_role else {"scope": scope}
        where = {} if on is None else {"content_type": kind, "object_id": str(on)}
        if not Grant.objects.filter(**who, **right, **where).exists():
            Grant.objects.create(**who, **right, **where)
    session = make_session(user, password_mark=mark, client_id=client, expires_at=expires, revoked_at=revoked)
    make_session(other, sid="b" * 22)

    row = load(SID)
    assert (*row[: len(OWN_COLUMNS)], *row.principal_values) == tuple(session_query(SID).get())
    assert (row.session_id, row.sid, row.principal_id) == (session.pk, SID, user.pk)
    assert (row.password_mark, row.password, row.client_id) == (mark, password, client)
    assert (row.expires_at, row.revoked_at, row.is_active) == (expires, revoked, active)
    assert row.principal_value("is_superuser", default=None) is superuser
    mine = Grant.objects.filter(user=user) | Grant.objects.filter(group=group)
    expected = {(grant.role_id, grant.scope_id, grant.content_type_id is not None) for grant in mine}
    assert parse_grants(row.direct_grants, row.group_grants).active(NOON) == expected


def test_generations_come_along(make_user):
    make_session(make_user("ann"))
    for name in (Generation.POLICY, Generation.CREDENTIALS, Generation.SIGNING_KEYS):
        bump(name)
    stored = dict(Generation.objects.values_list("name", "value"))
    row = load(SID)
    brought = (row.policy_generation, row.credentials_generation, row.signing_keys_generation)
    assert brought == tuple(stored[name] for name in ("policy", "credentials", "signing_keys"))


def test_odd_session_ids_find_nothing(db):
    for sid in ("", "%", "_", "' OR 1=1 --", "a" * 1000, "é", "\\", "%s", "%(x)s", "$1"):
        assert load(sid) is None


def test_it_is_compiled_once(make_user, monkeypatch):
    make_session(make_user("ann"))
    load(SID)
    monkeypatch.setattr(statement, "_make", None)
    assert load(SID) is not None


def test_a_row_shows_neither_hash_nor_mark(make_user):
    make_session(make_user("ann"), password_mark="the-mark")
    row = load(SID)
    assert row.password not in repr(row)
    assert "the-mark" not in repr(row)
