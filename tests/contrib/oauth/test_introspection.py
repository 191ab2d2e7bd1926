"""Revocation and introspection: of whose tokens, and what everybody else learns."""

from __future__ import annotations

import pytest
from django.test import Client

from django_apiaccess.core.secrets import make_key
from tests.tokens.people import log_in

from .flow import ISSUER, opens, post, refresh, tokens_for

pytestmark = pytest.mark.django_db
REVOKE, INTROSPECT = "/oauth/revoke/", "/oauth/introspect/"
FILES = "https://files.example/"


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "nonsense"])
@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_oa_16_a_client_ends_its_own_tokens_whatever_the_hint(ann, register, name, hint, method):
    client = register(auth_method=method)
    body = tokens_for(ann, client)
    data = {"token": body[name]} | ({"token_type_hint": hint} if hint else {})
    answer = post(REVOKE, data, client)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Cache-Control"] == "no-store"
    assert opens(body["access_token"]) == 401
    assert refresh(client, body["refresh_token"]).status_code == 400


def test_oa_16_of_a_foreign_or_unknown_token_nothing_happens_and_nothing_is_told(ann, confidential, register):
    body, own = tokens_for(ann, confidential), log_in()
    other = register(name="Other")
    for text in (
        body["access_token"],
        body["refresh_token"],
        own.access,
        own.refresh,
        "x",
        make_key("rt").text,
        "a.b.c",
    ):
        answer = post(REVOKE, {"token": text}, other)
        assert (answer.status_code, answer.content) == (200, b"")
    assert opens(body["access_token"]) == 200
    assert own.opens == 200


def test_oa_16_it_asks_for_a_client_a_token_and_a_post(ann, confidential):
    assert post(REVOKE, {"token": "x"}, confidential, HTTP_AUTHORIZATION="Basic eDp5").status_code == 401
    assert post(REVOKE, {}, confidential).json()["error"] == "invalid_request"
    assert Client().get(REVOKE).status_code == 405


def test_oa_17_a_client_inspects_its_own_tokens(ann, confidential):
    body = tokens_for(ann, confidential, scope="openid docs:read")
    found = post(INTROSPECT, {"token": body["access_token"]}, confidential).json()
    assert found["active"] is True
    assert (found["iss"], found["sub"], found["username"]) == (ISSUER, str(ann.pk), "ann")
    assert found["client_id"] == confidential.client.client_id
    assert found["scope"] == "docs:read openid"
    assert found["token_type"] == "Bearer"
    assert {"exp", "iat", "jti", "aud"} <= found.keys()
    again = post(INTROSPECT, {"token": body["refresh_token"]}, confidential).json()
    assert (again["active"], again["client_id"]) == (True, confidential.client.client_id)


def test_oa_17_a_resource_inspects_what_is_meant_for_it_alone(ann, register):
    client = register(audiences=[FILES])
    files = register(name="Files", grant_types=[], redirect_uris=[], audiences=[FILES], may_introspect=True)
    mail = register(
        name="Mail", grant_types=[], redirect_uris=[], audiences=["https://mail.example/"], may_introspect=True
    )
    nosy = register(name="Nosy", grant_types=[], redirect_uris=[], audiences=[FILES])
    body = tokens_for(ann, client, resource=FILES)
    assert post(INTROSPECT, {"token": body["access_token"]}, files).json()["aud"] == FILES
    for other in (mail, nosy):
        answer = post(INTROSPECT, {"token": body["access_token"]}, other)
        assert (answer.status_code, answer.content) == (200, b'{"active": false}')
    assert post(INTROSPECT, {"token": body["refresh_token"]}, files).content == b'{"active": false}'
    ours = tokens_for(ann, client)
    assert post(INTROSPECT, {"token": ours["access_token"]}, files).content == b'{"active": false}'


@pytest.mark.parametrize("why", ["revoked", "inactive user", "garbage", "first party", "id token"])
def test_oa_17_what_is_not_active_says_only_that(ann, confidential, why):
    body = tokens_for(ann, confidential, scope="openid docs:read")
    text = body["access_token"]
    if why == "revoked":
        post(REVOKE, {"token": text}, confidential)
    elif why == "inactive user":
        ann.is_active = False
        ann.save()
    elif why == "garbage":
        text = "é" * 20
    elif why == "first party":
        text = log_in().access
    else:
        text = body["id_token"]
    answer = post(INTROSPECT, {"token": text}, confidential)
    assert (answer.status_code, answer.content) == (200, b'{"active": false}')
    assert answer["Cache-Control"] == "no-store"


def test_oa_17_it_asks_for_a_client_that_proves_itself_and_a_post(ann, public, confidential):
    body = tokens_for(ann, public)
    assert post(INTROSPECT, {"token": body["access_token"]}, public).status_code == 401
    assert Client().get(f"{INTROSPECT}?token={body['access_token']}").status_code == 405
    assert Client().post(f"{INTROSPECT}?token={body['access_token']}").status_code == 400


def test_a_token_for_another_resource_is_not_remembered_as_good_here(ann, register, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": 30}
    client = register(audiences=[FILES])
    body = tokens_for(ann, client, resource=FILES)
    assert post(INTROSPECT, {"token": body["access_token"]}, client).json()["active"] is True
    assert opens(body["access_token"]) == 401
