"""OpenID Connect: the ID token, and userinfo."""

from __future__ import annotations

import base64
import hashlib

import jwt
import pytest
from django.test import Client

from tests.tokens.people import log_in

from .flow import ISSUER, Pkce, claims_of, code_for, exchange, opens, refresh, tokens_for

pytestmark = pytest.mark.django_db
USERINFO = "/oauth/userinfo/"
SCOPE = "openid profile email docs:read"


def userinfo(token, method="get"):
    return getattr(Client(), method)(USERINFO, HTTP_AUTHORIZATION=f"Bearer {token}")


def test_an_id_token_says_who_logged_in_and_a_third_party_verifies_it(ann, public):
    pkce = Pkce()
    code = code_for(ann, public, pkce, scope=SCOPE, nonce="n-0S6_WzA2Mj")
    body = exchange(public, code, pkce).json()
    keys = jwt.PyJWKSet.from_dict(Client().get("/.well-known/jwks.json").json())
    header = jwt.get_unverified_header(body["id_token"])
    assert header["typ"] == "JWT"
    claims = jwt.decode(
        body["id_token"], keys[header["kid"]], algorithms=["EdDSA"], audience=public.client.client_id, issuer=ISSUER
    )
    assert (claims["sub"], claims["nonce"]) == (str(ann.pk), "n-0S6_WzA2Mj")
    assert (claims["name"], claims["email"], claims["email_verified"]) == ("Ann Lee", "ann@example.org", False)
    assert claims["auth_time"] <= claims["iat"]
    half = hashlib.sha512(body["access_token"].encode()).digest()[:32]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def test_without_openid_there_is_none(ann, public):
    assert "id_token" not in tokens_for(ann, public)


def test_an_id_token_opens_nothing(ann, public):
    body = tokens_for(ann, public, scope=SCOPE)
    assert opens(body["id_token"]) == 401
    assert userinfo(body["id_token"]).status_code == 401


def test_a_refresh_brings_a_new_id_token_with_the_same_log_in(ann, public):
    body = tokens_for(ann, public, scope=SCOPE)
    again = refresh(public, body["refresh_token"]).json()
    before, after = claims_of(body["id_token"]), claims_of(again["id_token"])
    assert (before["sub"], before["auth_time"], before["aud"]) == (after["sub"], after["auth_time"], after["aud"])
    assert "nonce" not in after


@pytest.mark.parametrize("method", ["get", "post"])
def test_userinfo_says_what_was_allowed(ann, public, method):
    body = tokens_for(ann, public, scope=SCOPE)
    answer = userinfo(body["access_token"], method)
    assert answer.status_code == 200, answer.content
    assert answer.json() == {
        "sub": str(ann.pk),
        "preferred_username": "ann",
        "name": "Ann Lee",
        "email": "ann@example.org",
        "email_verified": False,
    }
    assert answer["Cache-Control"] == "no-store"
    bare = tokens_for(ann, public, scope="openid docs:read")
    assert userinfo(bare["access_token"]).json() == {"sub": str(ann.pk)}


def test_userinfo_is_for_tokens_with_openid_of_oauth_clients(ann, public):
    body = tokens_for(ann, public)
    answer = userinfo(body["access_token"])
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert 'error="insufficient_scope"' in answer["WWW-Authenticate"]
    assert userinfo(log_in().access).status_code == 401
    assert Client().get(USERINFO).status_code == 401


def test_a_session_with_openid_alone_opens_nothing_of_the_api(ann, public):
    body = tokens_for(ann, public, scope="openid")
    assert opens(body["access_token"]) == 403
    assert userinfo(body["access_token"]).status_code == 200


def test_a_token_that_was_narrowed_at_a_refresh_says_nothing_of_its_user_any_more(ann, public):
    first = tokens_for(ann, public, scope="openid email docs:read")
    narrow = refresh(public, first["refresh_token"], scope="docs:read").json()
    assert "id_token" not in narrow
    assert userinfo(narrow["access_token"]).status_code == 403
    without_mail = refresh(public, narrow["refresh_token"], scope="openid").json()
    assert "email" not in claims_of(without_mail["id_token"])
    assert set(userinfo(without_mail["access_token"]).json()) == {"sub"}
