"""The strict parser of compact tokens: whatever comes, it is a token or a `TokenFormatError`, soon."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_apiaccess.core import compact
from django_apiaccess.core.compact import CompactToken, TokenFormatError, looks_like_jwt, parse

HEADER = {"alg": "EdDSA", "typ": "at+jwt", "kid": "k1"}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def made(header=HEADER, claims=None, signature=b"signature"):
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims or {})]
    return ".".join([*map(b64, parts), b64(signature)])


def parsed_or_refused(text: str) -> CompactToken | None:
    try:
        return parse(text)
    except TokenFormatError:
        return None


def test_a_token_is_taken_apart():
    token = parse(made(claims={"sub": "1"}))
    assert (token.algorithm, token.key_id, token.typ) == ("EdDSA", "k1", "at+jwt")
    assert (token.claims, token.signature) == ({"sub": "1"}, b"signature")
    assert token.signing_input == made(claims={"sub": "1"}).rpartition(".")[0].encode()


def test_claims_and_signature_stay_out_of_the_repr():
    shown = repr(parse(made(claims={"sub": "somebody"})))
    assert "somebody" not in shown
    assert "signature" not in shown


@pytest.mark.parametrize(("typ", "read"), [("JWT", "jwt"), ("Application/AT+JWT", "at+jwt"), ("", "")])
def test_typ_is_read_without_case_and_prefix(typ, read):
    assert parse(made({**HEADER, "typ": typ})).typ == read


def test_kid_and_typ_may_be_missing_and_alg_may_not():
    token = parse(made({"alg": "ES256"}))
    assert (token.key_id, token.typ) == (None, "")
    with pytest.raises(TokenFormatError, match="no alg"):
        parse(made({"typ": "JWT"}))


@pytest.mark.parametrize("name", sorted(compact.FORBIDDEN_HEADERS))
@pytest.mark.parametrize("value", [None, "", [], True, {"a": 1}])
def test_header_members_that_choose_keys_or_change_the_processing_are_refused_whatever_they_say(name, value):
    with pytest.raises(TokenFormatError, match=name):
        parse(made({**HEADER, name: value}))


def test_limits_are_kept_to_the_character():
    fitting = made(claims={"a": ""})
    room = compact.MAX_TOKEN - len(fitting)
    assert parse(made(claims={"a": "x" * (room * 3 // 4 - 2)}))
    with pytest.raises(TokenFormatError, match="too long"):
        parse("a" * compact.MAX_TOKEN + ".a.a")
    with pytest.raises(TokenFormatError, match="header is too long"):
        parse(made({**HEADER, "x": "y" * 1000}))


@pytest.mark.parametrize("depth", [5, 100, 900, 1500, 2500, 2990])
@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_nesting_of_any_depth_is_a_format_error(depth, pair):
    opening, closing = (b"[", b"]") if pair == "[]" else (b'{"a":', b"}")
    depth = depth if pair == "[]" else depth // 3
    with pytest.raises(TokenFormatError):
        parse(made(claims=b'{"a":' + opening * (depth + 4) + b"1" * (pair == "{}") + closing * (depth + 4) + b"}"))


def test_a_token_of_ten_megabytes_is_refused_in_no_time():
    text = f"{b64(json.dumps(HEADER).encode())}.{'A' * 10_000_000}.AAAA"
    started = time.perf_counter()
    with pytest.raises(TokenFormatError):
        parse(text)
    assert time.perf_counter() - started < 0.02


def test_the_longest_token_that_is_looked_at_costs_milliseconds():
    for claims in (
        b"[" * 5000,
        b'{"a":"' + b"\\u0000" * 900 + b'"}',
        b'{"a":' + b"9" * 5000 + b"}",
        b"1" * 5900,
        b'{"a":1e' + b"9" * 5000 + b"}",
    ):
        started = time.perf_counter()
        assert parsed_or_refused(made(claims=claims)) is None or b"u0000" in claims
        assert time.perf_counter() - started < 0.1


@given(st.text(max_size=200))
@example("\ud800.\ud800.\ud800")
@example("..")
@example("a.b.c\n")
@example("\u0661.\u0662.\u0663")
def test_any_text_is_a_token_or_a_format_error(text):
    parsed_or_refused(text)
    looks_like_jwt(text)


@given(st.lists(st.binary(max_size=60), min_size=3, max_size=3))
def test_any_bytes_in_three_parts_are_a_token_or_a_format_error(parts):
    parsed_or_refused(".".join(map(b64, parts)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "x"]), JSON, max_size=5), JSON)
@hypothesis_settings(max_examples=300)
def test_any_json_in_header_and_claims_is_a_token_or_a_format_error(header, claims):
    token = parsed_or_refused(made(json.dumps(header).encode(), json.dumps(claims).encode()))
    if token is not None:
        assert isinstance(token.algorithm, str)
        assert token.key_id is None or compact.KID.fullmatch(token.key_id)
        assert isinstance(token.claims, dict)


@given(st.data())
def test_a_token_has_one_spelling(data):
    """Of all texts that differ in one character, none is read as the same token."""
    text = made(claims={"sub": "1", "exp": 1})
    place = data.draw(st.integers(0, len(text) - 1))
    char = data.draw(st.characters(max_codepoint=127))
    other = text[:place] + char + text[place + 1 :]
    token = parsed_or_refused(other)
    if token is not None and other != text:
        first = parse(text)
        assert (token.signing_input, token.signature) != (first.signing_input, first.signature)


@given(st.binary(max_size=40))
def test_only_the_canonical_base64url_is_read(raw):
    text = b64(raw) or "AA"
    for other in (text + "=", text + "==", text.replace("-", "+").replace("_", "/") + "+", text[:-1] + "\n"):
        assert parsed_or_refused(made(claims={}).rpartition(".")[0] + "." + other) is None
