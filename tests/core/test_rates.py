"""Request rates as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core.rates import Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "limit", "seconds"),
    [
        ("100/min", 100, 60),
        ("5/s", 5, 1),
        ("1000/hour", 1000, 3600),
        ("1/day", 1, 86400),
        ("20/30s", 20, 30),
        (" 7 / 5 MIN ", 7, 300),
    ],
)
def test_what_people_write(text, limit, seconds):
    assert parse_rate(text) == Rate(limit, seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "100",
        "/min",
        "0/min",
        "-1/min",
        "1/0s",
        "1/week",
        "1.5/s",
        "1/min/2",
        "many/min",
        "1/\u017f",
        "1/\u212a",
        "１/s",
    ],
)
def test_what_is_none_says_how_to_write_it(text):
    with pytest.raises(ValueError, match="100/min"):
        parse_rate(text)


@given(st.text(max_size=40))
def test_the_parser_knows_only_one_error(text):
    try:
        rate = parse_rate(text)
    except ValueError:
        return
    assert rate.limit > 0
    assert rate.seconds > 0


@given(st.integers(1, 10**6), st.integers(1, 99999))
def test_what_is_printed_can_be_read_again(limit, seconds):
    assert parse_rate(str(Rate(limit, seconds))) == Rate(limit, seconds)
