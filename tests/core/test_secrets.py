"""The text of a key: `<prefix>_<id>_<secret><check>`."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core import secrets

PUBLISHED = re.compile(r"ak_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}")


def test_a_key_matches_the_published_pattern_and_can_be_taken_apart():
    key = secrets.make_key("ak")
    assert PUBLISHED.fullmatch(key.text)
    assert len(key.text) == 65
    assert secrets.split(key.text, "ak") == key
    assert key.text.split("_")[1] == key.id


def test_the_pattern_that_the_code_uses_is_the_published_one():
    groups_removed = secrets.pattern("ak").pattern.replace("(", "").replace(")", "")
    assert groups_removed == PUBLISHED.pattern


def test_two_keys_have_nothing_in_common():
    keys = [secrets.make_key("ak") for _ in range(500)]
    assert len({key.id for key in keys}) == 500
    assert len({key.text[16:59] for key in keys}) == 500


@pytest.mark.parametrize("prefix", ["a", "acme", "a123456789012345"])
def test_every_prefix_makes_keys_that_only_it_reads(prefix):
    key = secrets.make_key(prefix)
    assert secrets.split(key.text, prefix) == key
    assert secrets.split(key.text, "other") is None


def test_every_single_character_edit_is_refused():
    text = secrets.make_key("ak").text
    edits = (
        text[:at] + char + text[at + 1 :]
        for at in range(len(text))
        for char in string.ascii_letters + string.digits + "_-. "
        if char != text[at]
    )
    assert all(secrets.split(edit, "ak") is None for edit in edits)


def test_every_truncation_insertion_and_swap_of_neighbours_is_refused():
    text = secrets.make_key("ak").text
    spoiled = [text[:at] for at in range(len(text))] + [text[at:] for at in range(1, len(text))]
    spoiled += [text[:at] + "0" + text[at:] for at in range(len(text) + 1)]
    spoiled += [
        text[:at] + text[at + 1] + text[at] + text[at + 2 :] for at in range(len(text) - 1) if text[at] != text[at + 1]
    ]
    assert all(secrets.split(wrong, "ak") is None for wrong in spoiled)


@pytest.mark.parametrize("dressed", ["{}\n", " {}", "{} ", "{}\x00", "\ufeff{}", "{}\r\n", '"{}"', "{0}{0}", "{0},{0}"])
def test_nothing_may_stand_around_a_key(dressed):
    assert secrets.split(dressed.format(secrets.make_key("ak").text), "ak") is None


def test_digits_of_other_alphabets_are_no_digits():
    text = secrets.make_key("ak").text
    assert secrets.split(text.translate({ord("0") + n: 0x0660 + n for n in range(10)}) + "\u0661", "ak") is None


@given(st.text(max_size=80))
def test_no_text_makes_split_fail(text):
    assert secrets.split(text, "ak") is None


@given(st.binary(max_size=40))
def test_a_right_checksum_is_the_only_thing_that_lets_a_text_through(noise):
    body = f"ak_{secrets.base62(int.from_bytes(noise[:8], 'big') % 62**12, 12)}_" + "0" * 43
    assert secrets.split(body + secrets.checksum(body), "ak") is not None
    wrong = "000000" if secrets.checksum(body) != "000000" else "000001"
    assert secrets.split(body + wrong, "ak") is None


@given(st.integers(min_value=0, max_value=62**12 - 1))
def test_base62_keeps_the_number(number):
    text = secrets.base62(number, 12)
    value = 0
    for char in text:
        value = value * 62 + secrets.ALPHABET.index(char)
    assert (value, len(text)) == (number, 12)


def test_a_number_that_does_not_fit_is_an_error_not_a_truncation():
    with pytest.raises(ValueError, match="does not fit"):
        secrets.base62(62**6, 6)


def test_256_bits_fit_into_the_secret():
    assert len(secrets.base62(2**256 - 1, secrets.SECRET_LENGTH)) == 43


def test_neither_repr_nor_mask_show_the_secret():
    key = secrets.make_key("ak")
    hidden = key.text[16:]
    assert hidden not in repr(key)
    assert hidden not in str(key)
    assert secrets.mask(key.text) == f"ak_{key.id}_…"


@pytest.mark.parametrize("text", ["", "secret", "a_b", "password_with_words", "x" * 200])
def test_what_is_no_key_is_masked_whole(text):
    assert secrets.mask(text) == "…"


def test_a_secret_text_is_a_text_that_does_not_show_itself():
    key = secrets.make_key("ak")
    assert key.text in f"{key.text}"
    assert key.text[20:] not in f"{key.text!r} {[key.text]} { ({'key': key.text}) }"
    assert key.text[20:] not in repr(secrets.split(key.text, "ak").text)


@pytest.mark.parametrize("around", ["{}", "/api/{}/", "/api/orders/{}.json", "a {}, b", "x{}"])
@pytest.mark.parametrize("prefix", ["ak", "acme"])
def test_keys_are_taken_out_of_a_text(around, prefix):
    key = secrets.make_key(prefix)
    clean = secrets.without_keys(around.format(key.text))
    assert key.text[len(prefix) + 14 :] not in clean
    assert key.id in clean


@pytest.mark.parametrize("text", ["", "/api/orders/1/", "/api/a_b_c/", "/snake_case_path/", "_" * 300])
def test_other_texts_stay_as_they_are(text):
    assert secrets.without_keys(text) == text
