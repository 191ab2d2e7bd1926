"""What a client's token does not open: the account itself. A consent is for scopes, and ends."""

from __future__ import annotations

import pytest
from django.test import Client

from django_apiaccess import FIRST_PARTY, HasScope
from django_apiaccess.exceptions import InvalidChange
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.accounts import create_service_account
from django_apiaccess.keys.models import APIKey
from django_apiaccess.models import Event, TokenSession
from django_apiaccess.roles import service as roles
from tests.tokens.people import log_in, refreshed

from .flow import TOKEN, opens, post, refresh, tokens_for

pytestmark = pytest.mark.django_db
JSON = "application/json"


def ask(token, method, path, data=None):
    return Client().generic(method, path, "" if data is None else data, JSON, HTTP_AUTHORIZATION=f"Bearer {token}")


@pytest.fixture
def token(ann, public):
    return tokens_for(ann, public)["access_token"]


@pytest.fixture
def own_key(ann, operator):
    return keys.issue(principal=ann, name="mine", scopes=["docs:read"], networks="10.0.0.0/8", by=operator)


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("GET", "/access/keys/", None),
        ("POST", "/access/keys/", '{"name": "mine now", "scopes": ["docs:read"]}'),
        ("GET", "/access/keys/requests/", None),
        ("POST", "/access/keys/requests/1/claim/", None),
        ("POST", "/access/keys/requests/1/approve/", "{}"),
        ("GET", "/access/keys/{}/", None),
        ("PATCH", "/access/keys/{}/", '{"networks": []}'),
        ("DELETE", "/access/keys/{}/", None),
        ("POST", "/access/keys/{}/rotate/", '{"grace": "0s"}'),
    ],
)
def test_it_makes_changes_rotates_and_ends_no_key_of_its_user(token, own_key, method, path, data):
    before = list(APIKey.objects.values())
    answer = ask(token, method, path.format(own_key.key.pk), data)
    assert (answer.status_code, answer.json()["code"]) == (403, "other_client")
    assert list(APIKey.objects.values()) == before
    assert Event.objects.filter(action="access.denied", reason="other_client").exists()


def test_nor_does_a_client_that_speaks_for_itself(register, make_user, operator):
    account = create_service_account(name="robot", owner=make_user("owner"), purpose="test", by=operator)
    roles.grant(user=account.user, scope="docs:read", by=operator)
    robot = register(
        redirect_uris=[], grant_types=["client_credentials"], service_account=account, scopes=["docs:read"]
    )
    token = post(TOKEN, {"grant_type": "client_credentials"}, robot).json()["access_token"]
    assert opens(token) == 200
    assert ask(token, "POST", "/access/keys/", '{"name": "x", "scopes": ["docs:read"]}').status_code == 403
    assert not APIKey.objects.exists()


def test_the_owner_does_all_of_it_by_a_log_in_of_ours(ann):
    token = log_in("ann").access
    made = ask(token, "POST", "/access/keys/", '{"name": "x", "scopes": ["docs:read"]}')
    assert made.status_code == 201


def test_it_sees_and_ends_its_own_session_only(ann, public):
    own = log_in("ann")
    theirs = tokens_for(ann, public)
    listed = ask(theirs["access_token"], "GET", "/access/sessions/").json()["results"]
    assert [row["client_id"] for row in listed] == [public.client.client_id]
    other = TokenSession.objects.get(client_id="first-party")
    assert ask(theirs["access_token"], "DELETE", f"/access/sessions/{other.sid}/").status_code == 404
    assert ask(theirs["access_token"], "DELETE", "/access/sessions/").json() == {"ended": 1}
    assert opens(own.access) == 200
    assert refreshed(own.refresh).status_code == 200
    assert refresh(public, theirs["refresh_token"]).status_code == 400


def test_the_owner_sees_and_ends_sessions_of_clients(ann, public):
    theirs = tokens_for(ann, public)
    own = log_in("ann").access
    assert len(ask(own, "GET", "/access/sessions/").json()["results"]) == 2
    session = TokenSession.objects.get(client_id=public.client.client_id)
    assert ask(own, "DELETE", f"/access/sessions/{session.sid}/").status_code == 204
    assert opens(theirs["access_token"]) == 401


def test_it_learns_what_it_opens_and_not_who_its_user_is(ann, public):
    told = ask(tokens_for(ann, public)["access_token"], "GET", "/access/me/").json()
    assert told["scopes"] == ["docs:read"]
    assert told["principal"] == {"id": str(ann.pk), "username": "", "kind": "user"}
    assert told["roles"] == []


@pytest.mark.parametrize("name", ["first-party", "First-Party", "simplejwt"])
def test_no_client_takes_a_name_of_our_own(register, name):
    with pytest.raises(InvalidChange, match="taken by this app"):
        register(client_id=name)


def test_the_requirement_is_for_every_view_and_combines(ann, public, access_of):
    own, theirs = access_of(log_in("ann").access), access_of(tokens_for(ann, public)["access_token"])
    for requirement in (FIRST_PARTY, FIRST_PARTY & HasScope("docs:read")):
        assert own.has(requirement)
        assert not theirs.has(requirement)
    assert not theirs.has(FIRST_PARTY | HasScope("docs:write"))
    assert str(FIRST_PARTY) == "FIRST_PARTY"


@pytest.fixture
def access_of(rf):
    from rest_framework.request import Request

    from django_apiaccess.authentication import AccessAuthentication

    def make(token):
        request = Request(rf.get("/read-only/", HTTP_AUTHORIZATION=f"Bearer {token}"))
        return AccessAuthentication().authenticate(request)[1]

    return make
