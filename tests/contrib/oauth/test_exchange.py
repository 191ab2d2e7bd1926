"""Token exchange (RFC 8693): a service that goes on with a user's token, never with more than that."""

from __future__ import annotations

import pytest

from django_apiaccess.contrib.oauth import consents
from django_apiaccess.contrib.oauth.models import Consent
from django_apiaccess.models import Event
from tests.tokens.people import log_in

from .flow import TOKEN, claims_of, opens, post, tokens_for

pytestmark = pytest.mark.django_db
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
FILES = "https://files.example/"


@pytest.fixture
def gateway(register):
    return register(
        name="Gateway", redirect_uris=[], grant_types=["token_exchange"], scopes=["docs:write"], audiences=[FILES]
    )


def exchanged(client, token, **more):
    data = {"grant_type": GRANT, "subject_token": token, "subject_token_type": ACCESS, **more}
    return post(TOKEN, {name: value for name, value in data.items() if value is not None}, client)


def test_oa_22_the_token_names_the_user_and_who_acts(ann, public, gateway):
    body = tokens_for(ann, public, scope="docs:write")
    answer = exchanged(gateway, body["access_token"], scope="docs:read")
    assert answer.status_code == 200, answer.content
    new = answer.json()
    assert new["issued_token_type"] == ACCESS
    assert new["scope"] == "docs:read"
    assert "refresh_token" not in new
    claims = claims_of(new["access_token"])
    assert (claims["sub"], claims["client_id"]) == (str(ann.pk), gateway.client.client_id)
    assert claims["act"] == {"sub": gateway.client.client_id}
    assert claims["exp"] <= claims_of(body["access_token"])["exp"]
    assert claims["auth_time"] == claims_of(body["access_token"])["auth_time"]
    assert opens(new["access_token"]) == 200
    assert Event.objects.filter(action="token.exchanged").count() == 1


def test_oa_22_never_more_than_the_token_it_is_for(ann, public, gateway):
    body = tokens_for(ann, public, scope="docs:read")
    for scope in ("docs:write", "docs:read docs:write", "reports:read", "openid"):
        answer = exchanged(gateway, body["access_token"], scope=scope)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert exchanged(gateway, body["access_token"]).json()["scope"] == "docs:read"


@pytest.mark.parametrize(
    "why", ["disabled", "revoked", "refresh token", "id token", "garbage", "type", "missing type", "wish"]
)
def test_oa_22_what_is_no_living_access_token_is_an_invalid_request(ann, public, gateway, operator, why):
    body = tokens_for(ann, public, scope="openid docs:read")
    token, more = body["access_token"], {}
    if why == "disabled":
        ann.is_active = False
        ann.save()
    elif why == "revoked":
        consents.revoke(Consent.objects.all(), reason="test", by=operator)
    elif why in {"refresh token", "id token"}:
        token = body[why.replace(" ", "_")]
    elif why == "garbage":
        token = "é.b.c"
    elif why == "wish":
        more = {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}
    else:
        more = {"subject_token_type": None if why == "missing type" else "urn:ietf:params:oauth:token-type:id_token"}
    answer = exchanged(gateway, token, **more)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_oa_22_it_ends_with_the_session_that_it_came_of(ann, public, gateway, operator):
    new = exchanged(gateway, tokens_for(ann, public)["access_token"]).json()
    assert opens(new["access_token"]) == 200
    consents.revoke(Consent.objects.filter(client=public.client), reason="test", by=operator)
    assert opens(new["access_token"]) == 401


def test_oa_22_only_a_client_that_is_registered_for_it_may(ann, public, confidential):
    answer = exchanged(confidential, tokens_for(ann, public)["access_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


def test_oa_22_an_actor_token_type_comes_with_an_actor_token_only(ann, public, gateway):
    token = tokens_for(ann, public)["access_token"]
    answer = exchanged(gateway, token, actor_token_type=ACCESS)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    foreign = exchanged(gateway, token, actor_token=token, actor_token_type=ACCESS)
    assert (foreign.status_code, foreign.json()["error"]) == (400, "invalid_request")


def test_oa_22_three_may_stand_behind_each_other_and_not_four(ann, public, gateway):
    token = tokens_for(ann, public)["access_token"]
    for _ in range(3):
        answer = exchanged(gateway, token)
        assert answer.status_code == 200, answer.content
        token = answer.json()["access_token"]
        assert opens(token) == 200
    depth, act = 0, claims_of(token)["act"]
    while act:
        depth, act = depth + 1, act.get("act")
    assert depth == 3
    assert exchanged(gateway, token).status_code == 400


@pytest.mark.parametrize("name", ["resource", "audience"])
def test_oa_21_for_a_resource_of_the_clients_alone(ann, public, gateway, name):
    token = tokens_for(ann, public)["access_token"]
    new = exchanged(gateway, token, **{name: FILES}).json()
    assert claims_of(new["access_token"])["aud"] == FILES
    assert opens(new["access_token"]) == 401
    answer = exchanged(gateway, token, **{name: "https://evil.example/"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


def test_a_token_of_our_own_log_in_can_be_exchanged(ann, gateway):
    assert exchanged(gateway, log_in().access).status_code == 200


def test_oa_22_a_client_gets_no_other_resource_for_its_own_token(ann, register):
    web = register(grant_types=["authorization_code", "token_exchange"], audiences=[FILES])
    token = tokens_for(ann, web, resource=FILES)["access_token"]
    assert opens(token) == 401
    new = exchanged(web, token).json()["access_token"]
    assert claims_of(new)["aud"] == FILES
    assert opens(new) == 401
    answer = exchanged(web, token, resource="https://testserver/")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


def test_oa_22_a_token_of_a_user_names_no_actor(ann, public, register):
    web = register(grant_types=["authorization_code", "token_exchange"])
    own = tokens_for(ann, web)["access_token"]
    theirs = tokens_for(ann, public)["access_token"]
    answer = exchanged(web, theirs, actor_token=own, actor_token_type=ACCESS)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
