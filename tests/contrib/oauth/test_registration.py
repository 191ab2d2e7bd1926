"""Clients that register themselves: not there unless switched on; then public, bounded, and counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from django_apiaccess.access.prune import prune
from django_apiaccess.contrib.oauth import clients, registration
from django_apiaccess.contrib.oauth.clients import Registered
from django_apiaccess.contrib.oauth.errors import OAuthError
from django_apiaccess.contrib.oauth.granting import requested_scopes
from django_apiaccess.contrib.oauth.models import OAuthClient
from django_apiaccess.events.models import Event
from django_apiaccess.keys import service as keys
from django_apiaccess.models import Grant
from django_apiaccess.roles import service as roles

from .flow import CALLBACK, Pkce, browser, tokens_for, url

pytestmark = pytest.mark.django_db
REGISTER = "/oauth/register/"
METADATA = "/.well-known/oauth-authorization-server"


def send(body: Any = None, **more: Any) -> Any:
    given = {"redirect_uris": [CALLBACK], "client_name": "Agent", **more} if body is None else body
    return Client().post(REGISTER, given, content_type="application/json")


@pytest.fixture
def on(oauth: Any) -> None:
    oauth(REGISTRATION="open", REGISTRATION_SCOPES=["docs:read"])


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


class TestWithAToken:
    """REGISTRATION = "token": an API key or access token with the scope `oauth:register` (RFC 7591 section 3)."""

    @pytest.fixture(autouse=True)
    def _token(self, oauth: Any) -> None:
        oauth(REGISTRATION="token", REGISTRATION_SCOPES=["docs:read"])

    @pytest.fixture
    def key(self, make_user: Any, make_key: Any) -> Any:
        return make_key(make_user("mara", "oauth:register", "docs:read"), "oauth:register", name="for partners")

    def send(self, text: str | None, scheme: str = "Bearer", **more: Any) -> Any:
        given = {"redirect_uris": [CALLBACK], "client_name": "Agent", **more}
        headers = {"HTTP_AUTHORIZATION": f"{scheme} {text}"} if text else {}
        return Client().post(REGISTER, given, content_type="application/json", **headers)

    def test_oa_25_without_one_it_is_refused_with_a_challenge_and_makes_nothing(self) -> None:
        answer = self.send(None)
        assert answer.status_code == 401
        assert "Bearer" in answer["WWW-Authenticate"]
        assert answer["Cache-Control"] == "no-store"
        assert not OAuthClient.objects.exists()

    @pytest.mark.parametrize("scheme", ["Bearer", "Api-Key"])
    def test_with_a_key_that_has_the_scope_a_client_is_registered_and_the_event_names_the_key(
        self, key: Any, scheme: str
    ) -> None:
        answer = self.send(
            key.text, scheme, policy_uri="https://agent.example/privacy", tos_uri="http://agent.example/"
        )
        body = answer.json()
        assert answer.status_code == 201, body
        assert (body["policy_uri"], "tos_uri" in body) == ("https://agent.example/privacy", False)
        assert OAuthClient.objects.get().owner is None  # it vouches for nothing on the consent page
        event = Event.objects.get(action="oauth_client.created")
        assert (event.credential_kind, event.credential_id) == ("api_key", str(key.key.pk))

    def test_an_access_token_with_the_scope_will_do(self, make_user: Any) -> None:
        make_user("mara", "oauth:register")
        body = {"username": "mara", "password": "secret"}
        answer = Client().post("/access/token/", body, content_type="application/json")
        assert self.send(answer.json()["access_token"]).status_code == 201

    def test_what_has_another_scope_is_refused(self, make_user: Any, make_key: Any) -> None:
        key = make_key(make_user("bob", "docs:read", "oauth:register"), "docs:read")
        assert self.send(key.text).status_code == 403
        assert not OAuthClient.objects.exists()

    def test_a_key_whose_holder_lost_the_scope_or_that_was_revoked_is_refused(self, key: Any, operator: Any) -> None:
        roles.ungrant(Grant.objects.filter(scope__name="oauth:register"), by=operator)
        assert self.send(key.text).status_code == 403
        keys.revoke(key.key, reason="leaked", by=operator)
        assert self.send(key.text).status_code == 401
        assert not OAuthClient.objects.exists()

    def test_a_session_in_a_browser_registers_nothing(self, make_user: Any) -> None:
        client = Client()
        client.force_login(make_user("mara", "oauth:register", is_superuser=True))
        body = {"redirect_uris": [CALLBACK]}
        assert client.post(REGISTER, body, content_type="application/json").status_code == 401

    def test_a_key_with_a_rate_is_counted(self, make_user: Any, make_key: Any) -> None:
        key = make_key(make_user("mara", "oauth:register"), "oauth:register", rate="2/h")
        assert [self.send(key.text).status_code for _ in range(3)] == [201, 201, 429]

    def test_it_is_announced(self) -> None:
        assert "registration_endpoint" in Client().get(METADATA).json()


def test_registrations_that_nobody_let_in_are_pruned_and_others_stay(on: None, ann: Any, operator: Any) -> None:
    used, _unused, young = (send(client_name=name).json()["client_id"] for name in ("used", "unused", "young"))
    manual = clients.create(
        by=operator, name="manual", redirect_uris=[CALLBACK], grant_types=["authorization_code"], auth_method="none"
    ).client.client_id
    OAuthClient.objects.exclude(client_id=young).update(created_at=timezone.now() - timedelta(days=8))
    tokens_for(ann, Registered(OAuthClient.objects.get(client_id=used)))
    assert prune(by=operator, dry_run=True)["unused registrations"] == 1
    prune(by=operator)
    assert set(OAuthClient.objects.values_list("client_id", flat=True)) == {used, young, manual}


def test_the_consent_page_says_that_nobody_checked_a_client_that_registered_itself(on: None, ann: Any) -> None:
    made = Registered(OAuthClient.objects.get(client_id=send(client_name="Your Bank").json()["client_id"]))
    page = browser(ann).get(url(made, Pkce())).content.decode()
    assert "registered itself. Nobody here has checked its name" in page


def test_oa_25_open_registration_is_warned_of_before_a_deployment(oauth: Any) -> None:
    from tests.checking import ids

    for mode, warned in (("off", False), ("token", False), ("open", True)):
        oauth(REGISTRATION=mode)
        assert ("apiaccess.W070" in ids(deploy=True)) is warned
        assert "apiaccess.W070" not in ids()


@pytest.mark.parametrize("value", [True, False, "on", None])
def test_the_setting_is_one_of_three_words(oauth: Any, value: Any) -> None:
    from tests.checking import found

    oauth(REGISTRATION=value)
    assert "'off', 'token', 'open'" in found()["apiaccess.E003"].msg
