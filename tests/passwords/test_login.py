"""Logging in with a password: one answer and one hash for whatever is wrong, and no way to guess for long."""

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from rest_framework.test import APIClient

from django_apiaccess.authn.failures import charge_again
from django_apiaccess.authn.models import FailureCounter
from django_apiaccess.background import flusher
from django_apiaccess.events.models import Event
from django_apiaccess.keys import accounts

WRONG = {"ann": "wrong", "nobody": "secret", "gone": "secret", "robot": "secret"}


@pytest.fixture
def people(make_user, operator):
    ann = make_user("ann", "docs:read")
    make_user("gone", is_active=False)
    account = accounts.create_service_account(name="robot", owner=ann, purpose="test", by=operator)
    return {"ann": "ann", "nobody": "nobody", "gone": "gone", "robot": account.user.get_username()}


def wait_of(response):
    assert response.status_code == 429, response.content
    assert response.json()["code"] == "too_many_failures"
    assert "no-store" in response["Cache-Control"]
    return int(response["Retry-After"])


def fail(log_in, times, name="ann", **place):
    """Wrong passwords, each as soon as it is let in."""
    return [log_in(name, f"wrong-{number}", **place).status_code for number in range(times)]


# -- one answer, one hash


def test_wrong_unknown_inactive_and_service_account_are_one_answer(people, log_in):
    answers = {who: log_in(name, WRONG[who]) for who, name in people.items()}
    assert {answer.status_code for answer in answers.values()} == {401}
    assert len({answer.content for answer in answers.values()}) == 1
    assert len({tuple(sorted(answer.headers.items())) for answer in answers.values()}) == 1
    assert answers["ann"].json()["code"] == "invalid_credential"


def test_wrong_unknown_inactive_and_service_account_cost_one_hash_each(people, log_in, hashes):
    for who, name in people.items():
        hashes.clear()
        log_in(name, WRONG[who])
        assert hashes == [WRONG[who]], who


def test_the_event_tells_what_the_answer_does_not(people, log_in):
    log_in("ann", "wrong-canary")
    event = Event.objects.get(action="login.refused")
    assert (event.reason, event.details["account"], event.outcome) == ("wrong_secret", "ann", "failed")
    assert "canary" not in str(event.__dict__)


def test_a_closed_account_and_a_closed_name_that_does_not_exist_answer_alike(people, log_in, clock, hashes):
    for name in people.values():
        assert fail(log_in, 6, name) == [401] * 6
    hashes.clear()
    answers = [log_in(name, "secret") for name in people.values()]
    assert {wait_of(answer) for answer in answers} == {1}
    assert len({answer.content for answer in answers}) == 1
    assert hashes == []


# -- the password as it was sent


@pytest.mark.parametrize("stored", ["x" * 100, " pass word ", "pässwörd ☂ 🎩", "ünïcode" * 100, "p" * 4096])
def test_a_password_is_checked_exactly_as_sent(make_user, log_in, stored):
    user = make_user("ann")
    user.set_password(stored)
    user.save()
    for near in (stored[:72] if len(stored) > 72 else stored[:-1], f"{stored} ", f" {stored}", stored.swapcase()):
        assert near == stored or log_in("ann", near).status_code in {400, 401}
        FailureCounter.objects.all().delete()
    assert log_in("ann", stored).status_code == 200


def test_an_old_hash_is_renewed_at_log_in(make_user, log_in, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    user = make_user("ann")
    hasher = PBKDF2PasswordHasher()
    user.password = hasher.encode("secret", "saltsaltsaltsaltsaltsalt", iterations=1000)
    user.save()
    assert log_in("ann", "secret").status_code == 200
    user.refresh_from_db()
    assert hasher.decode(user.password)["iterations"] == hasher.iterations


ODD = [
    "",
    "a" * 4096,
    "a" * 100_000,
    "\0",
    "ann\0",
    "\ud800",
    "\u202eann",
    "🎩" * 300,
    "%s",
    "' OR 1=1 --",
    " ",
    None,
    7,
    [],
    {},
]


@pytest.mark.parametrize("odd", ODD, ids=[repr(value)[:12] for value in ODD])
def test_odd_names_and_passwords_are_refused_and_break_nothing(people, log_in, odd):
    assert log_in(odd, "secret").status_code in {400, 401}
    assert log_in("ann", odd).status_code in {400, 401}
    assert log_in(odd, odd).status_code in {400, 401}
    assert log_in().status_code == 200


def test_an_endless_password_costs_no_hash(people, log_in, hashes):
    log_in("ann", "x" * 100_000)
    assert hashes == []


# -- guessing


def test_the_first_failures_cost_nothing_and_then_the_delay_doubles(people, log_in, clock):
    assert fail(log_in, 6) == [401] * 6
    waits = []
    for _number in range(6):
        waits.append(wait_of(log_in()))
        clock.pass_by(seconds=waits[-1])
        assert fail(log_in, 1) == [401]
    assert waits == [1, 2, 4, 8, 16, 32]


def test_the_delay_ends_at_its_longest(people, log_in, clock, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"ACCOUNT_FREE": 1, "MAX_DELAY": "10s"}}
    for _number in range(8):
        assert fail(log_in, 1) == [401]
        clock.pass_by(seconds=10)
    assert fail(log_in, 1) == [401]
    assert wait_of(log_in()) == 10


def test_the_right_password_does_not_open_a_closed_account(people, log_in, clock, hashes):
    fail(log_in, 6)
    hashes.clear()
    assert wait_of(log_in("ann", "secret")) == 1
    assert wait_of(log_in("ann", "secret", address="203.0.113.9")) == 1
    assert hashes == []
    clock.pass_by(seconds=1)
    assert log_in("ann", "secret").status_code == 200


def test_an_attempt_while_closed_does_not_lengthen_the_delay(people, log_in, clock):
    fail(log_in, 6)
    for _number in range(20):
        wait_of(log_in())
    clock.pass_by(seconds=1)
    assert log_in().status_code == 200


def test_writing_the_name_otherwise_gives_no_further_guesses(people, log_in, clock):
    for name in ("ann", " ann", "ANN", "Ann ", "aNN", "ann\t"):
        assert fail(log_in, 1, name) == [401]
    assert wait_of(log_in("ann", "secret")) == 1


def test_failures_are_forgotten_after_a_while(people, log_in, clock):
    fail(log_in, 6)
    clock.pass_by(hours=24, seconds=1)
    assert fail(log_in, 6) == [401] * 6


def test_the_right_password_makes_an_account_forget_its_failures(people, log_in, clock):
    fail(log_in, 5)
    assert log_in().status_code == 200
    assert fail(log_in, 6) == [401] * 6


def test_the_owner_is_let_in_from_a_known_network_whatever_others_do(people, log_in, clock):
    assert log_in(address="192.0.2.7").status_code == 200
    fail(log_in, 6, address="198.51.100.1")
    wait_of(log_in(address="198.51.100.1"))
    assert log_in(address="192.0.2.7").status_code == 200
    assert wait_of(log_in(address="203.0.113.5")) == 1, "the success at home opened the account for others"


def test_guesses_from_a_known_network_are_limited_too(people, log_in, clock):
    assert log_in(address="192.0.2.7").status_code == 200
    assert fail(log_in, 6, address="192.0.2.7") == [401] * 6
    assert wait_of(log_in(address="192.0.2.7")) == 1
    assert log_in(address="203.0.113.5").status_code == 200


def test_a_network_is_known_for_one_account_and_for_ninety_days(people, make_user, log_in, clock):
    make_user("bob")
    log_in("bob", address="192.0.2.7")
    fail(log_in, 6, address="198.51.100.1")
    wait_of(log_in(address="192.0.2.7"))
    clock.pass_by(days=91)
    fail(log_in, 6, "bob", address="198.51.100.1")
    wait_of(log_in("bob", address="192.0.2.7"))


def test_a_network_is_closed_after_many_failures_on_any_accounts(people, log_in, clock, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"NETWORK_FREE": 10}}
    for number in range(11):
        assert fail(log_in, 1, f"user{number}") == [401]
    assert wait_of(log_in("ann", "secret")) == 1
    assert log_in("ann", "secret", address="203.0.113.9").status_code == 200


def test_a_success_does_not_clear_what_its_network_did(people, log_in, clock, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"NETWORK_FREE": 10}}
    for number in range(10):
        fail(log_in, 1, f"user{number}")
    assert log_in("ann", "secret").status_code == 200
    assert fail(log_in, 1, "user99") == [401]
    assert wait_of(log_in("user98", "x")) == 1


def test_ipv6_counts_by_the_64_bits_that_a_subscriber_has(people, log_in, clock, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"NETWORK_FREE": 10}}
    for number in range(11):
        assert fail(log_in, 1, f"user{number}", address=f"2001:db8:1:2::{number:x}") == [401]
    wait_of(log_in(address="2001:db8:1:2:ffff:ffff:ffff:ffff"))
    assert log_in(address="2001:db8:1:3::1").status_code == 200


def test_the_header_of_a_client_makes_it_no_other_network(people, clock, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"NETWORK_FREE": 5}}
    for number in range(6):
        body = {"username": f"user{number}", "password": "x"}
        spoofed = {"HTTP_X_FORWARDED_FOR": f"203.0.113.{number}", "HTTP_FORWARDED": f"for=203.0.113.{number}"}
        assert APIClient().post("/access/token/", body, **spoofed).status_code == 401
    assert APIClient().post("/access/token/", {"username": "ann", "password": "secret"}).status_code == 429


def test_many_refusals_of_a_closed_account_are_one_event(people, log_in, clock):
    fail(log_in, 6)
    for _number in range(5):
        log_in()
    flusher.flush()
    event = Event.objects.get(action="login.refused", reason="too_many_failures")
    assert event.count == 5


def test_nothing_is_left_over_for_the_next_request_of_the_thread(people, log_in, clock):
    fail(log_in, 2)
    before = list(FailureCounter.objects.order_by("subject").values())
    charge_again()
    assert list(FailureCounter.objects.order_by("subject").values()) == before
