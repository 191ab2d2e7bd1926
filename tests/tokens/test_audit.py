"""The audit's rules about tokens, signing keys and trusted issuers: each finds its planted weakness, and that alone."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.utils import timezone

from django_apiaccess.audit.finding import Severity
from django_apiaccess.tokens.models import SigningKey, TokenSession
from tests.planting import DAY, Plant, ago, audited, clean_world, cost, person, subjects

pytestmark = pytest.mark.django_db
ISSUER = {"issuer": "https://id.example/", "audience": "https://api.example", "algorithms": ["ES256"]}


@pytest.fixture
def world(db):
    world = clean_world()
    world.key = signing("now", 1, signs_from=ago(10))
    world.session = session(person("cleo"))
    return world


def signing(kid, number, **fields):
    fields.setdefault("signs_from", ago(1))
    fields.setdefault("public_jwk", {"kty": "OKP", "crv": "Ed25519", "x": "x"})
    return SigningKey.objects.create(
        kid=kid, number=number, algorithm=fields.pop("algorithm", "EdDSA"), sealed_private="sealed", **fields
    )


def rsa(bits):
    number = (1 << (bits - 1)) | 1
    raw = number.to_bytes((bits + 7) // 8, "big")
    return {"kty": "RSA", "e": "AQAB", "n": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}


def session(user, **fields):
    fields = {"created_at": ago(1), "expires_at": ago(-80), "last_used_at": ago(0), **fields}
    return TokenSession.objects.create(
        sid=f"sid-{TokenSession.objects.count()}", user=user, client_id="first-party", auth_time=ago(1), **fields
    )


def api(settings, **entries):
    settings.API_ACCESS = {**settings.API_ACCESS, **entries}


def long_access(world, settings):
    api(settings, ACCESS_TOKEN_LIFETIME="2h")
    return 'API_ACCESS["ACCESS_TOKEN_LIFETIME"]'


def endless(world, settings):
    api(settings, SESSION_MAX_LIFETIME="3650d")
    return 'API_ACCESS["SESSION_MAX_LIFETIME"]'


def beyond(world, settings):
    return session(world.ann, expires_at=ago(-200)).sid


def over_http(world, settings):
    api(settings, TRUSTED_ISSUERS=[{**ISSUER, "jwks_uri": "http://id.example/keys", "allow_http": True}])
    return ISSUER["issuer"]


def no_audience(world, settings):
    api(settings, TRUSTED_ISSUERS=[{"issuer": "https://id.example/"}])
    return ISSUER["issuer"]


def shared_secret(world, settings):
    api(settings, TRUSTED_ISSUERS=[{**ISSUER, "algorithms": ["HS256"]}])
    return ISSUER["issuer"]


def short_key(world, settings):
    return signing("short", 2, algorithm="RS256", public_jwk=rsa(1024)).kid


def old_key(world, settings):
    SigningKey.objects.filter(pk=world.key.pk).update(signs_from=ago(400))
    return world.key.kid


def kept(world, settings):
    return signing("kept", 0, signs_from=ago(300), verifies_until=ago(60)).kid


def compromised(world, settings):
    SigningKey.objects.filter(pk=world.key.pk).update(compromised=True)
    return world.key.kid


PLANTED: dict[str, Plant] = {
    "tokens.long-access-tokens": long_access,
    "tokens.endless-sessions": endless,
    "tokens.session-beyond-maximum": beyond,
    "tokens.issuer-over-http": over_http,
    "tokens.issuer-without-audience": no_audience,
    "tokens.weak-algorithm": shared_secret,
    "tokens.weak-signing-key": short_key,
    "tokens.old-signing-key": old_key,
    "tokens.retired-key-kept": kept,
    "tokens.compromised-key": compromised,
}


def test_nothing_is_found_where_all_is_in_order(world, settings):
    api(settings, TRUSTED_ISSUERS=[ISSUER], ISSUER="https://id.example")
    assert audited("tokens") == []


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_weakness_is_found_and_nothing_else_by_the_same_rule(rule, world, settings):
    assert subjects(rule) == set()
    expected = PLANTED[rule](world, settings)
    found = audited(rule)
    assert {finding.subject.id for finding in found} == {expected}
    assert all(finding.fix and finding.message for finding in found)


@pytest.mark.parametrize(("bits", "severity"), [(1024, "critical"), (2047, "critical"), (2048, "low"), (3072, "")])
def test_how_bad_a_short_rsa_key_is(world, bits, severity):
    signing("short", 2, algorithm="RS256", public_jwk=rsa(bits))
    assert [finding.severity.word for finding in audited("tokens.weak-signing-key")] == ([severity] if severity else [])


def test_a_shared_secret_among_the_signing_keys_is_critical(world):
    signing("secret", 2, algorithm="HS256", public_jwk={"kty": "oct"})
    [finding] = audited("tokens.weak-signing-key")
    assert finding.severity is Severity.CRITICAL


def test_a_key_that_has_a_successor_is_not_old(world, settings):
    old_key(world, settings)
    signing("next", 2)
    assert subjects("tokens.old-signing-key") == set()


def test_a_retired_weak_key_is_nobodys_concern(world):
    signing("short", 2, algorithm="RS256", public_jwk=rsa(1024), verifies_until=ago(1))
    assert subjects("tokens.weak-signing-key") == set()


@pytest.mark.parametrize("algorithms", [["none"], "None", ("RS256", "NONE")])
def test_an_issuer_without_any_signature_is_critical(world, settings, algorithms):
    api(settings, TRUSTED_ISSUERS=[{**ISSUER, "algorithms": algorithms}])
    assert [finding.severity for finding in audited("tokens.weak-algorithm")] == [Severity.CRITICAL]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, ["SECRET_KEY"]),
        ({"ALGORITHM": "HS512", "SIGNING_KEY": "x"}, ["a secret of its own"]),
        ({"ALGORITHM": "RS256"}, []),
        (None, []),
    ],
)
def test_another_package_that_signs_with_a_shared_secret_is_told(world, settings, given, found):
    settings.SIMPLE_JWT = given
    told = audited("tokens.weak-algorithm")
    assert [finding.subject.id for finding in told] == ["SIMPLE_JWT"] * len(found)
    assert all(word in finding.message for word, finding in zip(found, told, strict=True))


@pytest.mark.parametrize(("until", "severity"), [("2027-01-31", Severity.MEDIUM), (None, Severity.HIGH)])
def test_old_tokens_under_a_shared_secret_are_worse_without_an_end(world, settings, until, severity):
    api(settings, LEGACY_JWT={"ALGORITHM": "HS256", "SIGNING_KEY": "x" * 40, "ACCEPT_UNTIL": until})
    assert [finding.severity for finding in audited("tokens.weak-algorithm")] == [severity]


@pytest.mark.parametrize(
    ("issuer", "found"),
    [("http://id.example", True), ("http://127.0.0.1:8000", False), ("http://localhost", False), ("urn:x", False)],
)
def test_our_own_issuer_over_plain_http(world, settings, issuer, found):
    api(settings, ISSUER=issuer)
    assert bool(audited("tokens.issuer-over-http")) is found


@pytest.mark.parametrize("audience", ["*", "https://id.example/", [], ""])
def test_an_audience_that_is_nobodys(world, settings, audience):
    api(settings, TRUSTED_ISSUERS=[{**ISSUER, "audience": audience}])
    assert subjects("tokens.issuer-without-audience") == {"https://id.example/"}


def test_a_session_that_began_before_the_maximum_was_lowered_is_found_and_an_ended_one_is_not(world, settings):
    api(settings, SESSION_MAX_LIFETIME="30d")
    early = session(world.ann, created_at=ago(40), expires_at=timezone.now() + 5 * DAY)
    session(world.ann, created_at=ago(40), expires_at=timezone.now() + 5 * DAY, revoked_at=ago(1))
    session(world.ann, created_at=ago(100), expires_at=timezone.now() - timedelta(seconds=1))
    assert early.sid in subjects("tokens.session-beyond-maximum")
    assert subjects("tokens.session-beyond-maximum") == {early.sid, world.session.sid}


def test_the_number_of_statements_does_not_grow(world):
    def more(times):
        for _time in range(times):
            session(world.ann, expires_at=ago(-300))
        return cost("tokens")

    few, before = more(2)
    many_, after = more(20)
    assert many_ >= few + 20
    assert after == before <= 12
