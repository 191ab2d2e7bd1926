"""The strict reader of challenges, and every answer that the app can give, read with it."""

import re

import pytest

from django_apiaccess import HasMFA, HasRole, HasScope
from django_apiaccess.authn import responses
from django_apiaccess.core.access import Access, CredentialRef
from django_apiaccess.core.reasons import Reason

from .challenges import Challenge, ChallengeError, read_challenges

# RFC 6750 section 3: characters of scope and of error and error_description
SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+( [\x21\x23-\x5B\x5D-\x7E]+)*")
TEXT = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]*")


def test_the_reader_reads_what_the_rfc_shows():
    header = 'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'
    assert read_challenges(header) == [
        Challenge("basic", {"realm": "simple"}),
        Challenge("newauth", {"realm": "apps", "type": "1", "title": 'Login to \\"apps\\"'}),
    ]
    assert read_challenges("Negotiate, Bearer") == [Challenge("negotiate"), Challenge("bearer")]


@pytest.mark.parametrize(
    "header",
    [
        "",
        'realm="x" y',
        'Bearer realm="x" error="y"',
        'Bearer realm="x",',
        'Bearer realm="x',
        'Bearer realm="é"',
        "Bearer  realm=x",
        'Bearer realm="a", realm="b"',
        'Bearer realm="a\nb"',
        ", Bearer",
        'Bearer realm="x"; charset=utf-8',
        "Bearer realm=a b",
    ],
)
def test_the_reader_is_strict(header):
    with pytest.raises(ChallengeError):
        read_challenges(header)


ANSWERS = {name: value for name, value in vars(responses).items() if isinstance(value, responses.Answer)}


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_every_constant_answer_has_a_challenge_that_can_be_read(name):
    answer = ANSWERS[name]
    assert set(answer.body()) >= {"detail", "code"}
    assert answer.detail.endswith((".", "."))
    if answer.status == 401:
        assert [found.scheme for found in read_challenges(answer.challenge)] == ["api-key", "bearer"]
    if answer.challenge:
        for found in read_challenges(answer.challenge):
            assert found.parameters["realm"] == "api"
            assert all(TEXT.fullmatch(value) for value in found.parameters.values())


def test_rs_07_values_are_made_harmless():
    header = responses.challenge("Bearer", error_description='a"b\\c\r\nSet-Cookie: x=é')
    (found,) = read_challenges(header)
    assert found.parameters["error_description"] == "a?b?c??Set-Cookie: x=?"


def test_every_reason_has_an_answer_and_those_of_a_known_credential_have_one_and_the_same():
    alike = {
        Reason.UNKNOWN,
        Reason.WRONG_SECRET,
        Reason.EXPIRED,
        Reason.SECRET_RETIRED,
        Reason.REVOKED,
        Reason.PRINCIPAL_INACTIVE,
        Reason.PEPPER_MISSING,
    }
    assert {id(responses.for_credential(reason)) for reason in alike} == {id(responses.INVALID)}
    assert all(400 <= responses.for_credential(reason).status < 500 for reason in Reason)


def access(*scopes, **fields):
    return Access(None, CredentialRef("session", "1", "x"), frozenset(scopes), scoped=False, **fields)


def answer_to(requirement, who):
    return responses.for_decision(who.explain(requirement), requirement)


def test_a_missing_scope_is_told_as_in_rfc_6750():
    answer = answer_to(HasScope("docs:read") & HasScope("reports:read"), access("docs:read"))
    (found,) = read_challenges(answer.challenge)
    assert (answer.status, answer.code, found.scheme) == (403, "insufficient_scope", "bearer")
    assert found.parameters["error"] == "insufficient_scope"
    assert SCOPE.fullmatch(found.parameters["scope"])
    assert answer.extra == {"required": ["docs:read", "reports:read"], "missing": ["reports:read"]}


def test_a_missing_role_has_no_scope_to_tell():
    answer = answer_to(HasRole("editor"), access())
    assert (answer.status, answer.code, answer.challenge, answer.extra) == (403, "role_missing", "", {})


def test_rs_10_a_missing_factor_is_told_as_in_rfc_9470():
    wanted = HasScope("docs:read") & HasMFA(max_age=300) & HasMFA(acr="phr", max_age=900)
    answer = answer_to(wanted, access("docs:read", can_step_up=True))
    (found,) = read_challenges(answer.challenge)
    assert (answer.status, answer.code) == (401, "insufficient_user_authentication")
    assert found.parameters["error"] == "insufficient_user_authentication"
    assert (found.parameters["acr_values"], found.parameters["max_age"]) == ("phr", "300")


def test_a_factor_that_cannot_be_proven_is_a_403():
    answer = answer_to(HasScope("docs:read") & HasMFA(), access("docs:read"))
    assert (answer.status, answer.code) == (403, "mfa_impossible")
