"""The rate of a key: exact, told in headers, whatever counts it."""

import re

import pytest

from django_apiaccess.authn import rates
from django_apiaccess.background import flusher
from django_apiaccess.core.rates import Rate
from django_apiaccess.events.models import Event

pytestmark = pytest.mark.django_db
LOCMEM = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "throttling"}}


class BrokenCache:
    """A cache that is down."""

    def __getattr__(self, name):
        def fail(*args, **kwargs):
            raise ConnectionError(name)

        return fail


@pytest.fixture(params=["database", "cache"])
def counting(request, settings):
    """Where the counters are."""
    if request.param == "cache":
        from django.core.cache import caches

        settings.CACHES = LOCMEM
        settings.API_ACCESS = {**settings.API_ACCESS, "SHARED_CACHE": "default"}
        caches["default"].clear()
    return request.param


@pytest.fixture
def at(monkeypatch):
    """`at(seconds)` sets the clock of the counters."""

    def set_to(seconds):
        monkeypatch.setattr("django_apiaccess.throttling.time.time", lambda: float(seconds))

    set_to(1_800_000_000)
    return set_to


@pytest.fixture
def client(make_user, make_key, client_of):
    return client_of(make_key(make_user("ann", "docs:read"), "docs:read", rate="5/min"))


def test_exactly_the_limit_is_allowed(client, counting, at):
    statuses = [client.get("/read-only/").status_code for _ in range(9)]
    assert statuses == [200] * 5 + [429] * 4


def test_a_new_window_begins_anew(client, counting, at):
    assert [client.get("/read-only/").status_code for _ in range(6)][-1] == 429
    at(1_800_000_000 + 59.9)
    assert client.get("/read-only/").status_code == 429
    at(1_800_000_000 + 60)
    assert [client.get("/read-only/").status_code for _ in range(6)] == [200] * 5 + [429]


def test_headers_tell_the_policy_and_what_remains(client, counting, at):
    at(1_800_000_000 + 10.5)
    seen = [client.get("/read-only/") for _ in range(6)]
    assert {response["RateLimit-Policy"] for response in seen} == {'"credential";q=5;w=60'}
    assert [response["RateLimit"] for response in seen] == [
        f'"credential";r={left};t=50' for left in (4, 3, 2, 1, 0, 0)
    ]
    assert "Retry-After" not in seen[0]
    assert seen[5]["Retry-After"] == "50"
    assert seen[5].json() == {
        "detail": "Too many requests with this credential. Try again in 50 seconds.",
        "code": "rate_limited",
    }


def test_headers_follow_the_grammar_of_structured_fields(client, counting, at):
    response = client.get("/read-only/")
    item = r'"[a-z]+"(;[a-z]+=\d+)+'
    assert re.fullmatch(item, response["RateLimit"])
    assert re.fullmatch(item, response["RateLimit-Policy"])


def test_each_key_has_its_own_count(client, counting, at, make_user, make_key, client_of):
    other = client_of(make_key(make_user("bob", "docs:read"), "docs:read", rate="5/min"))
    assert [client.get("/read-only/").status_code for _ in range(6)][-1] == 429
    assert other.get("/read-only/").status_code == 200


def test_both_ways_to_send_the_key_count_together(counting, at, make_user, make_key, client_of):
    issued = make_key(make_user("ann", "docs:read"), "docs:read", rate="2/min")
    statuses = [client_of(issued, scheme).get("/read-only/").status_code for scheme in ("Api-Key", "Bearer", "Api-Key")]
    assert statuses == [200, 200, 429]


def test_the_other_secret_of_a_rotated_key_counts_with_it(counting, at, make_user, make_key, client_of, operator):
    from django_apiaccess.keys import service as keys

    issued = make_key(make_user("ann", "docs:read"), "docs:read", rate="2/min")
    renewed = keys.rotate(issued.key, by=operator)
    statuses = [client_of(key).get("/read-only/").status_code for key in (issued, renewed, issued, renewed)]
    assert statuses == [200, 200, 429, 429]


def test_a_key_without_a_rate_is_not_counted(make_user, make_key, client_of, django_assert_num_queries):
    client = client_of(make_key(make_user("ann", "docs:read"), "docs:read"))
    client.get("/read-only/")
    with django_assert_num_queries(1):
        response = client.get("/read-only/")
    assert "RateLimit" not in response


def test_refusals_are_told_in_one_event(client, counting, at):
    for _ in range(9):
        client.get("/read-only/")
    flusher.flush()
    event = Event.objects.get(reason="rate_limited")
    assert (event.count, event.action) == (4, "access.denied")


def test_a_cache_that_is_down_does_not_open_the_gate(client, settings, monkeypatch, at):
    settings.API_ACCESS = {**settings.API_ACCESS, "SHARED_CACHE": "default"}
    monkeypatch.setattr(rates, "caches", {"default": BrokenCache()})
    assert [client.get("/read-only/").status_code for _ in range(7)] == [200] * 5 + [429] * 2


def test_nor_does_one_that_forgets_everything(client, settings, at):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    settings.API_ACCESS = {**settings.API_ACCESS, "SHARED_CACHE": "default"}
    assert [client.get("/read-only/").status_code for _ in range(7)] == [200] * 5 + [429] * 2


def test_a_clock_that_runs_behind_opens_no_second_window(counting, at):
    rate = Rate(2, 60)
    now = 1_800_000_060.0
    assert [rates.take("x", rate, now).allowed for _ in range(2)] == [True, True]
    if counting == "database":
        assert not rates.take("x", rate, now - 1).allowed


def test_a_lowered_limit_counts_at_once(counting, at):
    now = 1_800_000_000.0
    assert [rates.take("x", Rate(5, 60), now).allowed for _ in range(4)] == [True] * 4
    assert not rates.take("x", Rate(3, 60), now).allowed


def test_windows_of_different_lengths_do_not_meet(counting, at):
    now = 1_800_000_000.0
    assert rates.take("x", Rate(1, 60), now).allowed
    assert rates.take("x", Rate(1, 3600), now).allowed
    assert not rates.take("x", Rate(1, 60), now).allowed


def test_a_refused_request_is_not_counted(client, counting, at, make_key):
    for _ in range(9):
        assert client.get("/report/").status_code == 403
    assert client.get("/read-only/").status_code == 200
