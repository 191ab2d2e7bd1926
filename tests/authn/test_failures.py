"""Failures of keys and tokens: counted by network, never at the cost of whoever has a good one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.access.prune import prune
from django_apiaccess.authn import failures
from django_apiaccess.authn.failures import account_bucket, delay, network_bucket, network_of
from django_apiaccess.authn.models import FailureCounter
from django_apiaccess.background import flusher
from django_apiaccess.core.secrets import CHECK_LENGTH, checksum
from django_apiaccess.core.secrets import make_key as make_text
from django_apiaccess.events.models import Event
from django_apiaccess.events.source import Where
from django_apiaccess.keys import service as keys
from django_apiaccess.tokens.service import Proof, begin

FREE = 5


@pytest.fixture(autouse=True)
def _limits(settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"NETWORK_FREE": FREE, "MAX_DELAY": "15m"}}


@pytest.fixture
def issued(make_user, make_key):
    return make_key(make_user("ann", "docs:read"), "docs:read")


def get(text, scheme="Api-Key", address="198.51.100.1"):
    return APIClient().get("/read-only/", HTTP_AUTHORIZATION=f"{scheme} {text}", REMOTE_ADDR=address)


def unknown_key(_issued):
    return make_text("ak").text


def wrong_secret(issued):
    """A key of the same public id, with a right checksum and another secret."""
    body = issued.text[: -2 * CHECK_LENGTH] + "0" * CHECK_LENGTH
    return body + checksum(body)


@pytest.mark.parametrize("text", [unknown_key, wrong_secret])
def test_after_the_free_ones_a_guess_is_a_429_with_the_time_to_wait(issued, text):
    assert [get(text(issued)).status_code for _number in range(FREE + 1)] == [401] * (FREE + 1)
    response = get(text(issued))
    assert (response.status_code, response.json()["code"]) == (429, "too_many_failures")
    assert int(response["Retry-After"]) == 1


def test_forged_tokens_cost_no_query_so_they_are_not_counted(issued, django_assert_num_queries):
    """Nobody guesses a signature, and the holder of a good token meets the same refusal after a rotation of keys."""
    proof = Proof(("pwd",), "aal1", timezone.now())
    token = begin(issued.key.principal, proof=proof, where=Where(), scopes=frozenset({"docs:read"})).access_token
    head, body, signature = token.split(".")
    forged = f"{head}.{body}.{'A' * 10}{signature[10:]}"
    get(forged, "Bearer")
    with django_assert_num_queries(0):
        assert [get(forged, "Bearer").status_code for _number in range(FREE + 3)] == [401] * (FREE + 3)


def test_a_good_key_from_that_network_passes_on_at_no_cost(issued):
    for _number in range(FREE + 3):
        get(make_text("ak").text)
    get(issued.text)
    with CaptureQueriesContext(connection) as seen:
        assert get(issued.text).status_code == 200
    assert len(seen) == 1


def test_a_good_token_from_that_network_passes_on(issued):
    for _number in range(FREE + 3):
        get(make_text("ak").text)
    proof = Proof(("pwd",), "aal1", timezone.now())
    tokens = begin(issued.key.principal, proof=proof, where=Where(), scopes=frozenset({"docs:read"}))
    assert get(tokens.access_token, "Bearer").status_code == 200


def test_another_network_is_not_concerned(issued):
    for _number in range(FREE + 3):
        get(make_text("ak").text)
    assert get(make_text("ak").text, address="203.0.113.1").status_code == 401


def test_beyond_the_free_ones_an_event_is_not_written_for_each(issued):
    for _number in range(FREE + 11):
        get(make_text("ak").text)
    flusher.flush()
    refused = Event.objects.filter(action="credential.refused")
    assert refused.filter(reason="unknown").count() == FREE + 1
    assert refused.get(reason="too_many_failures").count == 10


@pytest.mark.parametrize("end", ["expire", "revoke", "deactivate"])
def test_a_key_that_was_good_once_is_not_counted(issued, operator, end):
    """A client that nobody told of the end must go on to learn it, and its neighbours must not suffer."""
    if end == "expire":
        issued.key.expires_at = timezone.now() - timedelta(seconds=1)
        issued.key.save()
    elif end == "revoke":
        keys.revoke(issued.key, reason="test", by=operator)
    else:
        issued.key.principal.is_active = False
        issued.key.principal.save()
    assert [get(issued.text).status_code for _number in range(FREE + 5)] == [401] * (FREE + 5)
    assert not FailureCounter.objects.exists()


@pytest.mark.parametrize("text", ["ak_x", "ak_abc_def", "x" * 5000, "nonsense"])
def test_what_cannot_be_a_credential_costs_nothing_and_is_not_counted(db, text, django_assert_num_queries):
    with django_assert_num_queries(0):
        for _number in range(FREE + 5):
            assert get(text).status_code == 401


def test_failures_of_keys_and_of_passwords_do_not_add_up(issued):
    for _number in range(FREE + 3):
        get(make_text("ak").text)
    body = {"username": "ann", "password": "secret"}
    assert APIClient().post("/access/token/", body, REMOTE_ADDR="198.51.100.1").status_code == 200


# -- names of buckets, delays


def test_an_ipv6_network_has_64_bits_and_mapped_addresses_are_ipv4():
    assert network_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64"
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("garbage") == network_of(None) == network_of("") == "unknown"


def test_no_two_accounts_or_networks_share_a_bucket():
    names = {
        account_bucket("p", "ann").name,
        account_bucket("p", "ann|").name,
        account_bucket("p", "ann|192.0.2.1").name,
        account_bucket("p", "ann", known_from="192.0.2.1").name,
        account_bucket("q", "ann").name,
        network_bucket("p", "192.0.2.1").name,
        network_bucket("p", "192.0.2.2").name,
    }
    assert len(names) == 7
    assert max(map(len, names)) <= FailureCounter._meta.get_field("subject").max_length
    assert not any("ann" in name for name in names)


def test_the_longest_names_fit():
    field = FailureCounter._meta.get_field("subject")
    name = network_bucket("credential", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff").name
    assert len(name) <= field.max_length
    assert len(account_bucket("credential", "x" * 10_000, known_from="y" * 100).name) <= field.max_length


def test_delays_double_from_the_first_that_is_not_free_up_to_the_longest():
    seconds = [delay(count, 3).total_seconds() for count in range(8)]
    assert seconds == [0, 0, 0, 0, 1, 2, 4, 8]
    assert delay(10**9, 3) == timedelta(minutes=15)


def test_a_counter_that_everybody_fights_for_says_wait(db, monkeypatch):
    monkeypatch.setattr(failures, "TRIES", 0)
    assert failures.charge(network_bucket("p", "192.0.2.1")) == 1.0


def test_counters_that_say_nothing_any_more_are_pruned(db, operator):
    now = timezone.now()
    for name, count, days in (("old", 0, 91), ("forgotten failures", 1, 2), ("known network", 0, 89)):
        at = now - timedelta(days=days)
        FailureCounter.objects.create(subject=name, count=count, last_at=at, blocked_until=at)
    assert prune(by=operator)["failure counters"] == 2
    assert FailureCounter.objects.get().subject == "known network"
