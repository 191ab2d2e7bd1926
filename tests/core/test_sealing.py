"""Sealed secrets: only the right key, purpose and row open them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core.sealing import SealError, is_newest, seal, unseal

OLD, NEW = "old-" * 12, "new-" * 12
PLAIN = b"-----BEGIN PRIVATE KEY-----"


def sealed(secrets=(OLD,), purpose="signing-key", row="k1"):
    return seal(PLAIN, secrets=secrets, purpose=purpose, row=row)


def opened(text, secrets=(OLD,), purpose="signing-key", row="k1"):
    return unseal(text, secrets=secrets, purpose=purpose, row=row)


def test_what_was_sealed_opens_and_shows_nothing():
    text = sealed()
    assert opened(text) == PLAIN
    assert PLAIN not in base64.urlsafe_b64decode(text.rpartition("$")[2])
    assert OLD not in text
    assert text.startswith("v1$")


def test_sealing_twice_gives_two_texts():
    assert sealed() != sealed()


@pytest.mark.parametrize(
    "change", [{"row": "k2"}, {"purpose": "totp"}, {"secrets": (NEW,)}, {"row": ""}, {"secrets": (OLD + "x",)}]
)
def test_another_row_purpose_or_key_does_not_open_it(change):
    with pytest.raises(SealError):
        opened(sealed(), **change)


def test_purpose_and_row_cannot_be_shifted_into_each_other():
    with pytest.raises(SealError):
        opened(sealed(purpose="a", row="b|c"), purpose="a|b", row="c")


def test_after_a_rotation_old_ones_open_and_new_ones_are_sealed_under_the_newest():
    before = sealed()
    assert opened(before, secrets=(NEW, OLD)) == PLAIN
    assert not is_newest(before, secrets=(NEW, OLD), purpose="signing-key")
    after = sealed(secrets=(NEW, OLD))
    assert is_newest(after, secrets=(NEW, OLD), purpose="signing-key")
    assert opened(after, secrets=(NEW,)) == PLAIN


@given(st.integers(0, 10_000), st.characters(min_codepoint=33, max_codepoint=126))
def test_one_changed_character_is_noticed(place, char):
    text = sealed()
    place %= len(text)
    if text[place] == char:
        return
    try:
        assert opened(text[:place] + char + text[place + 1 :]) == PLAIN
        raise AssertionError
    except SealError:
        pass
    except AssertionError:
        # the spare bits of the last character of base64: another spelling of the same bytes
        assert base64.urlsafe_b64decode(
            (text[:place] + char + text[place + 1 :]).rpartition("$")[2]
        ) == base64.urlsafe_b64decode(text.rpartition("$")[2])


@given(st.text(max_size=60))
def test_any_other_text_is_a_seal_error(text):
    for made in (text, f"v1${text}", f"v1$00000000${text}", sealed().rpartition("$")[0] + "$" + text):
        with pytest.raises(SealError):
            opened(made)


def test_the_error_says_what_to_look_for_and_no_secret():
    for change in ({"secrets": (NEW,)}, {"row": "k2"}):
        with pytest.raises(SealError) as error:
            opened(sealed(), **change)
        assert OLD not in str(error.value)
        assert NEW not in str(error.value)
