"""Clients that register themselves: not there unless switched on; then public, bounded, and counted."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from django_apiaccess.contrib.oauth import registration
from django_apiaccess.contrib.oauth.errors import OAuthError
from django_apiaccess.contrib.oauth.granting import requested_scopes
from django_apiaccess.contrib.oauth.models import OAuthClient

from .flow import CALLBACK

pytestmark = pytest.mark.django_db
REGISTER = "/oauth/register/"
METADATA = "/.well-known/oauth-authorization-server"


def send(body: Any = None, **more: Any) -> Any:
    given = {"redirect_uris": [CALLBACK], "client_name": "Agent", **more} if body is None else body
    return Client().post(REGISTER, given, content_type="application/json")


@pytest.fixture
def on(oauth: Any) -> None:
    oauth(REGISTRATION=True, REGISTRATION_SCOPES=["docs:read"])


def test_oa_25_registration_is_not_there_and_not_announced_by_default() -> None:
    assert send().status_code == 404
    assert Client().get(REGISTER).status_code == 404
    assert "registration_endpoint" not in Client().get(METADATA).json()
    assert not OAuthClient.objects.exists()


def test_switched_on_it_is_announced_and_gives_a_public_client_without_a_secret(on: None) -> None:
    assert Client().get(METADATA).json()["registration_endpoint"].endswith(REGISTER)
    answer = send(token_endpoint_auth_method="client_secret_basic")
    body = answer.json()
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert body["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in body
    client = OAuthClient.objects.get(client_id=body["client_id"])
    assert (client.is_public, client.trusted, client.origin) == (True, False, "dynamic")


def test_oa_12_grants_and_scopes_are_cut_to_what_may_be_registered(on: None) -> None:
    body = send(
        scope="docs:read docs:write openid nonsense", grant_types=["authorization_code", "client_credentials"]
    ).json()
    assert body["scope"].split() == ["docs:read", "openid"]
    assert body["grant_types"] == ["authorization_code"]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"redirect_uris": ["http://app.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://app.example/*"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://a.example/ https://b.example/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://app.example/cb"}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"client_name": "x" * 101}, "invalid_client_metadata"),
        ({"client_name": "A\0B"}, "invalid_client_metadata"),
        ({"scope": ["docs:read"]}, "invalid_client_metadata"),
    ],
)
def test_oa_02_what_is_wrong_is_refused_and_makes_no_client(on: None, more: dict[str, Any], error: str) -> None:
    answer = send(**more)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert not OAuthClient.objects.exists()


@pytest.mark.parametrize("body", ["[]", "null", "{", "[" * 30_000, '{"client_name": "' + "x" * 200_000 + '"}'])
def test_a_body_that_is_no_small_object_is_refused(on: None, body: str) -> None:
    assert send(body).status_code == 400


def test_registrations_of_one_network_are_counted(on: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "RATE", "2/hour")
    answers = [send() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert OAuthClient.objects.count() == 2


def test_what_a_client_that_registered_itself_may_not_have_is_left_out_of_what_it_asks_for(on: None) -> None:
    """Agents ask for every scope that the metadata lists."""
    client = OAuthClient.objects.get(client_id=send(scope="docs:read").json()["client_id"])
    assert requested_scopes(client, "docs:read docs:write tokens:introspect") == {"docs:read"}
    with pytest.raises(OAuthError, match="docs:write"):
        requested_scopes(client, "docs:write")
