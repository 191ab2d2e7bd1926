"""Registered claims: types, times and kinds of tokens, without a server."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core.claims import Expectation, check
from django_apiaccess.core.compact import TokenFormatError

NOW = 1_800_000_000
EXPECTED = Expectation(
    "https://id.example", ("https://api.example",), max_lifetime=timedelta(hours=1), leeway=timedelta(seconds=30)
)
GOOD = {
    "iss": "https://id.example", "aud": "https://api.example", "sub": "1", "client_id": "c", "jti": "j", "iat": NOW - 10, "nbf": NOW - 10,
    "exp": NOW + 300, "scope": "docs:read",
}  # fmt: skip


def passes(now: float = NOW, *, typ: str = "at+jwt", **changes: object) -> bool:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    try:
        check(typ, claims, EXPECTED, now)
    except TokenFormatError:
        return False
    return True


def test_the_good_claims_pass():
    assert passes()
    assert passes(nbf=...)
    assert passes(scope=...)
    assert passes(scope="")


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "client_id", "jti", "iat", "exp"])
def test_each_required_claim_is_missed(name):
    assert not passes(**{name: ...})
    assert not passes(**{name: None})


@pytest.mark.parametrize(
    ("offset", "good"), [(-1, True), (0, True), (29, True), (29.9, True), (30, False), (31, False)]
)
def test_T4_it_is_good_until_exp_plus_leeway_exactly(offset, good):
    assert passes(now=GOOD["exp"] + offset, iat=GOOD["exp"] - 10) is good


@pytest.mark.parametrize(("offset", "good"), [(-31, False), (-30, True), (0, True)])
def test_T5_it_is_good_from_nbf_minus_leeway_exactly(offset, good):
    assert passes(now=NOW + offset, nbf=NOW, iat=NOW - 100) is good


@pytest.mark.parametrize(("ahead", "good"), [(30, True), (31, False)])
def test_T5_it_may_be_issued_as_far_ahead_as_the_leeway(ahead, good):
    assert passes(iat=NOW + ahead) is good


@pytest.mark.parametrize(("length", "good"), [(3600, True), (3601, False)])
def test_T6_it_lives_as_long_as_the_cap_exactly(length, good):
    assert passes(iat=NOW, exp=NOW + length) is good


def test_without_iat_the_cap_counts_from_now():
    lax = Expectation(EXPECTED.issuer, EXPECTED.audiences, required=("exp",), max_lifetime=timedelta(hours=1))
    claims = {"iss": EXPECTED.issuer, "aud": "https://api.example", "exp": NOW + 3600}
    check("at+jwt", claims, lax, NOW)
    with pytest.raises(TokenFormatError, match="too far"):
        check("at+jwt", {**claims, "exp": NOW + 3700}, lax, NOW)


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value",
    ["1800000000", True, False, [], {}, float("inf"), float("nan"), -1e300, 1e300, 10**400],
    ids=lambda value: repr(value)[:12],
)
def test_a_time_is_a_number_that_makes_sense(name, value):
    assert not passes(**{name: value})


@pytest.mark.parametrize("typ", ["", "jwt", "at-jwt", "at+jwt ", "logout+jwt"])
def test_only_the_expected_typ_passes(typ):
    assert not passes(typ=typ)


@pytest.mark.parametrize("name", ["nonce", "at_hash", "c_hash", "s_hash", "events"])
@pytest.mark.parametrize("value", ["x", "", None, {}, 0])
def test_a_claim_that_only_other_tokens_have_is_refused_whatever_it_says(name, value):
    assert not passes(**{name: value})


@pytest.mark.parametrize(
    ("value", "good"),
    [("Bearer", True), ("bearer", False), ("ID", False), ("Refresh", False), (None, False), ([], False)],
)
def test_keycloak_says_in_the_claims_what_a_token_is(value, good):
    assert passes(typ_="x")
    claims = {**GOOD, "typ": value}
    try:
        check("at+jwt", claims, EXPECTED, NOW)
        assert good
    except TokenFormatError:
        assert not good


def test_no_message_holds_what_the_token_said_but_its_short_typ():
    secret = "s3cr3t\ud800" * 20
    for name in ("iss", "aud", "sub", "jti", "scope", "exp", "client_id"):
        with pytest.raises(TokenFormatError) as error:
            check("at+jwt", {**GOOD, name: secret}, EXPECTED, NOW)
        assert "s3cr3t" not in str(error.value)
    with pytest.raises(TokenFormatError) as error:
        check(secret, GOOD, EXPECTED, NOW)
    assert str(error.value).isascii()
    assert len(str(error.value)) < 120


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "sid", "cnf", "nonce", "typ", "token_use"]), VALUES))
def test_any_claims_pass_or_are_a_format_error(changes):
    passes(**{name: value for name, value in changes.items() if name != "typ"})
    json.dumps(changes)
