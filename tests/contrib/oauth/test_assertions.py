"""Clients that prove themselves by a signature (`private_key_jwt`)."""

from __future__ import annotations

import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from django_apiaccess.contrib.oauth.models import ClientAssertion
from django_apiaccess.exceptions import InvalidChange
from django_apiaccess.tokens import jws

from .flow import CALLBACK, ISSUER, TOKEN, Pkce, code_for, post

pytestmark = pytest.mark.django_db
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
JWK = jws.public_jwk(KEY, "ES256")


@pytest.fixture
def signer(register):
    return register(name="Signer", auth_method="private_key_jwt", jwks={"keys": [JWK]})


def assertion(client, *, key=KEY, algorithm="ES256", header=None, **claims):
    now = int(time.time())
    given = {
        "iss": client.client.client_id,
        "sub": client.client.client_id,
        "aud": ISSUER,
        "iat": now,
        "exp": now + 60,
        "jti": uuid.uuid4().hex,
        **claims,
    }
    given = {name: value for name, value in given.items() if value is not None}
    return jwt.encode(given, key, algorithm=algorithm, headers={"kid": JWK["kid"], **(header or {})})


def ask(text, **more):
    """A token request whose code is none: `invalid_grant` says that the client was let in."""
    data = {"grant_type": "authorization_code", "code": "x", "code_verifier": "a" * 43, "redirect_uri": CALLBACK}
    data |= {"client_assertion": text, "client_assertion_type": TYPE, **more}
    return post(TOKEN, {name: value for name, value in data.items() if value is not None})


@pytest.mark.parametrize("aud", [ISSUER, f"{ISSUER}/oauth/token/", [ISSUER], [ISSUER, f"{ISSUER}/oauth/token/"]])
def test_oa_09_a_signed_assertion_lets_the_client_in(signer, aud):
    assert ask(assertion(signer, aud=aud)).json()["error"] == "invalid_grant"


def test_oa_09_the_whole_flow(ann, signer):
    pkce = Pkce()
    code = code_for(ann, signer, pkce)
    answer = ask(assertion(signer), code=code, code_verifier=pkce.verifier)
    assert answer.status_code == 200, answer.content


def test_oa_09_an_assertion_works_once(signer):
    text = assertion(signer)
    assert ask(text).status_code == 400
    again = ask(text)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    assert ClientAssertion.objects.count() == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://other.example"},
        {"aud": f"{ISSUER}/"},
        {"aud": ["https://other.example", ISSUER]},
        {"aud": None},
        {"iss": "app_other"},
        {"sub": "app_other"},
        {"exp": int(time.time()) - 120},
        {"exp": int(time.time()) + 36_000},
        {"exp": None},
        {"nbf": int(time.time()) + 36_000},
        {"iat": int(time.time()) + 36_000},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 300},
        {"jti": 5},
    ],
)
def test_oa_09_an_assertion_that_is_not_for_us_or_not_in_time_is_refused(signer, claims):
    answer = ask(assertion(signer, **claims))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert not ClientAssertion.objects.exists()


@pytest.mark.parametrize("why", ["other key", "none", "hs256", "kid", "own jwk", "rs256", "typ", "truncated"])
def test_oa_09_a_signature_that_is_not_the_clients_is_refused(signer, why):
    if why == "other key":
        text = assertion(signer, key=OTHER)
    elif why == "none":
        text = assertion(signer, key=None, algorithm="none")
    elif why == "hs256":
        text = assertion(signer, key=JWK["x"] * 2, algorithm="HS256")
    elif why == "kid":
        text = assertion(signer, header={"kid": "unknown"})
    elif why == "own jwk":
        text = assertion(signer, key=OTHER, header={"jwk": jws.public_jwk(OTHER, "ES256")})
    elif why == "rs256":
        text = assertion(signer, key=rsa.generate_private_key(public_exponent=65537, key_size=2048), algorithm="RS256")
    elif why == "typ":
        text = assertion(signer, header={"typ": "at+jwt"})
    else:
        text = assertion(signer)[:-4]
    answer = ask(text)
    assert answer.status_code == 401, answer.content


def test_oa_09_another_clients_assertion_is_not_this_clients(signer, register):
    other = register(name="Other", auth_method="private_key_jwt", jwks={"keys": [jws.public_jwk(OTHER, "ES256")]})
    assert ask(assertion(signer), client_id=other.client.client_id).json()["error"] == "invalid_request"
    assert ask(assertion(other)).status_code == 401, "signed by the key of the first"


def test_oa_09_a_client_with_a_key_is_not_let_in_by_a_secret_or_its_name(signer, confidential):
    data = {"grant_type": "client_credentials", "client_id": signer.client.client_id}
    assert post(TOKEN, data).status_code == 401
    assert post(TOKEN, {**data, "client_secret": confidential.secret}).status_code == 401


def test_oa_11_an_assertion_beside_a_secret_is_an_invalid_request(signer):
    assert ask(assertion(signer), client_secret="cs_x").json()["error"] == "invalid_request"
    assert ask(assertion(signer), client_assertion_type="x").json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    "keys",
    [
        None,
        {},
        {"keys": []},
        {"keys": [{"kty": "oct", "k": "x"}]},
        {"keys": [{**JWK, "d": "x"}]},
        {"keys": [JWK, JWK]},
        {"keys": [{**JWK, "alg": "ES384"}]},
        {"keys": "x"},
    ],
)
def test_keys_that_cannot_be_used_are_refused_where_they_are_registered(register, keys):
    with pytest.raises(InvalidChange):
        register(auth_method="private_key_jwt", jwks=keys)


def test_the_address_of_keys_is_https(register):
    with pytest.raises(InvalidChange):
        register(auth_method="private_key_jwt", jwks_uri="http://app.example/jwks")


class TestAuthlibsClient:
    """Its own default is an hour; ours is five minutes, and says so."""

    def authentication(self, short):
        from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign

        class ShortLived(PrivateKeyJWT):
            def sign(self, auth, token_endpoint):
                return private_key_jwt_sign(
                    auth.client_secret, auth.client_id, token_endpoint, alg=self.alg, expires_in=60
                )

        return (ShortLived if short else PrivateKeyJWT)(f"{ISSUER}/oauth/token/", alg="ES256")

    def ask(self, signer, *, short):
        """What its session sends, sent to us."""
        from urllib.parse import parse_qsl

        from authlib.integrations.requests_client import OAuth2Session
        from joserfc.jwk import ECKey

        sent = {}
        key = ECKey.import_key(jws.private_pem(KEY))
        with OAuth2Session(signer.client.client_id, key, token_endpoint_auth_method="private_key_jwt") as session:
            session.register_client_auth_method(self.authentication(short))

            def note(request, **options):
                sent.update(parse_qsl(request.body))
                raise ConnectionAbortedError

            session.send = note
            with pytest.raises(ConnectionAbortedError):
                session.fetch_token(f"{ISSUER}/oauth/token/", grant_type="authorization_code", code="x")
        return ask(sent["client_assertion"])

    def test_oa_09_its_default_of_an_hour_is_refused_and_told_what_is_taken(self, signer):
        answer = self.ask(signer, short=False)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert "at most 300 seconds" in answer.json()["error_description"]

    def test_oa_09_its_default_is_taken_where_the_setting_says_an_hour(self, signer, oauth):
        oauth(ASSERTION_LIFETIME="1h")
        assert self.ask(signer, short=False).json()["error"] == "invalid_grant"

    def test_oa_09_a_short_one_is_taken(self, signer):
        assert self.ask(signer, short=True).json()["error"] == "invalid_grant"


def test_oa_09_only_who_holds_the_key_is_told_what_is_wrong(signer):
    unsigned = ask(assertion(signer, key=OTHER, exp=int(time.time()) + 3600)).json()
    signed = ask(assertion(signer, exp=int(time.time()) + 3600)).json()
    assert "too far away" in signed["error_description"]
    assert "too far away" not in unsigned["error_description"]
