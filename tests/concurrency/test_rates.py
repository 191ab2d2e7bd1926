"""Rates under parallel requests: exactly as many pass as the rate says, whatever counts."""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest
from django.core.cache import cache, caches
from django.core.cache.backends.locmem import LocMemCache
from django.db import connection

from django_apiaccess.authn import rates
from django_apiaccess.authn.models import RateCounter
from django_apiaccess.authn.rates import seen, take
from django_apiaccess.core.rates import Rate

from .threads import race, raised, stop_before

TEN_A_MINUTE = Rate(10, 60)
NOW = 6_000_000.0


class FailingCache(LocMemCache):
    """A cache that can be switched off, and counts how often it is asked while it is."""

    down = False
    asked = 0

    def incr(self, *arguments, **options):
        if FailingCache.down:
            FailingCache.asked += 1
            raise ConnectionError("Connection refused")
        return super().incr(*arguments, **options)


@pytest.fixture(params=["database", "memory", "redis"])
def counters(request, settings, api_access):
    """The three places in which requests are counted."""
    if request.param == "database":
        return None
    backend = {"BACKEND": f"{__name__}.FailingCache", "LOCATION": "rates"}
    if request.param == "redis":
        if not os.environ.get("REDIS_URL"):
            pytest.skip("*** WITHOUT REDIS: set REDIS_URL, or run scripts/with_redis.py ***")
        backend = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": os.environ["REDIS_URL"]}
    settings.CACHES = {"default": {**backend, "KEY_PREFIX": f"test-{os.getpid()}-{time.time()}"}}
    api_access(SHARED_CACHE="default")
    return request.param


@pytest.fixture
def failing_cache(settings, api_access):
    FailingCache.down, FailingCache.asked = False, 0
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.FailingCache", "LOCATION": "failing"}}
    api_access(SHARED_CACHE="default")
    cache.clear()
    return FailingCache


def test_of_fifty_parallel_requests_exactly_ten_pass(counters, make_user, make_key, client_of):
    issued = make_key(make_user("ann", "docs:read"), "docs:read", rate="10/h")

    def ask():
        client = client_of(issued)
        return [client.get("/read-only/").status_code for _number in range(5)]

    outcomes = race(*[ask] * 10)
    assert raised(outcomes) == []
    assert Counter(status for answers in outcomes for status in answers) == {200: 10, 429: 40}


def test_parallel_requests_at_the_turn_of_a_window_are_neither_lost_nor_let_in_twice(counters):
    for round_ in range(10):
        subject = f"key:{round_}"
        take(subject, TEN_A_MINUTE, NOW)
        outcomes = race(
            *[lambda subject=subject: [take(subject, TEN_A_MINUTE, NOW + 60).allowed for _number in range(3)]] * 6
        )
        assert raised(outcomes) == []
        assert Counter(allowed for answers in outcomes for allowed in answers) == {True: 10, False: 8}


def test_who_loses_the_race_for_a_new_window_is_counted_in_it():
    """Between its two statements another request begins the window."""
    take("key", TEN_A_MINUTE, NOW)
    with stop_before('"window" < ', lambda: race(lambda: take("key", TEN_A_MINUTE, NOW + 60))):
        taken = take("key", TEN_A_MINUTE, NOW + 60)
    assert (taken.allowed, taken.remaining) == (True, 8)


def test_who_loses_the_race_for_the_first_row_is_counted_in_it():
    first_write = "BEGIN" if connection.vendor == "sqlite" else "INSERT INTO"
    with stop_before(first_write, lambda: race(lambda: take("key", TEN_A_MINUTE, NOW))):
        taken = take("key", TEN_A_MINUTE, NOW)
    assert (taken.allowed, taken.remaining) == (True, 8)


def test_what_remains_is_said_truly(counters):
    taken = [take("key", Rate(3, 60), NOW + 15) for _number in range(5)]
    assert [(entry.allowed, entry.remaining) for entry in taken] == [
        (True, 2),
        (True, 1),
        (True, 0),
        (False, 0),
        (False, 0),
    ]
    assert {entry.reset for entry in taken} == {45.0}


def test_a_late_clock_counts_into_the_window_that_others_have_begun(counters):
    if counters is not None:
        pytest.skip("a cache has a counter for each window")
    for _number in range(10):
        assert take("key", TEN_A_MINUTE, NOW + 60).allowed
    assert not take("key", TEN_A_MINUTE, NOW + 59).allowed


def test_a_cache_that_fails_in_the_middle_of_a_window_lets_nobody_over_the_limit(failing_cache, db):
    assert [take("key", TEN_A_MINUTE, NOW).allowed for _number in range(6)] == [True] * 6
    failing_cache.down = True
    assert [take("key", TEN_A_MINUTE, NOW).allowed for _number in range(6)] == [True] * 4 + [False] * 2
    assert RateCounter.objects.get().count == 10


def test_a_cache_that_comes_back_empty_lets_nobody_over_the_limit(failing_cache, db, monkeypatch):
    assert take("key", TEN_A_MINUTE, NOW).allowed
    failing_cache.down = True
    assert [take("key", TEN_A_MINUTE, NOW).allowed for _number in range(5)] == [True] * 5
    failing_cache.down = False
    caches["default"].clear()
    monkeypatch.setattr(rates, "RETRY_SECONDS", 0)
    seen._down_until.clear()
    assert [take("key", TEN_A_MINUTE, NOW).allowed for _number in range(6)] == [True] * 4 + [False] * 2


def test_a_cache_that_is_emptied_lets_nobody_over_the_limit(counters, db):
    if counters is None:
        pytest.skip("counts in the database are not emptied")
    assert [take("key", TEN_A_MINUTE, NOW).allowed for _number in range(8)] == [True] * 8
    caches["default"].clear()
    assert [take("key", TEN_A_MINUTE, NOW).allowed for _number in range(4)] == [True] * 2 + [False] * 2


def test_a_cache_that_failed_is_left_alone_for_a_while(failing_cache, db, caplog):
    failing_cache.down = True
    assert [take(f"key{number}", TEN_A_MINUTE, NOW).allowed for number in range(5)] == [True] * 5
    assert failing_cache.asked == 1
    assert [record.levelname for record in caplog.records if record.name == "django_apiaccess"] == ["WARNING"]


def test_a_new_window_begins_at_nought_after_a_failure(failing_cache, db):
    for _number in range(11):
        take("key", TEN_A_MINUTE, NOW)
    failing_cache.down = True
    assert not take("key", TEN_A_MINUTE, NOW).allowed
    assert [take("key", TEN_A_MINUTE, NOW + 60).allowed for _number in range(11)] == [True] * 10 + [False]


def test_with_atomic_requests_a_request_that_fails_is_counted_too(make_user, make_key, client_of, monkeypatch):
    """Its transaction is rolled back, and the count in the database with it."""
    client = client_of(make_key(make_user("ann", "docs:read"), "docs:read", rate="3/h"))
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    answers = [client.get("/documents/404/").status_code for _number in range(5)]
    assert answers == [404, 404, 404, 429, 429]
    assert RateCounter.objects.get().count == 3


def test_with_atomic_requests_a_request_that_succeeds_is_counted_once(make_user, make_key, client_of, monkeypatch):
    client = client_of(make_key(make_user("ann", "docs:read"), "docs:read", rate="3/h"))
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    answers = [client.get("/documents/").status_code for _number in range(5)]
    assert answers == [200, 200, 200, 429, 429]
