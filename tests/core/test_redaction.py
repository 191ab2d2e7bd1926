"""A text that was redacted holds no credential, whatever stands around it; what is harmless stays as it is."""

from __future__ import annotations

import json
import time
from collections import OrderedDict, deque
from types import MappingProxyType
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core import secrets
from django_apiaccess.core.redaction import ELLIPSIS, redact, redact_value

BODY = f"ak_4fT9sLq02XbR_{'Zk3' * 14}a"
KEY = BODY + secrets.checksum(BODY)
SECRET = KEY.split("_")[2]
ID = KEY.split("_")[1]
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZy1lbm91Z2g"


class Pair(NamedTuple):
    key: str
    number: int


pieces = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["_", "ak_", "Bearer ", "Authorization: ", "eyJ", ".", "\n", '"', "'", "=", KEY[:30]]),
)
surroundings = st.lists(pieces, max_size=6).map("".join)


@given(surroundings, surroundings)
def test_no_key_stays_in_a_text_whatever_stands_around_it(before: str, after: str) -> None:
    assert SECRET not in redact(before + KEY + after)


@given(surroundings, surroundings)
def test_no_jwt_stays_in_a_text_whatever_stands_around_it(before: str, after: str) -> None:
    assert JWT.split(".")[2] not in redact(before + JWT + after)


@given(st.recursive(st.one_of(st.just(KEY), surroundings.map(lambda text: text + KEY), st.integers(), st.none(), st.just(KEY.encode())),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3), st.tuples(inner, inner)),
    max_leaves=12))  # fmt: skip
def test_no_key_stays_anywhere_in_nested_values(value: object) -> None:
    assert SECRET not in repr(redact_value(value))


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"key {KEY} was used", f"key ak_{ID}_… was used"),
        (f"_aaaaaaaaaaaa_{JWT}", "_aaaaaaaaaaaa_eyJ…"),
        (f"{KEY}.{JWT}", f"ak_{ID}_….eyJ…"),
        (f"Authorization: '{KEY}'::x", "Authorization: …::x"),
        ("refresh_token='\\", "refresh_token=…"),
        (f"x{KEY}x", f"xak_{ID}_…"),
        (f"cut {KEY[:45]}", f"cut ak_{ID}_…"),
        (f"Bearer {JWT}.", "Bearer eyJ…"),
        ("Authorization: Bearer opaque-token", "Authorization: …"),
        ("authorization=Basic dXNlcjpwYXNz; x", "authorization=…; x"),
        ("{'Authorization': 'Token abc def', 'a': 1}", "{'Authorization': …, 'a': 1}"),
        ("{'HTTP_AUTHORIZATION': \"Bearer x'y\", 'a': 1}", "{'HTTP_AUTHORIZATION': …, 'a': 1}"),
        ("('Authorization', 'Bearer x'), 1", "('Authorization', …), 1"),
        ("X-API-Key: abc", "X-API-Key: …"),
        ("sent Basic dXNlcjpwYXNzd29yZA==", "sent Basic …"),
        ("refresh_token=abc&grant_type=refresh_token", "refresh_token=…&grant_type=refresh_token"),
        ('{"client_secret": "a b", "x": 1}', '{"client_secret": …, "x": 1}'),
        ("code_verifier=abc", "code_verifier=…"),
    ],
)
def test_what_is_hidden_and_what_stays(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize("depth", range(5))
@pytest.mark.parametrize("name", ["Authorization", "X-API-Key", "mfa_token", "client_secret", "device_code"])
@given(value=st.text(alphabet="ab \"\\'…é:=,", max_size=12))
def test_json_in_json_hides_what_it_hides_alone(name: str, depth: int, value: str) -> None:
    text = json.dumps({name: f"Token 0123{value}4567", "after": 1}, ensure_ascii=False)
    for _level in range(depth):
        text = json.dumps({"body": text}, ensure_ascii=False)
    clean = redact(f"sent {text} to us")
    assert "0123" not in clean
    assert "4567" not in clean
    assert "after" in clean
    assert clean.endswith(" to us")
    assert redact(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        'Authorization: Digest username="x", realm="y", response="SECRET"',
        "Authorization: Digest username=x, qop=auth, response=SECRET",
        '{"message": "Authorization: Digest username=\\"x\\", response=\\"SECRET\\""}',
        'Authorization: Token token="SECRET"',
        'Authorization: Token "SECRET"',
        "Authorization: Basic\r\n SECRET",
        "authorization => Token SECRET",
        "authorization :> Token SECRET",
        "Authorization%3A%20Token%20SECRET",
        "%22client_secret%22%3A%20%22SECRET%22",
        "Authorization: …Token SECRET",
        "mfa_token=…SECRET",
        "mfa_token: '…'SECRET",
        "client\\u005fsecret=SECRET",
        "x_api_key%3DSECRET",
        KEY.replace("_", "\\u005f").replace(SECRET, "SECRETSECRETSECRETSECRET"),
        KEY.replace("_", "%5f").replace(SECRET, "SECRETSECRETSECRETSECRET"),
        JWT.replace(".", "%2E").replace("c2ln", "SECRET"),
        JWT.replace(".", "\\u002e").replace("c2ln", "SECRET"),
    ],
)
def test_other_spellings_hide_it_too(text: str) -> None:
    assert "SECRET" not in redact(text)
    assert redact(redact(text)) == redact(text)


@given(surroundings, surroundings)
def test_redacting_again_changes_nothing_more_whatever_stands_there(before: str, after: str) -> None:
    once = redact(f"{before}Authorization: {after}client_secret={before}")
    assert redact(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "", "GET /orders/7/ 200", "ak_4fT9sLq02XbR", "basic training of authors", "the bearer of news", "_".join(["abcdefghijkl"] * 5),
        "an author writes: hello", "test_some_descriptive_name_of_a_function", "https://x.example/?code=7&page=2",
    ],
)  # fmt: skip
def test_what_is_harmless_stays(text: str) -> None:
    assert redact(text) == text


def test_values_are_hidden_by_the_name_of_their_entry() -> None:
    headers = {
        "Authorization": "anything",
        "X-Api-Key": b"abc",
        "Cookie": "sid=1",
        "Accept": "text/html",
        "refresh_token": 7,
    }
    assert redact_value(headers) == {name: "text/html" if name == "Accept" else ELLIPSIS for name in headers}
    assert redact_value([("Authorization", "x"), ("Accept", "y")]) == [("Authorization", ELLIPSIS), ("Accept", "y")]
    assert redact_value({b"authorization": b"x"}) == {b"authorization": ELLIPSIS}


@pytest.mark.parametrize("value", [
    bytearray(KEY.encode()), memoryview(KEY.encode()), frozenset([KEY]), deque([KEY]), MappingProxyType({"a": KEY}), OrderedDict(a=KEY),
    {KEY: 1}.keys(), Pair(KEY, 1), [(MappingProxyType({"Authorization": SECRET}),)],
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_every_mapping_sequence_and_set_is_looked_into(value: object) -> None:
    assert SECRET not in repr(redact_value(value))


def test_what_nests_without_end_is_cut() -> None:
    endless: list[object] = [KEY]
    endless.append(endless)
    assert SECRET not in repr(redact_value(endless))


@pytest.mark.parametrize("text", ["_" * 100_000, "eyJ" * 50_000, "authorization" * 10_000, "a" * 200_000, ("_" + "a" * 12) * 10_000,
    "authorization: '" * 5000, "eyJaaaa." * 20_000, "refresh_token='\\" * 5000, "Bearer " * 20_000, "x" * 99 + "_aaaaaaaaaaaa_" * 5000,
    "client_secret" + " " * 100_000, "authorization:" + "a-" * 50_000, "\\" * 200_000, "authorization" + "\\" * 200_000,
    "authorization\\" * 10_000, "client_secret=" + "\\\"" * 80_000, "client_secret=\\\"" + "\\" * 200_000, "client_secret=\\\"" * 9000,
    "authorization:a=" + "b,a=" * 40_000, "authorization:a" * 10_000, "authorization: a=\"" * 9000, "authorization:a " + "=" * 100_000,
    "client_secret=" + "\\\"'" * 60_000, "client_secret='" + "\\" * 99_999 + '"' + "\\" * 99_999, "%2E" * 60_000, "eyJ%2" * 40_000,
    "\\u005f" * 30_000, "authorization:" + "…" * 100_000, "authorization:…a " * 9000, "authorization:a" + "\r\n " * 50_000,
    "client_secret=" + "\\" * 50_000 + "\"" + ("\\" * 50_000 + "'") * 4])  # fmt: skip
def test_no_text_takes_more_than_linear_time(text: str) -> None:
    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 1
