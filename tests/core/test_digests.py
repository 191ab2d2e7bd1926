"""Stored digests: self-describing, under peppers that rotate, compared in constant time."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core import digests
from django_apiaccess.core.digests import Verdict, fingerprint, make, verify, verify_nothing

OLD, NEW, OTHER = "old-pepper" * 4, "new-pepper" * 4, "other-pepper" * 4
TEXT = "ak_000000000000_" + "s" * 49


def test_what_was_made_is_recognised_and_nothing_else():
    stored = make(TEXT, [NEW])
    assert verify(TEXT, stored, [NEW]) is Verdict.MATCH
    assert verify(TEXT[:-1] + "t", stored, [NEW]) is Verdict.WRONG
    assert verify("", stored, [NEW]) is Verdict.WRONG


def test_the_digest_is_an_hmac_under_the_pepper_and_names_it():
    algorithm, version, _value = make(TEXT, [NEW]).split("$")
    assert algorithm == "hmac-sha256"
    assert version == fingerprint(NEW)
    assert NEW not in make(TEXT, [NEW])
    assert TEXT not in make(TEXT, [NEW])


def test_the_stored_text_fits_its_column():
    assert len(make(TEXT, [NEW])) < 255


def test_two_peppers_have_two_fingerprints_that_tell_nothing_of_them():
    assert fingerprint(OLD) != fingerprint(NEW)
    assert len(fingerprint(OLD)) == 8
    assert fingerprint(OLD) != hashlib.sha256(OLD.encode()).hexdigest()[:8]


def test_the_first_pepper_signs_and_the_others_still_verify():
    stored = make(TEXT, [OLD])
    assert verify(TEXT, stored, [NEW, OLD]) is Verdict.MATCH_OUTDATED
    assert verify("wrong", stored, [NEW, OLD]) is Verdict.WRONG
    assert verify(TEXT, make(TEXT, [NEW, OLD]), [NEW, OLD]) is Verdict.MATCH


def test_a_pepper_that_is_gone_verifies_nothing():
    assert verify(TEXT, make(TEXT, [OLD]), [NEW]) is Verdict.UNVERIFIABLE


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "$",
        "$$",
        "md5$x$y",
        "plain",
        "hmac-sha256",
        "hmac-sha256$",
        "hmac-sha256$deadbeef$",
        "hmac-sha256$$x",
        "HMAC-SHA256$a$b",
        TEXT,
    ],
)
def test_a_format_that_is_not_known_matches_nothing(stored):
    assert verify(TEXT, stored, [NEW]) is Verdict.UNVERIFIABLE


@pytest.mark.parametrize("value", ["", "!", "A", "====", "\u00e9", "A" * 1000, "AAAA\n"])
def test_a_spoiled_value_matches_nothing_and_raises_nothing(value):
    assert verify(TEXT, f"hmac-sha256${fingerprint(NEW)}${value}", [NEW]) is Verdict.WRONG


@given(st.text(), st.text())
def test_no_text_and_no_stored_value_make_verify_fail(text, stored):
    assert verify(text, stored, [NEW]) in {Verdict.WRONG, Verdict.UNVERIFIABLE}


def test_foreign_digests_are_verified_and_marked_for_an_upgrade():
    text = "a1b2" * 10
    whole = hashlib.sha512(text.encode()).hexdigest()
    raw = hashlib.sha512(bytes.fromhex(text)).hexdigest()
    assert verify(text, f"sha512$${whole}", [NEW]) is Verdict.MATCH_OUTDATED
    assert verify(text, f"sha512-unhex$${raw}", [NEW]) is Verdict.MATCH_OUTDATED
    assert verify(text, f"sha512$${raw}", [NEW]) is Verdict.WRONG
    assert verify("not hex", f"sha512-unhex$${raw}", [NEW]) is Verdict.WRONG
    assert not digests.is_native(f"sha512$${whole}")
    assert digests.is_native(make(text, [NEW]))


@pytest.fixture
def counted(monkeypatch):
    """How many MACs and constant-time comparisons were made."""
    calls = {"mac": 0, "compare": 0}
    mac, compare = digests._mac, hmac.compare_digest

    def count_mac(*args):
        calls["mac"] += 1
        return mac(*args)

    def count_compare(*args):
        calls["compare"] += 1
        return compare(*args)

    monkeypatch.setattr(digests, "_mac", count_mac)
    monkeypatch.setattr(digests.hmac, "compare_digest", count_compare)
    return calls


@pytest.mark.parametrize(
    "work",
    [
        lambda: verify(TEXT, make_quietly([NEW]), [NEW, OLD, OTHER]),
        lambda: verify("wrong", make_quietly([NEW]), [NEW, OLD, OTHER]),
        lambda: verify(TEXT, make_quietly([OLD]), [NEW, OLD, OTHER]),
        lambda: verify("wrong", make_quietly([OTHER]), [NEW, OLD, OTHER]),
        lambda: verify_nothing(TEXT, [NEW, OLD, OTHER]),
    ],
    ids=["right", "wrong", "right, old pepper", "wrong, old pepper", "no such key"],
)
def test_right_wrong_and_unknown_cost_one_mac_and_one_comparison(counted, work):
    work()
    assert counted == {"mac": 1, "compare": 1}


STORED = {pepper: make(TEXT, [pepper]) for pepper in (OLD, NEW, OTHER)}


def make_quietly(peppers):
    return STORED[peppers[0]]


@pytest.mark.parametrize("stored", ["sha512$$\u00e9", "sha512-unhex$$\u00e9", "sha512$", "sha512-unhex$$"])
def test_a_spoiled_foreign_value_matches_nothing_and_raises_nothing(stored):
    assert verify("a1" * 20, stored, [NEW]) is Verdict.WRONG
