"""Texts of other packages: which are taken for one, and which cost no query."""

from __future__ import annotations

import hashlib

import pytest

from django_apiaccess.core import digests
from django_apiaccess.keys import legacy

HEX40 = "0123456789abcdef0123456789abcdef01234567"
HEX64 = HEX40 + "89abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("scheme", "text", "package"),
    [
        ("api-key", "AbCd1234." + "x" * 32, "drf-api-key"),
        ("bearer", "AbCd1234." + "x" * 32, "drf-api-key"),
        ("api-key", "Ab12." + "x" * 64, "drf-api-key"),
        ("token", HEX40, "drf-authtoken"),
        ("bearer", HEX40, "drf-authtoken"),
        ("token", HEX64, "knox"),
        ("token", f"kx_{HEX64}", "knox"),
        ("token", HEX64 * 2, "knox"),
    ],
)
def test_known_forms_have_an_id(scheme, text, package):
    assert legacy.public_ids(scheme, text)[0].startswith(f"{package}:")


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        ("token", "AbCd1234." + "x" * 32),
        ("api-key", HEX40),
        ("api-key", HEX64),
        ("bearer", "Ab12." + "x" * 64),
        ("bearer", HEX64 * 2),
        ("bearer", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln"),
        ("api-key", "AbCd12345." + "x" * 32),
        ("api-key", "AbCd1234." + "x" * 31 + "-"),
        ("token", HEX40.upper()),
        ("token", HEX64 + "g"),
        ("token", "12345678901" + HEX64 * 2),
        ("token", ""),
        ("token", "٠" * 40),
    ],
)
def test_everything_else_has_none(scheme, text):
    assert legacy.public_ids(scheme, text) == ()


def test_other_forms_cost_no_query(client_of, django_assert_num_queries, db):
    for scheme, text in (("Token", HEX40.upper()), ("Api-Key", HEX64), ("Bearer", "Ab12." + "x" * 64)):
        with django_assert_num_queries(0):
            assert client_of(text, scheme).get("/read-only/").status_code == 401


def test_both_hashes_of_knox_are_right_and_nothing_else():
    new, old = hashlib.sha512(HEX64.encode()).hexdigest(), hashlib.sha512(bytes.fromhex(HEX64)).hexdigest()
    for digest in (new, old):
        assert digests.verify(HEX64, f"{legacy.KNOX}$${digest}", ["p"]) is digests.Verdict.MATCH_OUTDATED
        assert digests.verify(HEX64[:-1] + "0", f"{legacy.KNOX}$${digest}", ["p"]) is digests.Verdict.WRONG
    assert {legacy.knox_id(new), legacy.knox_id(old)} == set(legacy.knox_ids(HEX64))


def test_a_django_hash_with_many_dollars_comes_through_whole():
    from django.contrib.auth.hashers import make_password

    encoded = make_password("AbCd1234.secret", hasher="md5")
    stored = f"{legacy.DJANGO_HASHER}$${encoded}"
    assert digests.verify("AbCd1234.secret", stored, ["p"]) is digests.Verdict.MATCH_OUTDATED
    assert digests.verify("AbCd1234.wrong", stored, ["p"]) is digests.Verdict.WRONG


@pytest.mark.parametrize("text", ["AbCd1234." + "x" * 32, HEX40, HEX64, f"kx_{HEX64}"])
@pytest.mark.parametrize("around", ["{}", "token={};", "Bearer%20{}\n", '"{}"', "{}.", "x {} y"])
def test_texts_are_found_in_other_texts(text, around):
    assert text in {found for found, _end in legacy.candidates(around.format(text))}


def test_hostile_texts_are_searched_in_linear_time():
    import time

    start = time.process_time()
    for piece in ("a" * 8, "0123456789abcdef", ".", "a.", "ak_", "_-"):
        list(legacy.candidates(piece * (200_000 // len(piece))))
    assert time.process_time() - start < 10
