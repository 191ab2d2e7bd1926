"""Access tokens of other authorization servers, tried against a real second server."""

from __future__ import annotations

import json
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import connection
from django.test.utils import CaptureQueriesContext
from joserfc.jwk import ECKey, RSAKey
from rest_framework.test import APIClient

from django_apiaccess.authn import responses
from django_apiaccess.background import flusher
from django_apiaccess.models import Event
from django_apiaccess.roles.models import Grant
from django_apiaccess.tokens import issuers, jws
from django_apiaccess.tokens.issuers import KeySet, read_key_set
from django_apiaccess.tokens.models import LinkedIdentity
from django_apiaccess.tokens.trusted import TrustedIssuer

from .forging import GONE, b64, hmac_signed
from .identity_provider import AUDIENCE, EC, ED, OTHER_RSA, RSA, Provider, issue
from .people import bearer
from .proofs import Holder

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.close()
    issuers._sets.clear()


@pytest.fixture
def trust(settings):
    """`trust(entry, ...)`: sets TRUSTED_ISSUERS."""

    def change(*entries):
        settings.API_ACCESS = {**settings.API_ACCESS, "TRUSTED_ISSUERS": list(entries)}

    return change


@pytest.fixture
def ann(make_user, provider):
    user = make_user("ann", "docs:read", "docs:write")
    LinkedIdentity.objects.create(issuer=provider.issuer, subject="subject-1", user=user)
    return user


@pytest.fixture
def clock(monkeypatch):
    """`clock(400)`: moves the clock of the key sets."""
    ahead = [0.0]
    real = time.monotonic
    monkeypatch.setattr(issuers.time, "monotonic", lambda: real() + ahead[0])

    def move(seconds):
        ahead[0] += seconds

    return move


def send(token, path="/read-only/", method="get"):
    return getattr(APIClient(), method)(path, HTTP_AUTHORIZATION=f"Bearer {token}")


def is_refused(token):
    answer = send(token)
    assert answer.status_code == 401, answer.content
    assert answer.json() == responses.INVALID.body()
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def without(claims, *names):
    return {name: value for name, value in claims.items() if name not in names}


# -- accepted


@pytest.mark.parametrize("product", ["keycloak", "auth0", "entra", "rfc9068"])
def test_a_token_of_the_product_is_accepted_for_the_linked_user_with_mapped_scopes(provider, trust, ann, product):
    trust(provider.entry())
    token = issue(getattr(provider, product)(), typ="at+jwt" if product == "rfc9068" else "JWT")
    assert send(token).json() == {"user": "ann", "kind": "jwt"}
    assert send(token, method="post", path="/documents/").status_code == 403  # ann holds it, the token was not given it
    assert send(token, "/access/me/").json()["scopes"] == ["docs:read"]


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=["RS256", "ES256", "EdDSA"])
def test_each_algorithm_of_the_entry_is_verified_with_its_own_key(provider, trust, ann, key):
    trust(provider.entry())
    assert send(issue(provider.keycloak(), key)).status_code == 200


def test_keys_are_found_by_discovery_or_at_the_named_address(provider, trust, ann):
    trust(provider.entry())
    assert send(issue(provider.keycloak())).status_code == 200
    assert provider.asked == ["/realms/acme/.well-known/openid-configuration", "/realms/acme/certs"]
    provider.asked.clear()
    trust(provider.entry(jwks_uri=provider.jwks_uri))
    assert send(issue(provider.keycloak())).status_code == 200
    assert provider.asked == ["/realms/acme/certs"]


def test_keys_are_fetched_once_for_many_requests_and_refreshed_in_time(provider, trust, ann, clock):
    trust(provider.entry(jwks_uri=provider.jwks_uri))
    for _ in range(10):
        assert send(issue(provider.keycloak())).status_code == 200
    assert len(provider.asked) == 1
    clock(issuers.FRESH_SECONDS + 1)
    assert send(issue(provider.keycloak())).status_code == 200
    assert len(provider.asked) == 2


def test_a_new_key_of_the_issuer_is_fetched_when_a_token_names_it(provider, trust, ann, clock):
    trust(provider.entry(jwks_uri=provider.jwks_uri))
    assert send(issue(provider.keycloak())).status_code == 200
    fresh = RSAKey.generate_key(2048, {"kid": "rsa-2", "use": "sig", "alg": "RS256"})
    provider.publish(RSA, fresh)
    clock(issuers.COOLDOWN_SECONDS + 1)
    assert send(issue(provider.keycloak(), fresh)).status_code == 200


def test_a_key_that_the_issuer_withdrew_is_not_used_longer_than_keys_are_fresh(provider, trust, ann, clock):
    trust(provider.entry(jwks_uri=provider.jwks_uri))
    assert send(issue(provider.keycloak())).status_code == 200
    provider.publish(EC)
    clock(issuers.FRESH_SECONDS + 1)
    is_refused(issue(provider.keycloak()))


# -- whose, and what it may


def test_a_subject_without_a_link_is_refused_and_the_event_says_why(provider, trust, ann):
    trust(provider.entry())
    is_refused(issue(provider.keycloak(sub="subject-2")))
    flusher.flush()
    assert Event.objects.get(action="credential.refused").reason == "no_linked_user"


def test_rs_13_the_email_address_links_nobody(provider, trust, make_user):
    make_user("ann", "docs:read", email="ann@example.org")
    trust(provider.entry())
    is_refused(issue(provider.keycloak(email="ann@example.org", preferred_username="ann")))


def test_B2_rs_13_the_same_subject_at_another_issuer_is_somebody_else(provider, trust, ann, make_user):
    other = Provider(OTHER_RSA)
    try:
        trust(provider.entry(), other.entry())
        is_refused(issue(other.keycloak(), OTHER_RSA))
        LinkedIdentity.objects.create(issuer=other.issuer, subject="subject-1", user=make_user("bob", "docs:read"))
        assert send(issue(other.keycloak(), OTHER_RSA)).json()["user"] == "bob"
        assert send(issue(provider.keycloak())).json()["user"] == "ann"
    finally:
        other.close()


def test_B2_the_key_of_one_issuer_signs_nothing_for_another_though_the_key_id_is_the_same(provider, trust, ann):
    other = Provider(OTHER_RSA)
    try:
        trust(provider.entry(), other.entry())
        is_refused(issue(provider.keycloak(), OTHER_RSA))
        is_refused(issue(other.keycloak(), RSA))
        is_refused(issue({**provider.keycloak(), "iss": "urn:django-apiaccess"}))  # ours
    finally:
        other.close()


def test_an_inactive_user_is_refused(provider, trust, ann):
    trust(provider.entry())
    ann.is_active = False
    ann.save()
    is_refused(issue(provider.keycloak()))


def test_scopes_that_the_entry_does_not_map_open_nothing(provider, trust, ann):
    trust(provider.entry(scopes={}))
    assert send(issue(provider.keycloak(scope="docs:read docs:write read:docs"))).status_code == 403


def test_a_mapped_scope_that_the_user_does_not_hold_opens_nothing(provider, trust, make_user):
    LinkedIdentity.objects.create(issuer=provider.issuer, subject="subject-1", user=make_user("bob"))
    trust(provider.entry())
    assert send(issue(provider.keycloak())).status_code == 403


@pytest.mark.parametrize("product", ["keycloak", "entra"])
def test_a_mapped_role_is_lent_for_the_request_and_not_kept(provider, trust, make_user, make_role, product):
    make_role("editor", "docs:read", "docs:write")
    bob = make_user("bob")
    LinkedIdentity.objects.create(issuer=provider.issuer, subject="subject-1", user=bob)
    trust(provider.entry(roles={"editors": "editor"}))
    assert send(issue(getattr(provider, product)())).status_code == 200
    assert send(issue(without(getattr(provider, product)(), "realm_access", "roles"))).status_code == 403
    assert not Grant.objects.filter(user=bob).exists()


def test_a_mapped_role_that_does_not_exist_here_lends_nothing(provider, trust, ann):
    trust(provider.entry(roles={"editors": "no-such-role"}))
    assert send(issue(provider.keycloak())).status_code == 200


def of_preferred_username(claims):
    from django.contrib.auth import get_user_model

    return get_user_model().objects.filter(username=claims.get("preferred_username")).first()


def nobody(_claims):
    return None


def everything(_claims):
    return {"docs:read", "docs:write"}


def unknown_scope(_claims):
    return ["no-such:scope", "docs:read"]


HERE = "tests.tokens.test_issuers"


def test_functions_of_the_project_find_the_user_and_the_scopes(provider, trust, make_user):
    make_user("ann", "docs:read")
    trust(provider.entry(user=f"{HERE}.of_preferred_username", scopes=f"{HERE}.everything"))
    assert send(issue(provider.keycloak())).json()["user"] == "ann"
    assert send(issue(provider.keycloak()), "/access/me/").json()["scopes"] == ["docs:read"]
    is_refused(issue(provider.keycloak(preferred_username="nobody")))
    trust(provider.entry(user=f"{HERE}.nobody"))
    is_refused(issue(provider.keycloak()))


@pytest.mark.parametrize(
    "scopes", [f"{HERE}.nobody", {"read:docs": "no-such:scope"}, {"read:docs": ""}, {"read:docs": "*"}]
)
def test_a_map_to_what_does_not_exist_opens_nothing(provider, trust, ann, scopes):
    trust(provider.entry(scopes=scopes))
    assert send(issue(provider.keycloak())).status_code == 403


def test_a_scope_that_does_not_exist_among_others_does_no_harm(provider, trust, ann):
    trust(provider.entry(scopes=f"{HERE}.unknown_scope"))
    assert send(issue(provider.keycloak())).status_code == 200


def test_a_foreign_token_proves_no_second_factor_by_a_word_of_its_own(provider, trust, make_user):
    user = make_user("ann", "docs:read", "docs:write")
    LinkedIdentity.objects.create(issuer=provider.issuer, subject="subject-1", user=user)
    trust(provider.entry())
    claims = provider.keycloak(acr="urn:mace:incommon:iap:silver", auth_time="now", amr="mfa")
    assert send(issue(claims)).status_code == 200
    assert send(issue(claims), "/access/me/").status_code == 200


# -- refused

CLAIMS = {
    "aud-other": {"aud": "https://other.example"},
    "aud-missing": {"aud": GONE},
    "aud-account": {"aud": "account"},  # what Keycloak says without an audience mapper
    "aud-client": {"aud": "frontend"},
    "iss-slash": {"iss": "SLASH"},
    "exp-missing": {"exp": GONE},
    "exp-past": {"exp": 1},
    "exp-100-years": {"exp": 5_000_000_000},
    "exp-text": {"exp": "9999999999"},
    "iat-old": {"iat": 1},
    "sub-missing": {"sub": GONE},
    "sub-number": {"sub": 1},
    "sub-nul": {"sub": "subject-1\u0000"},
    "id-token-nonce": {"nonce": "n-0S6"},
    "id-token-at-hash": {"at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng"},
    "id-token-c-hash": {"c_hash": "LDktKdoQak3Pk0cnXxCltA"},
    "keycloak-id": {"typ": "ID"},
    "keycloak-refresh": {"typ": "Refresh"},
    "keycloak-offline": {"typ": "Offline"},
    "keycloak-logout": {"typ": "Logout"},
    "keycloak-dpop": {"typ": "DPoP", "cnf": {"jkt": "x"}},
    "bound-to-a-certificate": {"cnf": {"x5t#S256": "x"}},
    "logout-token": {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    "cognito-id": {"token_use": "id"},
}


@pytest.mark.parametrize("changes", CLAIMS.values(), ids=CLAIMS.keys())
def test_claims_that_are_not_those_of_an_access_token_for_us_are_refused(provider, trust, ann, changes):
    trust(provider.entry())
    if changes == {"iss": "SLASH"}:
        changes = {"iss": f"{provider.issuer}/"}
    claims = {name: value for name, value in {**provider.keycloak(), **changes}.items() if value is not GONE}
    is_refused(issue(claims))


@pytest.mark.parametrize("changes", [{}, {"typ": "DPoP"}], ids=["as-a-bearer-token-says", "as-keycloak-says"])
def test_RS09_a_token_that_its_issuer_bound_to_a_key_opens_with_that_keys_proofs_alone(provider, trust, ann, changes):
    trust(provider.entry())
    holder = Holder()
    token = issue({**provider.keycloak(), **changes, "cnf": {"jkt": holder.jkt}})
    assert holder.get(token).status_code == 200
    is_refused(token)
    assert Holder().get(token).status_code == 401


def test_a_token_of_another_issuer_that_is_bound_to_no_key_is_refused_where_one_is_required(
    settings, provider, trust, ann
):
    trust(provider.entry())
    token = issue(provider.keycloak())
    assert bearer(token).get("/read-only/").status_code == 200
    settings.API_ACCESS = {**settings.API_ACCESS, "DPOP": {"REQUIRED": True}}
    is_refused(token)


@pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "secevent+jwt", "id+jwt", ""])
def test_another_typ_is_refused(provider, trust, ann, typ):
    trust(provider.entry())
    is_refused(issue(provider.keycloak(), typ=typ))


def test_with_types_narrowed_to_at_jwt_a_plain_jwt_is_refused(provider, trust, ann):
    trust(provider.entry(types=["at+jwt"]))
    is_refused(issue(provider.rfc9068()))
    assert send(issue(provider.rfc9068(), typ="application/at+jwt")).status_code == 200


def test_an_algorithm_that_the_entry_does_not_name_is_refused(provider, trust, ann):
    trust(provider.entry(algorithms=["ES256"]))
    is_refused(issue(provider.keycloak()))
    unbound = {name: value for name, value in RSA.as_dict(private=True).items() if name != "alg"}
    is_refused(issue(provider.keycloak(), RSAKey.import_key(unbound), alg="PS256"))
    assert send(issue(provider.keycloak(), EC)).status_code == 200


def test_the_published_key_is_no_hmac_secret(provider, trust, ann):
    trust(provider.entry())
    for secret in (RSA.as_pem(private=False), json.dumps(RSA.as_dict(private=False)).encode(), b""):
        is_refused(hmac_signed(secret, {"alg": "HS256", "typ": "JWT", "kid": "rsa-1"}, provider.keycloak()))


def test_an_issuer_that_is_not_trusted_is_neither_asked_nor_believed(provider, trust, ann):
    trust()
    is_refused(issue(provider.keycloak()))
    assert provider.asked == []


# -- B10, JW-18: sets of keys that are not believed

POISONED = {
    "oct": {"kty": "oct", "k": b64(b"x" * 32), "kid": "o", "alg": "HS256"},
    "private-rsa": {**RSA.as_dict(private=True), "kid": "p"},
    "private-ec": {**EC.as_dict(private=True), "kid": "p"},
    "kid-twice": {**EC.as_dict(private=False), "kid": "rsa-1"},
    "kid-list": {**EC.as_dict(private=False), "kid": ["rsa-1"]},
    "kid-object": {**EC.as_dict(private=False), "kid": {}},
    "no-object": "text",
}


@pytest.mark.parametrize("bad", POISONED.values(), ids=POISONED.keys())
def test_B10_a_set_with_a_key_that_must_not_be_there_is_refused_whole(provider, trust, ann, bad):
    provider.serve("/realms/acme/certs", {"keys": [RSA.as_dict(private=False), bad]})
    trust(provider.entry())
    assert send(issue(provider.keycloak())).status_code == 503


UNUSABLE = {
    "use-enc": {**RSA.as_dict(private=False), "use": "enc"},
    "key-ops": {**RSA.as_dict(private=False), "key_ops": ["encrypt"]},
    "key-ops-number": {**RSA.as_dict(private=False), "key_ops": 5},
    "key-ops-text": {**RSA.as_dict(private=False), "key_ops": "verify"},
    "alg-number": {**RSA.as_dict(private=False), "alg": 5},
    "alg-list": {**RSA.as_dict(private=False), "alg": ["RS256"]},
    "alg-oaep": {**RSA.as_dict(private=False), "alg": "RSA-OAEP"},
    "kty-other": {**RSA.as_dict(private=False), "kty": "EC"},
    "kty-list": {**RSA.as_dict(private=False), "kty": ["RSA"]},
    "n-number": {**RSA.as_dict(private=False), "n": 5},
    "n-missing": {name: value for name, value in RSA.as_dict(private=False).items() if name != "n"},
    "e-one": {**RSA.as_dict(private=False), "e": "AQ"},
    "e-even": {**RSA.as_dict(private=False), "e": "Ag"},
    "n-null": {**RSA.as_dict(private=False), "n": None},
    "n-list": {**RSA.as_dict(private=False), "n": []},
}


@pytest.mark.parametrize("bad", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_B10_a_key_that_is_not_for_this_is_left_out_and_the_others_count(provider, trust, ann, bad):
    provider.serve("/realms/acme/certs", {"keys": [bad, EC.as_dict(private=False)]})
    trust(provider.entry())
    is_refused(issue(provider.keycloak()))
    assert send(issue(provider.keycloak(), EC)).status_code == 200


def test_KY_01_a_short_rsa_key_and_one_of_the_faulty_generator_are_refused():
    short = json.loads(
        jws.RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key())
    )
    with pytest.raises(jws.UnusableKey, match="too short"):
        jws.public_key(short, "RS256")
    product = 1
    for prime in jws.ROCA_PRIMES:
        product *= prime
    faulty = (product << 1900) * 2 + pow(65537, 7, product)  # 1 more than a multiple: in the subgroup modulo each prime
    faulty -= (faulty - pow(65537, 7, product)) % product
    assert faulty.bit_length() >= 2048
    roca = {
        "kty": "RSA",
        "e": "AQAB",
        "n": b64((faulty | 1).to_bytes(300) if faulty & 1 else (faulty + product).to_bytes(300)),
    }
    with pytest.raises(jws.UnusableKey, match="ROCA"):
        jws.public_key(roca, "RS256")


@pytest.mark.parametrize(
    ("alg", "curve"), [("ES256", "P-384"), ("ES384", "P-256"), ("ES256", "P-521"), ("ES256", "secp256k1")]
)
def test_A16_a_key_of_another_curve_does_not_fit(alg, curve):
    jwk = {**ECKey.generate_key(curve).as_dict(private=False), "kid": "k"}
    with pytest.raises(jws.UnusableKey):
        jws.public_key(jwk, alg)


def test_A16_a_point_that_is_not_on_the_curve_is_no_key():
    with pytest.raises(jws.UnusableKey):
        jws.public_key({**EC.as_dict(private=False), "y": EC.as_dict(private=False)["x"]}, "ES256")


@pytest.mark.parametrize(
    "document", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}, {"keys": [[]]}, {"keys": [{"kty": "EC"}] * 51}]
)
def test_what_is_no_key_set_is_refused(document):
    with pytest.raises(ValueError, match="set"):
        read_key_set(document, ("RS256",))


def test_tokens_without_a_kid_find_only_the_one_key_without_a_kid(provider, trust, ann):
    bare = {name: value for name, value in EC.as_dict(private=False).items() if name != "kid"}
    trust(provider.entry())
    provider.publish(bare)
    claims = provider.keycloak()
    unnamed = ECKey.import_key({name: value for name, value in EC.as_dict(private=True).items() if name != "kid"})
    from joserfc import jwt

    token = jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, unnamed, algorithms=["ES256"])
    assert send(token).status_code == 200
    issuers._sets.clear()
    provider.publish(
        bare,
        {name: value for name, value in ECKey.generate_key("P-256").as_dict(private=False).items() if name != "kid"}
        | {"alg": "ES256"},
    )
    is_refused(token)


# -- outages and storms


def test_rs_12_without_any_keys_the_answer_is_503_and_says_to_try_again(provider, trust, ann):
    provider.serve("/realms/acme/certs", {}, status=500)
    trust(provider.entry())
    answer = send(issue(provider.keycloak()))
    assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unavailable")


def test_an_outage_of_the_issuer_is_not_one_of_ours_for_a_day(provider, trust, ann, clock):
    trust(provider.entry())
    assert send(issue(provider.keycloak())).status_code == 200
    provider.serve("/realms/acme/certs", {}, status=502)
    clock(issuers.FRESH_SECONDS + 1)
    assert send(issue(provider.keycloak())).status_code == 200
    clock(issuers.STALE_SECONDS)
    assert send(issue(provider.keycloak())).status_code == 503
    provider.publish(RSA)
    clock(issuers.COOLDOWN_SECONDS + 1)
    assert send(issue(provider.keycloak())).status_code == 200


def test_a_set_that_turns_bad_does_not_replace_the_good_one(provider, trust, ann, clock):
    trust(provider.entry())
    assert send(issue(provider.keycloak())).status_code == 200
    provider.serve("/realms/acme/certs", b"<html>maintenance</html>")
    clock(issuers.FRESH_SECONDS + 1)
    assert send(issue(provider.keycloak())).status_code == 200


def test_JW_05_a_storm_of_unknown_key_ids_asks_the_issuer_once_in_a_while(provider, trust, ann, clock):
    trust(provider.entry(jwks_uri=provider.jwks_uri))
    claims = provider.keycloak()
    token = issue(claims)
    assert send(token).status_code == 200
    clock(issuers.COOLDOWN_SECONDS + 1)
    for number in range(50):
        is_refused(issue(claims, EC, kid=f"unknown-{number}"))
    assert len(provider.asked) == 2
    clock(issuers.COOLDOWN_SECONDS + 1)
    is_refused(issue(claims, EC, kid="unknown"))
    assert len(provider.asked) == 3
    assert send(token).status_code == 200


def test_many_threads_without_keys_ask_once(provider):
    keys = KeySet(TrustedIssuer.read(provider.entry(jwks_uri=provider.jwks_uri)))
    found = []
    threads = [threading.Thread(target=lambda: found.append(keys.find("rsa-1", "RS256"))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 12
    assert None not in found
    assert len(provider.asked) == 1


def test_threads_with_older_keys_do_not_wait_for_one_that_asks(provider, clock):
    keys = KeySet(TrustedIssuer.read(provider.entry(jwks_uri=provider.jwks_uri)))
    assert keys.find("rsa-1", "RS256") is not None
    clock(issuers.FRESH_SECONDS + 1)
    with keys.lock:  # somebody is asking
        assert keys.find("rsa-1", "RS256") is not None


def test_a_forged_foreign_token_costs_no_query(provider, trust, ann):
    trust(provider.entry())
    assert send(issue(provider.keycloak())).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        is_refused(issue(provider.keycloak(), OTHER_RSA))
        is_refused(issue(provider.keycloak(nonce="x"), OTHER_RSA))
    assert captured.captured_queries == []


# -- what the entry must say

BAD = {
    "no-issuer": ({"issuer": None}, "issuer"),
    "no-audience": ({"audience": None}, "audience"),
    "empty-audience": ({"audience": []}, "audience"),
    "audience-number": ({"audience": 5}, "audience"),
    "hs256": ({"algorithms": ["HS256"]}, "algorithms"),
    "none": ({"algorithms": ["none"]}, "algorithms"),
    "mixed": ({"algorithms": ["RS256", "HS256"]}, "algorithms"),
    "no-algorithm": ({"algorithms": []}, "algorithms"),
    "http": ({"jwks_uri": "http://id.example/certs", "allow_http": False}, "https"),
    "file": ({"jwks_uri": "file:///etc/passwd"}, "https"),
    "uri-number": ({"jwks_uri": 5}, "https"),
    "http-discovery": ({"allow_http": False}, "https"),
    "misspelt": ({"audiance": "x"}, "did you mean 'audience'"),
    "user-word": ({"user": "email"}, "dotted path"),
    "scopes-list": ({"scopes": ["docs:read"]}, "scopes"),
    "roles-of-lists": ({"roles": {"a": ["b"]}}, "roles"),
    "types-number": ({"types": 5}, "types"),
    "lifetime": ({"max_lifetime": "for ever"}, "max_lifetime"),
}


@pytest.mark.parametrize(("changes", "says"), BAD.values(), ids=BAD.keys())
def test_an_entry_that_cannot_be_used_says_why_and_its_tokens_are_refused(provider, trust, ann, changes, says):
    with pytest.raises(ValueError, match=says):
        TrustedIssuer.read(provider.entry(**changes))
    if "issuer" not in changes:
        trust(provider.entry(**changes))
        is_refused(issue(provider.keycloak()))
        assert provider.asked == []


def test_the_discovery_document_must_be_the_issuers_own(provider, trust, ann):
    trust(provider.entry())
    for document in (
        {"issuer": "https://evil.example", "jwks_uri": provider.jwks_uri},
        {"issuer": provider.issuer},
        {},
    ):
        issuers._sets.clear()
        provider.serve("/realms/acme/.well-known/openid-configuration", document)
        assert send(issue(provider.keycloak())).status_code == 503
    assert "/realms/acme/certs" not in provider.asked


def test_the_audience_of_the_entry_may_be_a_list(provider, trust, ann):
    trust(provider.entry(audience=[AUDIENCE, "api://acme"]))
    assert send(issue(provider.entra(aud="api://acme"))).status_code == 200
