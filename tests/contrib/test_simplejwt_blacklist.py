"""The blacklist of simplejwt, imported from its tables alone."""

from __future__ import annotations

import io
import json
import uuid
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.models import Event, RefreshToken, TokenSession

from .legacy_tokens import LEGACY, make

OUTSTANDING = """CREATE TABLE token_blacklist_outstandingtoken (id {big} PRIMARY KEY, user_id integer NULL, jti varchar(255) UNIQUE,
    token text, created_at {time} NULL, expires_at {time})"""
BLACKLISTED = "CREATE TABLE token_blacklist_blacklistedtoken (id {big} PRIMARY KEY, token_id bigint UNIQUE, blacklisted_at {time})"
PEPPERS = ["test-pepper-of-the-suite-0123456789abcdef"]


@pytest.fixture(autouse=True)
def _old_tokens_are_taken():
    access = {"PEPPERS": PEPPERS, "LEGACY_JWT": LEGACY}
    with override_settings(ROOT_URLCONF="tests.contrib.simplejwt_urls", API_ACCESS=access):
        yield


def execute(sql, *values):
    postgres = connection.vendor == "postgresql"
    sql = sql.replace("{time}", "timestamptz" if postgres else "datetime").replace(
        "{big}", "bigint" if postgres else "integer"
    )
    adapted = [
        connection.ops.adapt_datetimefield_value(value) if hasattr(value, "tzinfo") else value for value in values
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, adapted or None)


@pytest.fixture
def tables(db):
    """`tables(user, blacklisted=True)`: a row as simplejwt writes it, and its token."""
    number = iter(range(1, 10_000))
    execute(OUTSTANDING)
    execute(BLACKLISTED)

    def add(user, *, blacklisted=True, user_id=None, lives=timedelta(days=1)):
        pk, jti = next(number), uuid.uuid4().hex
        token = make(user, "refresh", jti=jti)
        owner = user.pk if user_id is None else user_id
        now = timezone.now()
        execute(
            "INSERT INTO token_blacklist_outstandingtoken VALUES (%s, %s, %s, %s, %s, %s)",
            pk, None if owner == "none" else owner, jti, token, now, now + lives,
        )  # fmt: skip
        if blacklisted:
            execute("INSERT INTO token_blacklist_blacklistedtoken VALUES (%s, %s, %s)", pk, pk, now)
        return token

    return add


def imported(*arguments):
    out = io.StringIO()
    call_command("import_simplejwt", *arguments, "--format", "json", stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue())


def refresh(token):
    return APIClient().post("/api/token/refresh/", {"refresh": token}).status_code


def test_who_logged_out_there_stays_logged_out_here_and_the_others_go_on(tables, make_user):
    ann, ben = make_user("ann"), make_user("ben")
    dead, alive, theirs = tables(ann), tables(ann, blacklisted=False), tables(ben)
    assert imported() == {
        "dry_run": False, "read": 2, "imported": 2, "already_imported": 0, "expired": 0, "without_user": 0,
    }  # fmt: skip
    assert [refresh(token) for token in (dead, theirs, alive)] == [401, 401, 200]
    assert TokenSession.objects.live().count() == 1
    assert Event.objects.filter(action="session.ended").count() == 2


def test_no_token_is_copied(tables, make_user):
    token = tables(make_user("ann"))
    imported()
    stored = [str(vars(row)) for model in (RefreshToken, TokenSession, Event) for row in model.objects.all()]
    assert not any(part in text for text in stored for part in token.split(".")[1:])


def test_importing_again_takes_only_what_is_new(tables, make_user):
    ann = make_user("ann")
    tables(ann)
    imported()
    tables(ann, lives=timedelta(days=80))
    again = imported()
    assert (again["imported"], again["already_imported"]) == (1, 1)
    session = TokenSession.objects.get()
    assert session.refresh_tokens.count() == 2
    assert session.expires_at > timezone.now() + timedelta(days=79)


def test_it_comes_after_an_exchange_without_harm(tables, make_user):
    token = tables(make_user("ann"))
    assert refresh(token) == 200
    assert imported()["already_imported"] == 1
    assert TokenSession.objects.live().count() == 1


def test_a_dry_run_says_the_same_and_changes_nothing(tables, make_user):
    token = tables(make_user("ann"))
    assert imported("--dry-run")["imported"] == 1
    assert not RefreshToken.objects.exists()
    assert refresh(token) == 200


def test_what_is_expired_or_has_no_user_is_left_out(tables, make_user):
    ann = make_user("ann")
    tables(ann, lives=-timedelta(days=1))
    tables(ann, user_id="none")
    tables(ann, user_id=987_654)
    report = imported()
    assert (report["expired"], report["without_user"], report["imported"]) == (1, 2, 0)


def test_many_are_read_in_batches(tables, make_user, django_assert_max_num_queries):
    from django_apiaccess.contrib.simplejwt.blacklist import Import
    from django_apiaccess.events.source import Actor

    ann = make_user("ann")
    for _ in range(25):
        tables(ann)
    run = Import(by=Actor.command("test"))
    assert list(run.run(10)) == [10, 10, 5]
    assert RefreshToken.objects.count() == 25


def test_without_the_tables_it_says_so(db):
    with pytest.raises(CommandError, match="token_blacklist_outstandingtoken"):
        imported()
    with pytest.raises(CommandError, match=r"DATABASES has no entry 'defualt'\. Did you mean"):
        imported("--database", "defualt")


def test_all_old_tokens_of_one_user_can_be_ended(make_user):
    ann, ben = make_user("ann", "docs:read"), make_user("ben", "docs:read")
    mine, theirs, access = make(ann, "refresh"), make(ben, "refresh"), make(ann)
    client = APIClient(headers={"authorization": f"Bearer {access}"})
    assert imported("--end-tokens-of", "ann", "--dry-run") == {"dry_run": True, "user": "ann"}
    assert client.get("/read-only/").status_code == 200
    imported("--end-tokens-of", "ann")
    assert client.get("/read-only/").status_code == 401
    assert [refresh(mine), refresh(theirs)] == [401, 200]
    assert Event.objects.filter(action="session.ended", reason="all tokens of simplejwt ended").count() == 1
    ours = APIClient().post("/api/token/", {"username": "ann", "password": "secret"}).json()
    assert refresh(ours["refresh"]) == 200


def test_a_log_out_after_it_lets_none_of_them_live_again(make_user):
    ann = make_user("ann", "docs:read")
    old = make(ann, "refresh")
    imported("--end-tokens-of", "ann")
    assert APIClient().post("/api/token/blacklist/", {"refresh": make(ann, "refresh")}).status_code == 401
    assert refresh(old) == 401


def test_ending_tokens_of_nobody_or_without_the_setting_says_so(make_user):
    make_user("ann")
    with pytest.raises(CommandError, match="ann"):
        imported("--end-tokens-of", "anm")
    with override_settings(API_ACCESS={"PEPPERS": PEPPERS}), pytest.raises(CommandError, match="LEGACY_JWT"):
        imported("--end-tokens-of", "ann")
