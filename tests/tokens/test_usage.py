"""Last use of sessions, and what a request with an access token costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from django_apiaccess.models import TokenSession
from django_apiaccess.tokens import usage as usages
from django_apiaccess.tokens.usage import SessionUsage, usage

from .people import PATH, bearer, log_in, refresh

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def ann(make_user):
    return make_user("ann", "docs:read")


@pytest.fixture
def session():
    log_in()
    return TokenSession.objects.get()


def stored(session):
    session.refresh_from_db()
    return session.last_used_at, session.last_used_from


def test_the_latest_use_is_written(session):
    usage = SessionUsage()
    usage.record(session.pk, "203.0.113.5", NOON)
    usage.record(session.pk, "2001:db8::1", NOON + timedelta(seconds=2))
    usage.record(session.pk, "203.0.113.7", NOON + timedelta(seconds=1))
    usage.flush()
    assert stored(session) == (NOON + timedelta(seconds=2), "2001:db8::1")
    assert not usage.pending()


def test_time_never_goes_back_whichever_process_writes_last(session):
    early, late = SessionUsage(), SessionUsage()
    early.record(session.pk, "203.0.113.5", NOON)
    late.record(session.pk, "203.0.113.6", NOON + timedelta(seconds=1))
    late.flush()
    early.flush()
    assert stored(session) == (NOON + timedelta(seconds=1), "203.0.113.6")


def test_an_unknown_address_and_a_deleted_session_are_no_error(session):
    usage = SessionUsage()
    usage.record(session.pk, None, NOON)
    usage.record(999_999_999, "203.0.113.5", NOON)
    usage.flush()
    assert stored(session) == (NOON, None)


def test_what_could_not_be_written_is_kept_and_does_not_undo_what_came_after(session, monkeypatch):
    usage = SessionUsage()
    usage.record(session.pk, "203.0.113.5", NOON)
    with monkeypatch.context() as patched:

        def fail(*_arguments):
            usage.record(session.pk, "203.0.113.6", NOON + timedelta(seconds=1))
            raise DatabaseError

        patched.setattr(usages, "write", fail)
        with pytest.raises(DatabaseError):
            usage.flush()
    usage.flush()
    assert stored(session) == (NOON + timedelta(seconds=1), "203.0.113.6")


def test_a_refresh_is_a_use(session):
    pair = log_in()
    refresh(pair.refresh, address="203.0.113.8")
    usage.flush()
    assert TokenSession.objects.latest("pk").last_used_from == "203.0.113.8"


def statements(client):
    with CaptureQueriesContext(connection) as asked:
        assert client.get(PATH).status_code == 200
    return [query["sql"] for query in asked]


def test_a_request_costs_one_statement_and_writes_nothing():
    client = bearer(log_in().access)
    client.get(PATH)
    (only,) = statements(client)
    assert only.startswith("SELECT")


def test_with_the_cache_it_asks_nothing(settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": 30, "GENERATION_SECONDS": 30}
    client = bearer(log_in().access)
    client.get(PATH)
    assert statements(client) == []


def test_a_remembered_token_still_counts_as_used(settings, session):
    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": 30, "GENERATION_SECONDS": 30}
    client = bearer(log_in().access)
    client.get(PATH)
    usage.flush()
    client.get(PATH, REMOTE_ADDR="203.0.113.9")
    usage.flush()
    assert TokenSession.objects.latest("pk").last_used_from == "203.0.113.9"


def test_a_remembered_token_ends_at_its_time(settings, monkeypatch):
    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": 3000, "GENERATION_SECONDS": 3000}
    from django.utils import timezone

    pair = log_in()
    assert pair.opens == 200
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(minutes=11))
    assert pair.opens == 401


def test_the_memory_holds_no_text_of_a_token(settings):
    from django_apiaccess.tokens.remembered import remembered

    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": 30}
    pair = log_in()
    assert pair.opens == 200
    held = repr(vars(remembered))
    assert remembered._rows
    assert pair.access.split(".")[2] not in held


def test_a_wrong_signature_is_refused_before_its_session_is_looked_for():
    head, body, signature = log_in().access.split(".")
    with CaptureQueriesContext(connection) as asked:
        assert bearer(f"{head}.{body}.{signature[::-1]}").get(PATH).status_code == 401
    assert not any("tokensession" in query["sql"] for query in asked)
