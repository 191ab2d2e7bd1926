"""Failed attempts under parallel requests, and where requests are transactions: each counts, once."""

from __future__ import annotations

import base64
from collections import Counter

import pytest
from django.db import connection
from rest_framework.test import APIClient

from django_apiaccess.authn.failures import Bucket, charge, refund
from django_apiaccess.authn.models import FailureCounter
from django_apiaccess.events.models import Event
from django_apiaccess.passwords.memory import memory

from .threads import race, raised


@pytest.fixture
def atomic_requests(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


@pytest.fixture
def basic(api_access):
    memory.clear()
    api_access(CREDENTIALS=["api_key", "basic"])

    def get(password, path="/read-only/"):
        header = "Basic " + base64.b64encode(f"ann:{password}".encode()).decode()
        return APIClient().get(path, secure=True, HTTP_AUTHORIZATION=header).status_code

    return get


def log_in(password):
    return APIClient().post("/access/token/", {"username": "ann", "password": password}).status_code


def counts():
    return {row.subject.split(":")[1]: row.count for row in FailureCounter.objects.all()}


def test_twenty_parallel_wrong_guesses_count_as_twenty(make_user, api_access):
    make_user("ann")
    api_access(LOCKOUT={"ACCOUNT_FREE": 100, "NETWORK_FREE": 100})
    outcomes = race(*[lambda number=number: log_in(f"wrong-{number}") for number in range(20)])
    assert raised(outcomes) == []
    assert Counter(outcomes) == {401: 20}
    assert counts() == {"account": 20, "network": 20}


def test_of_twenty_parallel_guesses_only_the_free_ones_are_checked(make_user, api_access):
    """One more is checked, whose failure closes the account."""
    make_user("ann")
    api_access(LOCKOUT={"ACCOUNT_FREE": 5, "MAX_DELAY": "1h", "NETWORK_FREE": 100})
    outcomes = race(*[lambda number=number: log_in(f"wrong-{number}") for number in range(20)])
    assert raised(outcomes) == []
    assert Counter(outcomes)[401] >= 6
    assert Event.objects.filter(action="login.refused", reason="wrong_secret").count() == Counter(outcomes)[401]
    assert counts()["account"] == Counter(outcomes)[401]
    assert Counter(outcomes)[401] <= 8, "the delay after the sixth is a second: a slow machine lets few more in"
    assert Counter(outcomes)[429] == 20 - Counter(outcomes)[401]


def test_a_right_guess_among_wrong_ones_takes_back_its_own_charge_only():
    bucket = Bucket("password:network:192.0.2.1", 1000)

    def right():
        charge(bucket)
        refund(bucket)

    outcomes = race(*[lambda: charge(bucket)] * 10, *[right] * 6)
    assert raised(outcomes) == []
    assert FailureCounter.objects.get().count == 10


def test_where_requests_are_transactions_failed_log_ins_count_once(make_user, atomic_requests):
    make_user("ann")
    assert [log_in(f"wrong-{number}") for number in range(6)] == [401] * 6
    assert counts() == {"account": 6, "network": 6}
    assert log_in("secret") == 429


def test_where_requests_are_transactions_failures_of_basic_survive_the_roll_back(make_user, basic, atomic_requests):
    make_user("ann", "docs:read")
    assert [basic(f"wrong-{number}") for number in range(6)] == [401] * 6
    assert counts() == {"account": 6, "network": 6}
    assert basic("secret") == 429
    assert Event.objects.filter(action="login.refused", reason="wrong_secret").count() == 6


def test_where_requests_are_transactions_a_right_password_counts_nothing_even_when_the_view_fails(
    make_user, basic, atomic_requests
):
    make_user("ann", "docs:read")
    assert basic("secret", "/documents/404/") == 404
    assert basic("secret") == 200
    assert {name: count for name, count in counts().items() if count} == {}


def test_where_requests_are_transactions_unknown_keys_count_once(make_user, make_key, client_of, atomic_requests):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    text = issued.text
    issued.key.delete()
    assert [client_of(text).get("/read-only/").status_code for _number in range(3)] == [401] * 3
    assert counts() == {"network": 3}
