"""What the server says of itself is what it does."""

from __future__ import annotations

import pytest
from django.test import Client

from .flow import ISSUER, TOKEN, Pkce, allow, browser, claims_of, post, returned, tokens_for, url

pytestmark = pytest.mark.django_db
DOCUMENTS = ["oauth-authorization-server", "openid-configuration"]
ALL = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "password",
    "implicit",
]


def read(name=DOCUMENTS[0], status=200):
    answer = Client().get(f"/.well-known/{name}")
    assert answer.status_code == status
    return answer.json() if status == 200 else None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_oa_18_the_issuer_is_the_same_everywhere(ann, public, name):
    body = tokens_for(ann, public, scope="openid docs:read")
    said = {
        read(name)["issuer"],
        claims_of(body["access_token"])["iss"],
        claims_of(body["id_token"])["iss"],
        returned(allow(browser(ann), url(public, Pkce())))["iss"],
    }
    assert said == {ISSUER}


@pytest.mark.parametrize("grants", [None, ["client_credentials"], ["authorization_code", "refresh_token"]])
def test_oa_18_every_grant_that_is_listed_is_known_and_no_other(confidential, oauth, grants):
    if grants is not None:
        oauth(GRANTS=grants)
    listed = set(read()["grant_types_supported"])
    for grant in ALL:
        error = post(TOKEN, {"grant_type": grant}, confidential).json()["error"]
        assert (error != "unsupported_grant_type") == (grant in listed), grant


@pytest.mark.parametrize("name", DOCUMENTS)
def test_oa_18_every_address_that_is_listed_answers(name):
    document = read(name)
    addresses = {key: value for key, value in document.items() if key.endswith("_endpoint") or key == "jwks_uri"}
    assert len(addresses) >= 7
    for address in addresses.values():
        assert address.startswith(ISSUER + "/")
        assert Client().get(address.removeprefix(ISSUER)).status_code != 404


def test_oa_18_nothing_empty_is_listed_and_what_clients_need_is(oauth):
    document = read()
    assert not [name for name, value in document.items() if value in ("", [], None)]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["response_types_supported"] == ["code"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert set(document["token_endpoint_auth_methods_supported"]) == {
        "none",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
    }
    assert "none" not in document["introspection_endpoint_auth_methods_supported"]
    oauth(GRANTS=["client_credentials"])
    assert "authorization_endpoint" not in read()


def test_oa_18_the_form_with_the_issuers_path_in_it(settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "ISSUER": "https://testserver/tenant/one"}
    assert read("oauth-authorization-server/tenant/one")["issuer"] == "https://testserver/tenant/one"
    read("oauth-authorization-server/tenant/two", status=404)


def test_oa_25_registration_is_off():
    assert "registration_endpoint" not in read()
    assert Client().post("/oauth/register/", {}).status_code == 404


def test_the_protected_resource_names_this_server():
    assert ISSUER in Client().get("/.well-known/oauth-protected-resource").json()["authorization_servers"]


def test_openid_says_how_its_tokens_are_signed(ann, public):
    tokens_for(ann, public)
    document = read("openid-configuration")
    keys = Client().get(document["jwks_uri"].removeprefix(ISSUER)).json()["keys"]
    assert {key["alg"] for key in keys} <= set(document["id_token_signing_alg_values_supported"])


def test_a_host_that_somebody_invents_changes_no_address():
    assert (
        Client()
        .get("/.well-known/oauth-authorization-server", HTTP_HOST="evil.example")
        .json()["token_endpoint"]
        .startswith(ISSUER)
    )
