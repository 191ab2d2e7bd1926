"""How often messages go out: by person, number and network, and in all."""

from __future__ import annotations

import time

import pytest
from django.core.management import call_command

from django_apiaccess.authn.models import RateCounter
from django_apiaccess.mfa.sms_limits import DAY, allow

NUMBER, OTHER = "+31612345678", "+31687654321"
ADDRESS = "203.0.113.7"
NOW = 20_000 * DAY
"""A midnight (UTC), at which every window begins."""

pytestmark = pytest.mark.django_db


@pytest.fixture
def mfa(settings):
    def change(**entries):
        before = settings.API_ACCESS.get("MFA", {})
        settings.API_ACCESS = {**settings.API_ACCESS, "MFA": {**before, **entries}}

    return change


@pytest.fixture
def free(mfa):
    """Nothing is limited, but for what the test limits."""
    mfa(SMS_COOLDOWN="0s", SMS_PER_USER="999/h", SMS_PER_NUMBER="999/h", SMS_PER_NETWORK="999/h", SMS_DAILY_CAP=999)
    return mfa


def ask(now, user=1, number=NUMBER, address=ADDRESS):
    return allow(user, number, address, now)


def test_mf_06_the_sixth_message_in_an_hour_is_refused_and_the_wait_is_told():
    waits = [ask(NOW + 60 * each) for each in range(6)]
    assert waits == [0, 0, 0, 0, 0, 3600 - 300]
    assert [wait.limit for wait in waits] == [""] * 5 + ["user"]
    assert ask(NOW + 3600) == 0


def test_mf_06_a_number_rests_thirty_seconds_between_messages_also_at_the_turn_of_every_window():
    assert not ask(NOW - 0.5)
    wait = ask(NOW + 0.5)
    assert (wait.limit, wait) == ("cooldown", pytest.approx(29.5, abs=1))
    assert ask(NOW + 29.4).limit == "cooldown"
    assert not ask(NOW + 31)


def test_a_second_click_within_the_cooldown_costs_nothing(mfa):
    for each in range(5):
        assert not ask(NOW + 40 * each)
        assert all(ask(NOW + 40 * each + second).limit == "cooldown" for second in (1, 5, 29))
    assert ask(NOW + 400).limit == "user"


def test_mf_06_a_number_gets_ten_an_hour_whoever_asks_and_from_wherever(free):
    free(SMS_PER_NUMBER="10/h")
    waits = [ask(NOW + each, user=each, address=f"203.0.113.{each}") for each in range(11)]
    assert [wait.limit for wait in waits] == [""] * 10 + ["number"]
    assert not ask(NOW + 11, number=OTHER)


def test_mf_06_a_network_may_ask_for_thirty_an_hour_whoever_and_whatever_it_is_for(free):
    free(SMS_PER_NETWORK="30/h")
    waits = [ask(NOW + each, user=each, number=f"+316{each:08}") for each in range(31)]
    assert [wait.limit for wait in waits] == [""] * 30 + ["network"]
    assert not ask(NOW + 31, address="203.0.113.8")


def test_all_addresses_of_a_subscriber_are_one_network_and_unknown_ones_too(free):
    free(SMS_PER_NETWORK="2/h")
    assert [ask(NOW + each, address=f"2001:db8:1:2::{each}").limit for each in range(3)] == ["", "", "network"]
    assert [ask(NOW + each, address=address).limit for each, address in enumerate([None, "", "nonsense"])] == [
        "",
        "",
        "network",
    ]


def test_mf_06_a_cap_on_the_day_ends_it_for_everybody_until_midnight(free):
    free(SMS_DAILY_CAP=3)
    waits = [
        ask(NOW + 3600 * each, user=each, number=f"+316{each:08}", address=f"203.0.113.{each}") for each in range(4)
    ]
    assert [wait.limit for wait in waits] == ["", "", "", "daily_cap"]
    assert waits[3] == DAY - 3 * 3600
    assert not ask(NOW + DAY)


def test_what_is_refused_does_not_count_against_the_cap(free):
    free(SMS_DAILY_CAP=3, SMS_PER_USER="1/h")
    assert not ask(NOW)
    for each in range(9):
        assert ask(NOW + 1 + each, number=f"+316{each:08}").limit == "user"
    assert [ask(NOW + 20 + each, user=2 + each).limit for each in range(3)] == ["", "", "daily_cap"]


def test_somebody_who_is_refused_cannot_keep_anothers_number_busy(mfa):
    mfa(SMS_PER_USER="1/h")
    assert not ask(NOW, user="attacker", number=OTHER)
    for each in range(50):
        assert ask(NOW + 31 + each, user="attacker", number=NUMBER).limit == "user"
    assert not ask(NOW + 81, user="owner", number=NUMBER)


def test_pruning_between_two_messages_does_not_end_the_cooldown(mfa):
    mfa(SMS_COOLDOWN="60s")
    now = time.time()
    assert not ask(now)
    call_command("prune_access", verbosity=0)
    assert ask(now + 5).limit == "cooldown"


def test_the_rows_hold_no_number():
    ask(NOW)
    subjects = list(RateCounter.objects.values_list("subject", flat=True))
    assert len(subjects) == 5
    assert not any("12345678" in subject for subject in subjects)
    assert all(len(subject) < 100 for subject in subjects)
