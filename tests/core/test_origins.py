"""Web origins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core.origins import parse_origins


def test_origins_are_read_in_lower_case():
    assert parse_origins("https://Shop.example  http://localhost:3000 http://[::1]:80") == {
        "https://shop.example",
        "http://localhost:3000",
        "http://[::1]:80",
    }
    assert parse_origins("") == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "shop.example",
        "https://",
        "https://shop.example/",
        "https://shop.example/path",
        "ftp://shop.example",
        "null",
        "*",
        "https://*.example",
        "https://user@shop.example",
        "https://shop.example?x",
        "https://shop.example#x",
        "https://shop.example:",
        "https://shöp.example",
        "https://shop.example:123456",
        "javascript:alert(1)",
        "https://shop.example\\@evil.example",
    ],
)
def test_what_is_none_says_how_to_write_it(text):
    with pytest.raises(ValueError, match=r"https://shop\.example or http://localhost:3000"):
        parse_origins(text)


@given(st.text(max_size=60))
def test_the_parser_knows_only_one_error(text):
    try:
        origins = parse_origins(text)
    except ValueError:
        return
    assert all(origin == origin.lower() for origin in origins)
