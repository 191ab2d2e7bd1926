"""Requests for text messages that come at the same moment: exactly as many pass as the limits say."""

from __future__ import annotations

from collections import Counter

import pytest

from django_apiaccess.mfa.sms_limits import DAY, allow

from .threads import race, raised

NOW = 20_000.0 * DAY


@pytest.fixture
def limits(api_access):
    """Nothing is limited, but for what the test limits."""

    def change(**entries):
        free = {
            "SMS_COOLDOWN": "0s",
            "SMS_PER_USER": "999/h",
            "SMS_PER_NUMBER": "999/h",
            "SMS_PER_NETWORK": "999/h",
            "SMS_DAILY_CAP": 999,
        }
        api_access(MFA={**free, **entries})  # fmt: skip

    return change


def passed(outcomes):
    assert raised(outcomes) == []
    return Counter(wait.limit for waits in outcomes for wait in waits)


def test_of_eight_parallel_requests_for_one_number_one_passes_in_each_cooldown(limits):
    limits(SMS_COOLDOWN="30s")
    for round_ in range(5):
        now = NOW + 31 * round_
        outcomes = race(
            *[lambda user=user, now=now: [allow(user, "+31612345678", "203.0.113.7", now)] for user in range(8)]
        )
        assert passed(outcomes) == {"": 1, "cooldown": 7}


@pytest.mark.parametrize(
    ("limit", "entry"),
    [("user", {"SMS_PER_USER": "10/h"}), ("number", {"SMS_PER_NUMBER": "10/h"}), ("network", {"SMS_PER_NETWORK": "10/h"}),
     ("daily_cap", {"SMS_DAILY_CAP": 10})],
)  # fmt: skip
def test_of_thirty_parallel_requests_ten_pass(limits, limit, entry):
    limits(**entry)
    outcomes = race(*[lambda: [allow(1, "+31612345678", "203.0.113.7", NOW + each) for each in range(5)]] * 6)
    assert passed(outcomes) == {"": 10, limit: 20}
