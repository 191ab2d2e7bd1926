"""Checks of trusted issuers, of the lifetime of access tokens, and of the names that they carry."""

import pytest
from django.test import override_settings

from tests.checking import found, ids, with_access

pytestmark = pytest.mark.usefixtures("clean_project")
ENTRY = {"issuer": "https://id.example/", "audience": "https://api.example"}


def trusting(*entries, **settings):
    return with_access(TRUSTED_ISSUERS=list(entries), **settings)


def test_an_entry_that_is_right_passes():
    with trusting(
        ENTRY,
        {
            **ENTRY,
            "issuer": "https://other.example",
            "algorithms": ["ES256"],
            "user": "tests.tokens.test_issuers.nobody",
        },
    ):
        assert ids() == set()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"audience": ""}, "'audience' must name this API"),
        ({"algorithms": ["RS256", "HS256"]}, "'algorithms' must be among"),
        ({"algoritms": ["RS256"]}, "did you mean 'algorithms'"),
        ({"issuer": "http://id.example"}, "must be an https URL"),
        ({"jwks_uri": "http://id.example/jwks"}, "'jwks_uri' must be https"),
        ({"user": "tests.tokens.test_issuers.nobdy"}, "nobdy"),
        ({"user": "tests.tokens.test_issuers.HERE"}, "is no function"),
        ({"scopes": "no.such.module"}, "'scopes'"),
    ],
)
def test_an_entry_that_cannot_be_used_is_an_error_that_says_which_and_why(changes, says):
    with trusting(ENTRY, {**ENTRY, "issuer": "https://two.example", **changes}):
        message = found()["apiaccess.E007"]
    assert "Entry 2" in message.msg
    assert says in message.msg


def test_an_issuer_twice_or_our_own_is_an_error():
    with trusting(ENTRY, ENTRY):
        assert ids() == {"apiaccess.E007"}
    with trusting(ENTRY, ISSUER="https://id.example/"):
        assert ids() == {"apiaccess.E007"}


@pytest.mark.parametrize("name", ["allow_http", "allow_private"])
def test_a_test_setting_in_production_is_warned_of(name):
    with trusting({**ENTRY, name: True}):
        assert ids() == {"apiaccess.W007"}
    with trusting({**ENTRY, name: True}), override_settings(DEBUG=True):
        assert ids() == set()


def test_long_access_tokens_are_warned_of():
    with with_access(ACCESS_TOKEN_LIFETIME="61m"):
        assert ids() == {"apiaccess.W008"}
    with with_access(ACCESS_TOKEN_LIFETIME="60m"):
        assert ids() == set()


def test_an_issuer_without_a_name_of_its_own_is_warned_of_in_a_deployment():
    assert "apiaccess.W032" in ids(deploy=True)
    with with_access(ISSUER="https://id.example"):
        assert "'AUDIENCE'" in found(deploy=True)["apiaccess.W032"].msg
    with with_access(ISSUER="https://id.example", AUDIENCE="https://api.example"):
        assert "apiaccess.W032" not in ids(deploy=True)
    with with_access(CREDENTIALS=["api_key"]):
        assert "apiaccess.W032" not in ids(deploy=True)
    with override_settings(DEBUG=True):
        assert "apiaccess.W032" not in ids(deploy=True)
