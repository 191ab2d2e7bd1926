"""The `Forwarded` header, well-formed and not."""

import time

import pytest

from django_apiaccess.core.forwarded import parse


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("for=192.0.2.43", [{"for": "192.0.2.43"}]),
        ("for=192.0.2.43;", [{"for": "192.0.2.43"}]),
        ("for=192.0.2.43, for=198.51.100.17", [{"for": "192.0.2.43"}, {"for": "198.51.100.17"}]),
        ('For="[2001:db8:cafe::17]:4711"', [{"for": "[2001:db8:cafe::17]:4711"}]),
        (
            "for=192.0.2.60;proto=http;by=203.0.113.43",
            [{"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"}],
        ),
        ('for=_hidden , for="_SEVKISEK" ; proto=https', [{"for": "_hidden"}, {"for": "_SEVKISEK", "proto": "https"}]),
        (r'for="a\"b,c;d=e"', [{"for": 'a"b,c;d=e'}]),
    ],
)
def test_elements_are_read_as_rfc_7239_has_them(text, elements):
    assert parse(text) == elements


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ",",
        "for=1.2.3.4,",
        "for",
        "for=",
        "for=2001:db8::1",
        'for="1.2.3.4',
        "for=1.2.3.4 proto=https",
        "for=1.2.3.4;for=5.6.7.8",
        "for =1.2.3.4",
        "for=1.2.3.4;;proto=https",
        "for=\x001",
        "für=1",
    ],
)
def test_anything_else_is_none(text):
    assert parse(text) is None


@pytest.mark.parametrize("text", ['for="' + "\\" * 60_000, "for=1," * 10_000, "a" * 60_000, 'for="' + '\\"' * 30_000])
def test_no_text_takes_long(text):
    start = time.perf_counter()
    parse(text)
    assert time.perf_counter() - start < 1
