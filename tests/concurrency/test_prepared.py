"""The prepared statement on PostgreSQL: used where a connection lasts, never in the way where it does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest
from django.db import Error, OperationalError, connection, connections, transaction

from django_apiaccess.keys.lookup import load, statement
from django_apiaccess.roles.statement import PREPARE_AFTER

from .threads import PATIENCE, race, raised

pytestmark = pytest.mark.postgres


@contextmanager
def connections_with(**changes: Any) -> Iterator[None]:
    """New connections to the same database with other settings; a connection is not closed at the end of a request of the test client."""
    before = connections.settings["default"]
    kept = connections["default"]
    connections.settings["default"] = {
        **before,
        **changes,
        "OPTIONS": {**before["OPTIONS"], **changes.get("OPTIONS", {})},
    }
    del connections["default"]
    try:
        yield
    finally:
        connections["default"].close()
        close_pool = getattr(connections["default"], "close_pool", None)
        if close_pool:
            close_pool()
        connections.settings["default"], connections["default"] = before, kept


@pytest.fixture
def public_id(make_user, make_key):
    return make_key(make_user("ann", "docs:read"), "docs:read").key.secrets.get().public_id


@pytest.fixture
def fresh(db) -> Iterator[None]:
    """A connection of this test's own, that lasts."""
    with connections_with(CONN_MAX_AGE=None):
        yield


def uses() -> list[int]:
    """How often each look-up that is prepared on this thread's connection ran as such."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement LIKE %s",
            ["%django_apiaccess_apikeysecret%"],
        )
        return [count for (count,) in cursor.fetchall()]


def runs_prepared(public_id: str) -> bool:
    """Whether one look-up, whose answer must be right, ran as a prepared statement."""
    before = sum(uses())
    row = load(public_id)
    assert row is not None
    assert row.public_id == public_id
    return sum(uses()) == before + 1


def warm(public_id: str) -> None:
    """Use the connection until the statement is prepared on it."""
    for _use in range(PREPARE_AFTER + 1):
        load(public_id)
    assert runs_prepared(public_id)


def test_it_is_prepared_once_a_connection_has_lasted(public_id, fresh):
    warm(public_id)
    for _use in range(10):
        assert runs_prepared(public_id)
    assert len(uses()) == 1
    assert load("nothing") is None


def test_a_request_with_a_connection_of_its_own_prepares_nothing(public_id, fresh):
    for _request in range(5):
        assert load(public_id) is not None
        assert uses() == []
        connection.close()


@pytest.mark.parametrize(
    "changes",
    [{"DISABLE_SERVER_SIDE_CURSORS": True}, {"OPTIONS": {"server_side_binding": True}}],
    ids=["behind a transaction pooler", "server-side binding"],
)
def test_where_the_settings_say_so_it_stays_plain(public_id, changes):
    with connections_with(CONN_MAX_AGE=None, **changes):
        for _request in range(PREPARE_AFTER + 5):
            assert load(public_id) is not None
        assert uses() == []


def test_it_answers_as_the_plain_statement_does(public_id, fresh):
    plain = statement.find(public_id)
    warm(public_id)
    assert statement.find(public_id) == plain


def test_it_survives_a_roll_back_even_of_the_transaction_that_prepared_it(public_id, fresh):
    with transaction.atomic():
        warm(public_id)
        transaction.set_rollback(True)
    assert load(public_id) is not None
    warm(public_id)


def test_it_sees_what_its_own_transaction_changed_and_what_others_committed(public_id, fresh):
    from django_apiaccess.keys.models import APIKey

    warm(public_id)
    with transaction.atomic():
        APIKey.objects.update(name="inside")
        assert load(public_id).name == "inside"
        transaction.set_rollback(True)
    assert load(public_id).name == "test"
    race(lambda: APIKey.objects.update(name="outside"))
    assert load(public_id).name == "outside"


def test_it_follows_the_search_path(public_id, fresh):
    """As a schema for each tenant does it: the same statement then reads the other schema's tables."""
    warm(public_id)
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA tenant")
        try:
            for table in ("apikey", "apikeysecret"):
                cursor.execute(f"CREATE TABLE tenant.django_apiaccess_{table} (LIKE public.django_apiaccess_{table})")
            cursor.execute("SET search_path TO tenant, public")
            assert load(public_id) is None
            cursor.execute("SET search_path TO public")
            assert load(public_id) is not None
        finally:
            cursor.execute("SET search_path TO public")
            cursor.execute("DROP SCHEMA tenant CASCADE")


@pytest.mark.parametrize("reset", ["DEALLOCATE ALL", "DISCARD ALL"])
def test_when_it_is_lost_the_same_request_goes_on(public_id, fresh, reset):
    warm(public_id)
    for _time in range(2):
        with connection.cursor() as cursor:
            cursor.execute(reset)
        assert load(public_id) is not None


def test_when_it_is_lost_behind_the_drivers_back_the_same_request_goes_on(public_id, fresh):
    """A pooler that hands the server's connection from client to client."""
    warm(public_id)
    with connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
    for _time in range(3):
        assert load(public_id) is not None


def test_when_it_is_lost_inside_a_transaction_only_that_request_fails(public_id, fresh):
    warm(public_id)
    with connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")

    def look_up_in_a_transaction() -> None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")  # the transaction has begun
            load(public_id)

    with pytest.raises(Error):
        look_up_in_a_transaction()
    with transaction.atomic():
        assert load(public_id) is not None


def test_a_migration_that_changes_a_column_does_not_stop_running_processes(public_id, fresh):
    warm(public_id)
    alter = "ALTER TABLE django_apiaccess_apikey ALTER COLUMN name TYPE varchar({})"

    def migrate(length: int):
        with connection.cursor() as cursor:
            cursor.execute(alter.format(length))

    try:
        assert raised(race(lambda: migrate(123))) == []
        assert load(public_id).name == "test"
        assert load(public_id).name == "test"
    finally:
        migrate(100)


def test_after_the_server_closed_the_connection_the_next_request_works(public_id, fresh):
    warm(public_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()

    def terminate():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])

    assert raised(race(terminate)) == []
    with pytest.raises(OperationalError):
        load(public_id)
    connection.close_if_unusable_or_obsolete()  # what Django does between requests
    warm(public_id)


def test_each_thread_prepares_on_its_own_connection(public_id):
    with connections_with(CONN_MAX_AGE=None):

        def requests():
            for _use in range(PREPARE_AFTER + 10):
                load(public_id)
            return len(uses())

        assert race(*[requests] * 6) == [1] * 6


def test_with_atomic_requests_it_is_prepared_and_a_failed_request_changes_nothing(
    public_id, make_user, make_key, client_of
):
    client = client_of(make_key(make_user("bob", "docs:read", "docs:write"), "docs:read", "docs:write"))
    with connections_with(CONN_MAX_AGE=None, ATOMIC_REQUESTS=True):
        for _request in range(PREPARE_AFTER + 2):
            assert client.get("/read-only/").status_code == 200
            assert client.get("/documents/404/").status_code == 404
        assert len(uses()) <= 1
        warm(public_id)


@pytest.mark.skipif(not find_spec("psycopg_pool"), reason="needs psycopg_pool")
def test_with_a_pool_it_is_prepared_once_on_each_connection_of_the_pool(public_id):
    with connections_with(OPTIONS={"pool": {"min_size": 1, "max_size": 2, "timeout": PATIENCE}}):
        for _request in range(2 * (PREPARE_AFTER + 1)):  # the pool hands its two connections out in turn
            assert load(public_id) is not None
            connection.close()  # back into the pool
        for _request in range(3):
            assert runs_prepared(public_id)
            connection.close()
        together = threading.Barrier(2)

        def requests():
            for _request in range(PREPARE_AFTER + 2):
                load(public_id)
                connection.close()
            together.wait(PATIENCE)

        assert raised(race(requests, requests)) == []
