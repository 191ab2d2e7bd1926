"""DPoP proofs without a server: URLs in one spelling, keys in one spelling, nonces."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core import nonces
from django_apiaccess.core.compact import MAX_HEADER as TOKEN_HEADER
from django_apiaccess.core.compact import TokenFormatError, parse
from django_apiaccess.core.dpop import ALGORITHMS, Proof, ProofError, check_proof, normalised, parsed, token_hash
from django_apiaccess.core.jwk import THUMBPRINT, JWKError, check_public, thumbprint
from django_apiaccess.tokens.dpop import verifies
from tests.tokens.proofs import Holder

RFC_PROOF = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdC"
    "RnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwi"
    "aHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiM"
    "LvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
"""RFC 9449 section 4.1, figure 2."""
RFC_JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
"""Of its key: section 6.1, figure 5."""
MINUTE = timedelta(minutes=1)


def check(text, **changes):
    facts = {
        "method": "POST",
        "url": "https://server.example.com/token",
        "access_token": None,
        "now": 1562262616.0,
        "leeway": MINUTE,
        "verifies": verifies,
    }
    return check_proof(text, **{**facts, **changes})


def test_the_example_of_the_rfc_holds():
    proof = check(RFC_PROOF)
    assert proof == Proof(RFC_JKT, "-BwC3ESc6acc2lTc", 1562262616.0)
    assert check(RFC_PROOF, now=1562262616.0 + 60) == proof
    for changes in ({"now": 1562262616.0 + 61}, {"method": "GET"}, {"url": "https://server.example.com/"}):
        with pytest.raises(ProofError):
            check(RFC_PROOF, **changes)


def test_the_hash_of_the_token_is_that_of_the_rfc():
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"  # section 7.1, figure 12
    assert token_hash(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


def test_a_header_that_an_access_token_may_not_have_stays_forbidden_there():
    with pytest.raises(TokenFormatError, match="jwk"):
        parse(RFC_PROOF)
    assert TOKEN_HEADER < 2048


def test_without_anybody_who_verifies_nothing_holds():
    with pytest.raises(ProofError, match="signature"):
        check(RFC_PROOF, verifies=lambda _proof, _jwk: False)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{1,40}", fullmatch=True))
def test_any_text_is_a_proof_or_a_proof_error_in_plain_ascii(text):
    with pytest.raises(ProofError) as error:
        parsed(text)
    assert str(error.value).isascii()
    assert error.value.code == "invalid_dpop_proof"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
HOLDER = Holder()


@given(
    st.dictionaries(st.sampled_from(["typ", "alg", "jwk", "kid", "crit"]), JSON, min_size=1),
    st.dictionaries(st.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce"]), JSON),
)
def test_any_header_and_claims_are_a_proof_error_whatever_their_types(header, claims):
    with pytest.raises(ProofError):
        check(
            HOLDER.proof("POST", "https://server.example.com/token", header=header, **{"iat": 1562262616, **claims}),
            method="PUT",
        )


# -- URLs

HOSTS = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}[a-z0-9]", fullmatch=True) | st.sampled_from(["[::1]", "127.0.0.1"])
PATHS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8), max_size=4)


def spelt(path):
    return "/" + "/".join(quote(part, safe="") for part in path)


@given(st.sampled_from(["http", "https"]), HOSTS, PATHS, st.integers(1, 65535))
def test_a_normal_url_is_normal_and_its_other_spellings_become_it(scheme, host, path, port):
    url = f"{scheme}://{host}:{port}{spelt(path)}"
    normal = normalised(url)
    assert normal is not None
    assert normalised(normal) == normal
    assert normalised(f"{scheme.upper()}://{host.upper()}:{port}{spelt(path)}") == normal
    everything_encoded = "/" + "/".join("".join(f"%{byte:02x}" for byte in part.encode()) for part in path)
    assert normalised(f"{scheme}://{host}:{port}{everything_encoded}") == normal
    if port == {"http": 80, "https": 443}[scheme]:
        assert normalised(f"{scheme}://{host}{spelt(path)}") == normal


@given(HOSTS, PATHS, HOSTS, PATHS)
def test_two_urls_are_one_only_where_host_and_path_are(host, path, other_host, other_path):
    one, two = normalised(f"https://{host}{spelt(path)}"), normalised(f"https://{other_host}{spelt(other_path)}")
    same = host == other_host and "/".join(path) == "/".join(other_path)
    assert (one == two) is same


@given(st.text())
def test_any_text_is_normalised_or_is_none(text):
    normal = normalised(text)
    assert normal is None or normalised(normal) == normal


@pytest.mark.parametrize(
    "url",
    [
        "", "/token", "server.example.com/token", "//server.example.com/token", "ftp://server.example.com/token", "https://",
        "https:///token", "https://ann@server.example.com/token", "https://ann:pw@server.example.com/", "https://x/?a", "https://x/#a",
        "https://x/?", "https://x/#", "https://x/a b", "https://x/a\tb", "https://x/\u00e9", "https://x:99999/", "https://x:-1/",
        "https://x:a/", "https://x%2ey/", "https://x\\y/", "javascript:alert(1)", "https://x/" + "a" * 2048, "https://[::1/",
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_request_is_none(url):
    assert normalised(url) is None


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("https://x/a", "https://x/a/"),
        ("https://x/a", "https://x/A"),
        ("https://x/a", "http://x/a"),
        ("https://x/a", "https://x:8443/a"),
        ("https://x/a/../b", "https://x/b"),
        ("https://x/a//b", "https://x/a/b"),
        ("https://x/a", "https://x.evil/a"),
        ("https://x/a;v=1", "https://x/a"),
    ],
)
def test_these_are_two(one, two):
    assert normalised(one) != normalised(two)


def test_the_empty_path_is_the_root():
    assert normalised("https://x") == normalised("https://x:443/") == "https://x/"


# -- keys


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_public_key_is_one_and_its_thumbprint_is_that_of_another_library(algorithm):
    holder = Holder(algorithm)
    check_public(holder.public)
    assert thumbprint(holder.public) == holder.jkt
    assert THUMBPRINT.fullmatch(holder.jkt)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_private_key_is_none(algorithm):
    with pytest.raises(JWKError, match="private"):
        check_public(Holder(algorithm).key.as_dict(private=True))


RSA = Holder("RS256").public


@pytest.mark.parametrize(
    "changes",
    [
        {"e": "AAEAAQ"}, {"e": "AQ"}, {"e": RSA["n"]}, {"n": RSA["n"][:100]}, {"n": RSA["n"] * 3}, {"n": "AAAA" + RSA["n"]},
        {"n": RSA["n"] + "=="}, {"n": 5}, {"e": None}, {"kty": "oct"}, {"kty": ["RSA"]}, {"d": "AQ"}, {"p": ""}, {"k": "x"},
    ],
)  # fmt: skip
def test_an_rsa_key_that_is_odd_is_none(changes):
    check_public(RSA)
    with pytest.raises(JWKError):
        check_public({**RSA, **changes})


@given(JSON)
def test_any_json_is_a_key_or_a_jwk_error(value):
    with pytest.raises(JWKError):
        check_public(value)
    json.dumps(value)


# -- nonces

PEPPERS = ("pepper-of-today-0123456789abcdef", "pepper-of-before-0123456789abcdef")


@given(st.integers(0, 10**10), st.integers(0, 1000))
def test_a_nonce_lives_between_one_window_and_two(made_at, age):
    held = nonces.accepted(nonces.make(PEPPERS, made_at), PEPPERS, made_at + age)
    assert held or age >= nonces.WINDOW
    assert not held or age < 2 * nonces.WINDOW


@given(st.text())
def test_any_text_may_be_asked(text):
    assert not nonces.accepted(text, PEPPERS, 1e9)


def test_it_needs_the_pepper():
    assert not nonces.accepted(nonces.make(("another-pepper-0123456789abcdefgh",), 1e9), PEPPERS, 1e9)
    assert nonces.accepted(nonces.make(PEPPERS[1:], 1e9), PEPPERS, 1e9)


def test_windows_differ():
    assert len({nonces.make(PEPPERS, 1e9 + number * nonces.WINDOW) for number in range(100)}) == 100
