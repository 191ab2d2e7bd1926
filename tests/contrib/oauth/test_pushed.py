"""Pushed authorization requests (RFC 9126)."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from django_apiaccess.contrib.oauth.models import PushedRequest

from .flow import AUTHORIZE, Pkce, allow, basic, browser, exchange, parameters, post, returned, url

pytestmark = pytest.mark.django_db
PAR = "/oauth/par/"


def push(client, pkce, **more):
    given = parameters(client, pkce, **more)
    if client.secret:
        del given["client_id"]
    return post(PAR, given, client)


def address(client, request_uri):
    return f"{AUTHORIZE}?{urlencode({'client_id': client.client.client_id, 'request_uri': request_uri})}"


def opened(chrome, client, request_uri):
    """Open the page of a pushed request: where the browser ends up."""
    answer = chrome.get(address(client, request_uri))
    assert answer.status_code == 303, answer.content
    return answer["Location"]


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_oa_19_a_pushed_request_goes_through_to_tokens(ann, register, method):
    client, pkce = register(auth_method=method), Pkce()
    answer = push(client, pkce, state="ü %")
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    body = answer.json()
    assert body["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    assert body["expires_in"] == 60
    chrome = browser(ann)
    back = returned(allow(chrome, opened(chrome, client, body["request_uri"])))
    assert back["state"] == "ü %"
    assert exchange(client, back["code"], pkce).status_code == 200


def test_oa_19_it_survives_the_log_in(ann, public):
    pkce, chrome = Pkce(), Client()
    page = opened(chrome, public, push(public, pkce).json()["request_uri"])
    answer = chrome.get(page)
    target = dict(parse_qsl(urlsplit(answer["Location"]).query))["next"]
    assert chrome.login(username="ann", password="secret")
    assert "code" in returned(allow(chrome, target))


def test_oa_19_it_works_once_for_its_client_for_a_minute(ann, public, register):
    uri = push(public, Pkce()).json()["request_uri"]
    other = register(name="Other", auth_method="none")
    assert browser(ann).get(address(other, uri)).status_code == 400
    opened(browser(ann), public, uri)
    assert browser(ann).get(address(public, uri)).status_code == 400
    late = push(public, Pkce()).json()["request_uri"]
    PushedRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert browser(ann).get(address(public, late)).status_code == 400


def test_oa_19_another_browser_does_not_have_it(ann, public, make_user):
    page = opened(browser(ann), public, push(public, Pkce()).json()["request_uri"])
    answer = browser(make_user("eve", "docs:read")).get(page)
    assert (answer.status_code, answer.has_header("Location")) == (400, False)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"scope": "reports:read"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"resource": "https://evil.example/"}, "invalid_target"),
    ],
)
def test_oa_19_what_is_wrong_is_told_at_once_and_not_by_a_redirect(public, more, error):
    answer = push(public, Pkce(), **more)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert not answer.has_header("Location")
    assert not PushedRequest.objects.exists()


def test_oa_19_a_confidential_client_proves_itself(confidential):
    given = parameters(confidential, Pkce())
    assert post(PAR, given).status_code == 401
    assert post(PAR, given, **basic(confidential, "cs_wrong")).status_code == 401


def test_oa_19_the_secret_is_not_kept_with_the_request(register):
    client = register(auth_method="client_secret_post")
    given = {**parameters(client, Pkce()), "client_secret": client.secret}
    assert post(PAR, given).status_code == 201
    assert client.secret not in PushedRequest.objects.get().query


@pytest.mark.parametrize("of", ["server", "client"])
def test_oa_19_where_it_is_demanded_a_plain_request_is_refused(ann, register, oauth, of):
    client = register(auth_method="none", par_required=of == "client")
    oauth(PAR_REQUIRED=of == "server")
    assert returned(browser(ann).get(url(client, Pkce())))["error"] == "invalid_request"
    chrome = browser(ann)
    assert chrome.get(opened(chrome, client, push(client, Pkce()).json()["request_uri"])).status_code == 200


def test_oa_19_only_post(public):
    assert Client().get(PAR).status_code == 405


@pytest.mark.parametrize("uri", ["https://evil.example/request.jwt", "urn:ietf:params:oauth:request_uri:", "x"])
def test_a_request_uri_of_another_kind_is_never_fetched(ann, public, uri):
    answer = browser(ann).get(f"{url(public, Pkce())}&{urlencode({'request_uri': uri})}")
    assert answer.status_code == 400 or returned(answer)["error"] == "request_not_supported"
