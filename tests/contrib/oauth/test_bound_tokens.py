"""Tokens that are bound to a key (RFC 9449), at the authorization server."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client

from django_apiaccess.models import TokenSession
from django_apiaccess.tokens import jws

from .flow import (
    CALLBACK,
    FORM,
    PATH,
    Pkce,
    basic,
    browser,
    claims_of,
    code_for,
    parameters,
    post,
    returned,
    tokens_for,
    url,
)

pytestmark = pytest.mark.django_db
TOKEN_URL = "http://testserver/oauth/token/"


class Holder:
    """Somebody with a key."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        full = jws.public_jwk(self.key, "ES256")
        self.jwk = {name: full[name] for name in ("kty", "crv", "x", "y")}
        text = json.dumps(self.jwk, separators=(",", ":"), sort_keys=True)
        self.jkt = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()

    def proof(self, url=TOKEN_URL, method="POST", token=None):
        claims = {"htm": method, "htu": url, "iat": int(time.time()), "jti": uuid.uuid4().hex}
        if token is not None:
            claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"typ": "dpop+jwt", "jwk": self.jwk})

    def opens(self, token):
        proof = self.proof(f"http://testserver{PATH}", "GET", token)
        return Client().get(PATH, HTTP_AUTHORIZATION=f"DPoP {token}", HTTP_DPOP=proof).status_code


def ask(client, data, holder=None):
    headers = basic(client) if client.secret else {}
    if not client.secret:
        data = {**data, "client_id": client.client.client_id}
    if holder is not None:
        headers["HTTP_DPOP"] = holder.proof()
    return Client().post("/oauth/token/", urlencode(data), content_type=FORM, **headers)


def redeem(client, code, pkce, holder=None):
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": pkce.verifier}
    return ask(client, data, holder)


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_oa_20_a_token_is_bound_to_the_key_of_the_proof(ann, register, method):
    client, holder, pkce = register(auth_method=method), Holder(), Pkce()
    body = redeem(client, code_for(ann, client, pkce), pkce, holder).json()
    assert body["token_type"] == "DPoP"
    assert claims_of(body["access_token"])["cnf"] == {"jkt": holder.jkt}
    assert holder.opens(body["access_token"]) == 200
    assert Holder().opens(body["access_token"]) == 401
    assert Client().get(PATH, HTTP_AUTHORIZATION=f"Bearer {body['access_token']}").status_code == 401


def test_oa_20_a_public_clients_refresh_token_needs_the_same_key(ann, public):
    holder, pkce = Holder(), Pkce()
    body = redeem(public, code_for(ann, public, pkce), pkce, holder).json()
    data = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    for other in (None, Holder()):
        answer = ask(public, data, other)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    again = ask(public, data, holder)
    assert again.status_code == 200
    assert holder.opens(again.json()["access_token"]) == 200


def test_oa_20_a_client_that_proves_itself_may_change_its_key(ann, confidential):
    first, second, pkce = Holder(), Holder(), Pkce()
    body = redeem(confidential, code_for(ann, confidential, pkce), pkce, first).json()
    assert TokenSession.objects.get().dpop_jkt == ""
    again = ask(confidential, {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}, second).json()
    assert second.opens(again["access_token"]) == 200
    assert first.opens(again["access_token"]) == 401


class OneProof(Holder):
    """Sends the same proof again and again."""

    def proof(self, *args, **kwargs):
        if not hasattr(self, "made"):
            self.made = super().proof(*args, **kwargs)
        return self.made


def test_oa_20_a_session_whose_tokens_nobody_got_because_its_proof_was_used_before_does_not_live_on(ann, public):
    holder = OneProof()
    first, second = (Pkce(), Pkce())
    codes = [code_for(ann, public, pkce) for pkce in (first, second)]
    won = redeem(public, codes[0], first, holder).json()
    lost = redeem(public, codes[1], second, holder)
    assert (lost.status_code, lost.json()["error"]) == (400, "invalid_dpop_proof")
    live = TokenSession.objects.filter(revoked_at=None)
    assert [row.sid for row in live] == [claims_of(won["access_token"])["sid"]]
    assert TokenSession.objects.count() == 2


def test_oa_20_a_refresh_that_lost_its_proof_leaves_the_session_to_its_client(ann, public):
    holder, pkce = OneProof(), Pkce()
    body = redeem(public, code_for(ann, public, pkce), pkce, holder).json()
    data = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert ask(public, data, holder).json()["error"] == "invalid_dpop_proof"
    assert TokenSession.objects.get().revoked_at is None


@pytest.mark.parametrize("of", ["server", "client"])
def test_oa_20_where_it_is_demanded_a_request_without_proof_is_refused(ann, register, oauth, of):
    client, pkce = register(auth_method="none", dpop_required=of == "client"), Pkce()
    if of == "server":
        oauth(DPOP="required")
    code = code_for(ann, client, pkce)
    answer = redeem(client, code, pkce)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert redeem(client, code, pkce, Holder()).status_code == 200


@pytest.mark.parametrize("proof", ["x", "a.b.c", ""])
def test_oa_20_a_proof_that_is_none_is_refused(ann, public, proof):
    pkce = Pkce()
    code = code_for(ann, public, pkce)
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": pkce.verifier}
    answer = post("/oauth/token/", data, public, HTTP_DPOP=proof)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert answer["Cache-Control"] == "no-store"


def test_oa_20_a_code_is_bound_to_the_key_that_the_request_named(ann, public):
    holder, pkce = Holder(), Pkce()
    code = code_for(ann, public, pkce, dpop_jkt=holder.jkt)
    for other in (None, Holder()):
        assert redeem(public, code, pkce, other).json()["error"] == "invalid_grant"
    assert redeem(public, code, pkce, holder).status_code == 200


def test_oa_20_a_pushed_requests_proof_binds_the_code(ann, public):
    from .test_pushed import opened

    holder, pkce = Holder(), Pkce()
    headers = {"HTTP_DPOP": holder.proof("http://testserver/oauth/par/")}
    uri = post("/oauth/par/", parameters(public, pkce), public, **headers).json()["request_uri"]
    chrome = browser(ann)
    page = opened(chrome, public, uri)
    shown = chrome.get(page).context["shown"]
    code = returned(chrome.post(page, {"decision": "allow", "shown": shown}))["code"]
    assert redeem(public, code, pkce).status_code == 400
    assert redeem(public, code, pkce, holder).status_code == 200


@pytest.mark.parametrize("jkt", ["x", "a" * 44, "é" * 43])
def test_a_thumbprint_that_is_none_is_told_to_the_client(ann, public, jkt):
    assert returned(browser(ann).get(url(public, Pkce(), dpop_jkt=jkt)))["error"] == "invalid_request"


def test_introspection_says_to_which_key(ann, confidential):
    holder, pkce = Holder(), Pkce()
    body = redeem(confidential, code_for(ann, confidential, pkce), pkce, holder).json()
    found = post("/oauth/introspect/", {"token": body["access_token"]}, confidential).json()
    assert (found["token_type"], found["cnf"]) == ("DPoP", {"jkt": holder.jkt})


def test_where_it_is_off_no_proof_is_taken_and_none_is_offered(ann, public, oauth):
    oauth(DPOP="off")
    pkce = Pkce()
    code = code_for(ann, public, pkce)
    assert redeem(public, code, pkce, Holder()).json()["error"] == "invalid_request"
    assert "dpop_signing_alg_values_supported" not in Client().get("/.well-known/oauth-authorization-server").json()
    assert tokens_for(ann, public)["token_type"] == "Bearer"


class TestExchange:
    """RFC 8693 with bound tokens: exchanging one gets nobody rid of its key."""

    @pytest.fixture
    def gateway(self, register):
        return register(
            name="Gateway",
            grant_types=["token_exchange"],
            redirect_uris=[],
            scopes=["docs:read"],
            auth_method="client_secret_post",
        )

    def exchange(self, gateway, token, holder=None, name="subject_token", **more):
        kind = "urn:ietf:params:oauth:token-type:access_token"
        data = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", name: token, f"{name}_type": kind}
        data |= {"client_id": gateway.client.client_id, "client_secret": gateway.secret, **more}
        headers = {} if holder is None else {"HTTP_DPOP": holder.proof()}
        return Client().post("/oauth/token/", urlencode(data), content_type=FORM, **headers)

    @pytest.fixture
    def bound(self, ann, public):
        holder, pkce = Holder(), Pkce()
        return redeem(public, code_for(ann, public, pkce), pkce, holder).json()["access_token"], holder

    @pytest.mark.parametrize("thief", [None, Holder()], ids=["without proof", "with a proof of another key"])
    def test_rs_09_oa_22_a_bound_token_that_was_found_is_not_exchanged(self, gateway, bound, thief):
        token, _holder = bound
        answer = self.exchange(gateway, token, thief)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert "DPoP proof" in answer.json()["error_description"]
        assert TokenSession.objects.count() == 1

    def test_oa_22_with_the_proof_of_its_key_it_is_and_the_new_one_is_bound_to_it(self, gateway, bound):
        token, holder = bound
        answer = self.exchange(gateway, token, holder).json()
        assert claims_of(answer["access_token"])["cnf"] == {"jkt": holder.jkt}
        assert Client().get(PATH, HTTP_AUTHORIZATION=f"Bearer {answer['access_token']}").status_code == 401
        assert holder.opens(answer["access_token"]) == 200

    def test_rs_09_a_bound_actor_token_needs_its_proof_too(self, ann, public, gateway, bound):
        kind = "urn:ietf:params:oauth:token-type:access_token"
        unbound = tokens_for(ann, public)["access_token"]
        answer = self.exchange(gateway, unbound, actor_token=bound[0], actor_token_type=kind)
        assert "actor_token is bound" in answer.json()["error_description"]

    def test_an_unbound_one_is_bound_to_the_key_of_who_asks(self, ann, public, gateway):
        holder = Holder()
        answer = self.exchange(gateway, tokens_for(ann, public)["access_token"], holder).json()
        assert claims_of(answer["access_token"])["cnf"] == {"jkt": holder.jkt}
