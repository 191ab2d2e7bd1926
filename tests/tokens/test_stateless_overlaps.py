"""Sessions in the shared cache, while several change at once, some of them die, and others share the cache."""

# ruff: noqa: F811 - fixtures of a neighbour
from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from django.core.cache import caches
from django.db import connection, transaction

from django_apiaccess.models import TokenSession
from django_apiaccess.roles import places
from django_apiaccess.roles.models import Generation
from django_apiaccess.roles.shared import CHANGING_SECONDS, SharedFacts, shared_facts
from django_apiaccess.tokens import lookup
from tests.testapp.caches import SharedInTests

from .test_stateless import (  # noqa: F401 - fixtures
    CHANGES,
    ann,
    asked,
    cache,
    change_password,
    deactivate,
    end_session,
    status,
    token,
    worker,
)

pytestmark = pytest.mark.django_db(transaction=True)
TWO_KINDS = [("policy", "credentials"), ("credentials", "policy"), ("signing_keys", "policy")]


@pytest.fixture
def commits(monkeypatch):
    """What waits for a commit, in order: each is called when its transaction is over, or never where its process died."""
    waiting = []
    monkeypatch.setattr(transaction, "on_commit", lambda call, **_kwargs: waiting.append(call))
    return waiting


def sid():
    return TokenSession.objects.get().sid


def is_kept():
    """Whether a worker that asks now would keep what the database says."""
    return SharedFacts().find(sid()).within is not None


@pytest.mark.parametrize(("first", "second"), TWO_KINDS)
class TestTwoChangesAtOnce:
    def test_while_either_is_on_its_way_nothing_is_kept(self, token, commits, first, second):
        assert is_kept()
        shared_facts.all_change(first, "default")
        shared_facts.all_change(second, "default")
        commits[0]()
        assert not is_kept()
        commits[1]()
        assert is_kept()

    def test_also_where_the_later_one_is_over_first(self, token, commits, first, second):
        shared_facts.all_change(first, "default")
        shared_facts.all_change(second, "default")
        commits[1]()
        assert not is_kept()
        commits[0]()
        assert is_kept()

    def test_the_death_of_one_revives_nothing(self, token, ann, cache, commits, first, second):
        shared_facts.all_change(first, "default")
        shared_facts.all_change(second, "default")
        commits[1]()
        assert status(token) == 200  # it is read, before the first is committed
        type(ann).objects.filter(pk=ann.pk).update(is_active=False)  # it is committed, and its process dies
        worker()
        assert [status(token), status(token)] == [401, 401]
        cache._expire_info[cache.make_key(places.changing(first))] = 0  # the bound is over
        worker()
        assert [status(token), status(token)] == [401, 401]


def test_a_change_that_is_told_late_does_not_end_the_next_one_of_its_kind(token, commits):
    """The first was committed, which let the second begin, before it could tell."""
    shared_facts.all_change("credentials", "default")
    shared_facts.all_change("credentials", "default")
    commits[0]()
    assert not is_kept()
    commits[1]()
    assert is_kept()
    commits[0]()
    assert not is_kept()  # only until the bound is over: nobody knows which was the last


def test_the_mark_of_a_change_that_never_ended_is_bounded(token, cache, commits):
    shared_facts.all_change("policy", "default")
    name = cache.make_key(places.changing("policy"))
    assert 0 < cache._expire_info[name] - time.time() <= CHANGING_SECONDS


def test_a_session_that_ends_during_another_change_is_not_revived_when_its_process_dies(token, ann, commits):
    shared_facts.all_change("policy", "default")  # a role is saved
    shared_facts.ended([sid()], "default")
    commits[0]()  # the role is committed
    assert status(token) == 200  # its end is not
    TokenSession.objects.update(revoked_at="2020-01-01T00:00Z")  # it is, and its process dies
    worker()
    assert [status(token), status(token)] == [401, 401]


class TestACacheThatFailsInSilence:
    """As django-redis with DJANGO_REDIS_IGNORE_EXCEPTIONS: what it could not store looks stored."""

    @pytest.fixture
    def mute(self, monkeypatch):
        def go(lost):
            real = SharedInTests.set

            def set_(self, key, *args, **kwargs):
                if lost not in key:
                    real(self, key, *args, **kwargs)

            monkeypatch.setattr(SharedInTests, "set", set_)

        return go

    @pytest.mark.parametrize("lost", ["", "epoch", "changing", "session", "ended"])
    @pytest.mark.parametrize("change", [deactivate, end_session, change_password])
    def test_a_lost_mark_is_told_by_the_database(self, token, ann, operator, mute, monkeypatch, lost, change):
        mute(lost)
        change(ann, operator)
        monkeypatch.undo()
        worker()
        assert [status(token), status(token)] == [CHANGES[change], CHANGES[change]]


class TestTwoDatabasesAndOneCache:
    def test_what_a_copied_database_says_of_a_session_is_believed_by_its_own_project_alone(
        self, token, ann, operator, monkeypatch
    ):
        here, alive = places.standing, lookup.load(sid())
        end_session(ann, operator)
        worker()
        with monkeypatch.context() as copy:
            copy.setattr(places, "standing", lambda using: (here(using)[0], "the copy"))
            copy.setattr("django_apiaccess.tokens.credential.load", lambda sid: alive)
            caches["shared"].delete(places.ended(sid()))
            assert [status(token), asked(token)] == [200, (200, [])]
        worker()
        assert [status(token), status(token)] == [401, 401]

    def test_a_command_that_reaches_the_database_by_another_address_is_heard(self, token, ann, operator, monkeypatch):
        for change in (end_session, deactivate):
            with monkeypatch.context() as elsewhere:
                worker()
                elsewhere.setattr(places, "standing", lambda using: (None, "another address"))
                change(ann, operator)
            worker()
            assert status(token) == 401

    @pytest.mark.parametrize(
        ("field", "value"), [("HOST", "db.other"), ("PORT", "6543"), ("NAME", "copy")], ids=["host", "port", "name"]
    )
    def test_the_place_is_that_of_the_database(self, db, monkeypatch, field, value):
        before = places.standing("default")
        assert places.standing("default") == before
        monkeypatch.setitem(connection.settings_dict, field, value)
        assert places.standing("default")[1] != before[1]

    def test_and_of_the_issuer(self, db, settings):
        before = places.standing("default")
        settings.API_ACCESS = {**settings.API_ACCESS, "ISSUER": "https://other.example"}
        assert places.standing("default")[1] != before[1]

    def test_and_of_the_server_that_runs_it(self, db, monkeypatch):
        before = places.standing("default")
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT EXTRACT(EPOCH FROM pg_postmaster_start_time())::text")
                assert places._place(connection, cursor.fetchone()[0]) == before[1]
        else:
            monkeypatch.setattr("socket.gethostname", lambda: "another")
            assert places.standing("default")[1] != before[1]

    def test_all_processes_of_one_project_have_one_place(self, db):
        code = (
            "import django, os; django.setup(); from django.db import connection as c;"
            "from django_apiaccess.roles import places; import sys;"
            "c.settings_dict.update(NAME=sys.argv[1]); print(places._place(c, 'server'))"
        )
        name = str(connection.settings_dict["NAME"])
        run = [
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", code, name],
                check=True, capture_output=True, text=True, env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
            ).stdout
            for _process in range(2)
        ]  # fmt: skip
        assert run[0] == run[1] == places._place(connection, "server") + "\n"

    def test_the_generation_comes_with_it_in_one_statement(self, db, django_assert_num_queries):
        Generation.objects.create(name="shared_cache", value=17)
        with django_assert_num_queries(1):
            assert places.standing("default")[0] == 17
        Generation.objects.all().delete()
        assert places.standing("default")[0] is None


@pytest.mark.parametrize("cut", [0, 1, 5, -1])
def test_facts_of_a_wrong_length_are_no_facts(token, cache, cut):
    (name,) = [name for name in cache._cache if "session" in name]
    faults, facts = cache.get(name.removeprefix(":1:"))
    cache.set(name.removeprefix(":1:"), (faults, facts[:cut] if cut >= 0 else (*facts, "more")))
    assert status(token) == 200
