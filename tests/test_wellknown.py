"""What the API says of itself (RFC 9728), and how a refused caller finds it."""

import pytest
from django.urls import path
from rest_framework.test import APIClient

from tests.authn.challenges import read_challenges
from tests.testapp import views

PAGE = "/.well-known/oauth-protected-resource"
ADDRESS = f"http://testserver{PAGE}"

urlpatterns = [path("guarded/", views.urlpatterns_views["read-only"].as_view())]
"""A project that does not include the page."""


@pytest.fixture
def client():
    return APIClient()


def with_settings(settings, **entries):
    settings.API_ACCESS = {**settings.API_ACCESS, **entries}


def test_rs_11_it_names_the_api_its_scopes_and_how_a_token_is_sent(client):
    answer = client.get(PAGE)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    body = answer.json()
    assert body["resource"] == "http://testserver"
    assert body["bearer_methods_supported"] == ["header"]
    assert "docs:read" in body["scopes_supported"]
    assert all(body.values()), "empty lists are left out"


def test_an_issuer_that_is_no_https_address_is_not_named(client):
    assert "authorization_servers" not in client.get(PAGE).json()


def test_https_issuers_are_named_ours_first_each_once(client, settings):
    ours, theirs = "https://api.example", "https://id.example"
    entries = [{"issuer": name, "audience": "x"} for name in (theirs, "urn:inhouse", ours)]
    with_settings(settings, ISSUER=ours, TRUSTED_ISSUERS=entries)
    assert client.get(PAGE).json()["authorization_servers"] == [ours, theirs]
    with_settings(settings, CREDENTIALS=["api_key"])
    assert "authorization_servers" not in client.get(PAGE).json()


def test_the_resource_has_the_scheme_that_the_client_used(client):
    assert client.get(PAGE, secure=True).json()["resource"] == "https://testserver"


def test_it_is_read_and_nothing_else(client):
    assert client.head(PAGE).status_code == 200
    assert client.post(PAGE).status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("header", [None, "Bearer x", "Bearer a.b.c", "Api-Key ak_x", "Bearer " + "x" * 9000])
def test_rs_11_the_bearer_challenge_of_every_401_says_where_it_is(client, header):
    if header:
        client.credentials(HTTP_AUTHORIZATION=header)
    for secure, address in ((False, ADDRESS), (True, ADDRESS.replace("http:", "https:"))):
        answer = client.get("/read-only/", secure=secure)
        assert answer.status_code == 401
        found = {one.scheme: one.parameters for one in read_challenges(answer["WWW-Authenticate"])}
        assert found["bearer"]["resource_metadata"] == address
        assert "resource_metadata" not in found["api-key"]
        assert client.get(address.partition("testserver")[2]).status_code == 200


@pytest.mark.django_db
def test_a_known_caller_who_may_not_is_not_sent_there(client_of, make_user, make_key):
    answer = client_of(make_key(make_user("ann", "docs:read"), "docs:read")).get("/report/")
    assert answer.status_code == 403
    assert "resource_metadata" not in answer["WWW-Authenticate"]


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_a_project_without_the_page_names_none(client):
    client.credentials(HTTP_AUTHORIZATION="Bearer x")
    answer = client.get("/guarded/")
    assert answer.status_code == 401
    assert read_challenges(answer["WWW-Authenticate"])[1].scheme == "bearer"
    assert "resource_metadata" not in answer["WWW-Authenticate"]
