"""Lengths of time as text."""

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core.durations import duration, humanise, parse_duration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90d", timedelta(days=90)),
        ("24h", timedelta(days=1)),
        ("1h30m", timedelta(minutes=90)),
        ("45s", timedelta(seconds=45)),
        ("2w", timedelta(weeks=2)),
        ("1y", timedelta(days=365)),
        ("0", timedelta(0)),
        ("0s", timedelta(0)),
        (" 7D ", timedelta(days=7)),
    ],
)
def test_what_people_write(text, length):
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "90", "d", "-1d", "1 d", "1.5h", "1d,2h", "90days", "∞", "１d", "1d2", "99999999999d", "+1d", "1e3s"]
)
def test_what_is_none_says_how_to_write_it(text):
    with pytest.raises(ValueError, match="write 90d"):
        parse_duration(text)


def test_a_length_beyond_all_calendars_is_an_error_too():
    with pytest.raises(ValueError, match="too long"):
        parse_duration("999999999y")


@given(st.text(max_size=40) | st.from_regex(r"([0-9]{1,12}[smhdwy]){1,5}", fullmatch=True))
def test_the_parser_knows_only_one_error(text):
    with contextlib.suppress(ValueError):
        assert parse_duration(text) >= timedelta(0)


@given(st.integers(0, 10**9 - 1).map(lambda seconds: timedelta(seconds=seconds)))
def test_what_is_printed_can_be_read_again(length):
    assert parse_duration(humanise(length)) == length


def test_a_setting_may_be_a_timedelta_a_text_or_seconds():
    assert duration(timedelta(hours=1)) == duration("1h") == duration(3600) == timedelta(hours=1)
    with pytest.raises(ValueError, match="truth value"):
        duration(True)


def test_humanise_takes_the_largest_unit_that_divides():
    assert [humanise(timedelta(seconds=n)) for n in (0, 90, 3600, 129600, 86400)] == ["0s", "90s", "1h", "36h", "1d"]
