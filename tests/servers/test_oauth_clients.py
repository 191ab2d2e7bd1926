"""Clients that others wrote, against the bookshop in a server process: Authlib's, requests-oauthlib's, and plain HTTP.

The person's part is done as a browser does it: forms, cookies and redirects.
"""

from __future__ import annotations

import html
import re
import secrets
import time
from urllib.parse import urlsplit

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import RSAKey
from requests_oauthlib import OAuth2Session as RequestsOAuth2Session

from tests.tokens.proofs import Holder

from .conftest import end
from .processes import ORDERS, Server, environment, free_port

CALLBACK = "https://app.example/callback"
CODE = ["authorization_code", "refresh_token"]
READ = ["orders:read", "offline_access"]
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@pytest.fixture(scope="module")
def site(shell, database):
    """The address of a server that knows its own name."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = ("example_project/manage.py", "runserver", "--noreload", f"127.0.0.1:{port}")
    server = Server(environment(**database, ISSUER=address, PORT=str(port)), command, port).start()
    yield server.ready() and address
    end([server])


@pytest.fixture(scope="module")
def metadata(site):
    return requests.get(f"{site}/.well-known/oauth-authorization-server", timeout=30).json()


@pytest.fixture
def client(shell):
    """`client(auth_method="none")`: a new client's id and secret."""

    def make(**fields):
        name = f"client-{secrets.token_hex(4)}"
        return shell.oauth_client(
            name=name, **{"redirect_uris": [CALLBACK], "grant_types": CODE, "scopes": READ, **fields}
        )

    return make


class Person:
    """Somebody at a browser."""

    def __init__(self, shell, site):
        self.name, self.site, self.browser = f"person-{secrets.token_hex(4)}", site, requests.Session()
        shell.person(name=self.name)

    def submit(self, page, **fields):
        """Send the form of a page, with what stands in it hidden."""
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        form = {**{name: html.unescape(value) for name, value in hidden}, **fields}
        return self.browser.post(page.url, form, allow_redirects=False, timeout=30, headers={"Referer": page.url})

    def open(self, url):
        """The page, logged in first where the site asks for it."""
        page = self.browser.get(url, timeout=30)
        if urlsplit(page.url).path == "/access/security/login/":
            answer = self.submit(page, username=self.name, password="secret")
            assert answer.status_code == 302, answer.text
            page = self.browser.get(f"{self.site}{answer.headers['Location']}", timeout=30)
        assert page.status_code == 200, page.text
        return page

    def answer(self, url, decision="allow"):
        """Where the browser is sent after the decision on the consent page."""
        sent = self.submit(self.open(url), decision=decision)
        assert sent.status_code == 303, sent.text
        return sent.headers["Location"]


@pytest.fixture
def person(shell, site):
    return Person(shell, site)


def orders(site, access_token, **headers):
    sent = {"Authorization": f"Bearer {access_token}", **headers}
    return requests.get(f"{site}{ORDERS}", headers=sent, timeout=30).status_code


def authlib_session(made, **more):
    return OAuth2Session(
        made["client_id"],
        made["client_secret"] or None,
        scope="orders:read offline_access",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        **more,
    )


def flow(session, metadata, person):
    """Code and PKCE by Authlib's client; the token."""
    verifier = secrets.token_urlsafe(48)
    url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
    location = person.answer(url)
    assert f"state={state}" in location
    return session.fetch_token(metadata["token_endpoint"], authorization_response=location, code_verifier=verifier)


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_authlib_gets_refreshes_and_revokes(site, metadata, client, person, method):
    session = authlib_session(
        client(auth_method=method), token_endpoint_auth_method=method, revocation_endpoint_auth_method=method
    )
    first = flow(session, metadata, person)
    assert orders(site, first["access_token"]) == 200
    second = session.refresh_token(metadata["token_endpoint"], first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert orders(site, second["access_token"]) == 200
    if method != "none":
        told = session.introspect_token(metadata["introspection_endpoint"], second["access_token"]).json()
        assert (told["active"], told["username"]) == (True, person.name)
    assert session.revoke_token(metadata["revocation_endpoint"], second["refresh_token"]).status_code == 200
    assert orders(site, second["access_token"]) == 401


def test_authlib_speaks_for_a_service_account(site, metadata, client):
    made = client(grant_types=["client_credentials"], scopes=["orders:write"], account=f"robot-{secrets.token_hex(3)}")
    session = OAuth2Session(made["client_id"], made["client_secret"], scope="orders:write")
    token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    assert "refresh_token" not in token
    assert orders(site, token["access_token"]) == 200


def test_authlib_proves_itself_by_private_key_jwt(site, metadata, client):
    key = RSAKey.generate_key(2048, private=True)  # the one kind that its helper signs with
    made = client(
        grant_types=["client_credentials"],
        scopes=["orders:write"],
        account=f"robot-{secrets.token_hex(3)}",
        auth_method="private_key_jwt",
        jwks={"keys": [{**key.as_dict(private=False), "alg": "RS256", "kid": "one"}]},
    )
    session = OAuth2Session(
        made["client_id"], key.as_pem(private=True), token_endpoint_auth_method="private_key_jwt", scope="orders:read"
    )
    session.register_client_auth_method(
        PrivateKeyJWT(
            metadata["token_endpoint"], headers={"kid": "one"}, claims={"exp": int(time.time()) + 60}
        )  # its default is an hour, which is refused
    )
    token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    assert orders(site, token["access_token"]) == 200


def test_requests_oauthlib_gets_and_refreshes(site, metadata, client, person, monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the site is on loopback
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")
    made = client(auth_method="none")
    session = RequestsOAuth2Session(made["client_id"], redirect_uri=CALLBACK, scope=READ, pkce="S256")
    url, _state = session.authorization_url(metadata["authorization_endpoint"])
    location = person.answer(url)
    first = session.fetch_token(metadata["token_endpoint"], authorization_response=location, include_client_id=True)
    assert session.get(f"{site}{ORDERS}").status_code == 200
    second = session.refresh_token(metadata["token_endpoint"], client_id=made["client_id"])
    assert second["refresh_token"] != first["refresh_token"]
    assert session.get(f"{site}{ORDERS}").status_code == 200


def test_OA13_no_is_told_to_the_client_with_its_state_and_the_issuer(metadata, client, person):
    session = authlib_session(client(auth_method="none"))
    url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier="v" * 50)
    location = person.answer(url, "deny")
    assert location.startswith(f"{CALLBACK}?error=access_denied")
    assert f"state={state}" in location
    assert "iss=http" in location


def test_a_device_polls_until_its_person_has_decided(site, metadata, client, person):
    made = client(auth_method="none", grant_types=["device_code", "refresh_token"], redirect_uris=[])
    form = {"client_id": made["client_id"], "scope": "orders:read"}
    started = requests.post(metadata["device_authorization_endpoint"], form, timeout=30).json()
    poll = {"grant_type": DEVICE, "device_code": started["device_code"], "client_id": made["client_id"]}
    waiting = requests.post(metadata["token_endpoint"], poll, timeout=30)
    assert (waiting.status_code, waiting.json()["error"]) == (400, "authorization_pending")
    page = person.open(started["verification_uri_complete"])
    confirm = person.submit(page, user_code=started["user_code"])
    assert confirm.status_code == 200
    confirm.url = page.url
    assert person.submit(confirm, decision="allow").status_code == 200
    time.sleep(started["interval"] + 0.2)
    answer = requests.post(metadata["token_endpoint"], poll, timeout=30)
    assert answer.status_code == 200, answer.text
    assert orders(site, answer.json()["access_token"]) == 200
    assert requests.post(metadata["token_endpoint"], poll, timeout=30).json()["error"] == "invalid_grant"


def test_OA22_a_service_exchanges_the_token_that_it_was_called_with(site, metadata, client, person):
    user = flow(authlib_session(client(auth_method="none")), metadata, person)
    made = client(grant_types=["token_exchange"], redirect_uris=[], scopes=["orders:read"])
    form = {
        "grant_type": EXCHANGE,
        "subject_token": user["access_token"],
        "subject_token_type": ACCESS_TOKEN,
    }
    auth = (made["client_id"], made["client_secret"])
    answer = requests.post(metadata["token_endpoint"], form, auth=auth, timeout=30)
    assert answer.status_code == 200, answer.text
    assert orders(site, answer.json()["access_token"]) == 200
    wider = requests.post(metadata["token_endpoint"], {**form, "scope": "orders:write"}, auth=auth, timeout=30)
    assert wider.json()["error"] == "invalid_scope"


def test_OA19_OA20_a_pushed_request_ends_in_tokens_that_one_key_alone_opens(site, metadata, client, person):
    made, holder, verifier = client(auth_method="none", dpop_required=True), Holder(), secrets.token_urlsafe(48)
    session = authlib_session(made)
    url, _state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
    pushed = requests.post(
        metadata["pushed_authorization_request_endpoint"],
        urlsplit(url).query,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=30,
    )
    assert pushed.status_code == 201, pushed.text
    short = (
        f"{metadata['authorization_endpoint']}?client_id={made['client_id']}&request_uri={pushed.json()['request_uri']}"
    )
    code = re.search(r"code=([^&]+)", person.answer(short)).group(1)
    form = {
        "grant_type": "authorization_code",
        "client_id": made["client_id"],
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": CALLBACK,
    }
    endpoint = metadata["token_endpoint"]
    without = requests.post(endpoint, form, timeout=30)
    assert (without.status_code, without.json()["error"]) == (400, "invalid_dpop_proof")
    token = requests.post(endpoint, form, headers={"DPoP": holder.proof("POST", endpoint)}, timeout=30).json()
    access = token["access_token"]
    assert token["token_type"] == "DPoP"
    proof = holder.proof("GET", f"{site}{ORDERS}", access)
    assert orders(site, access, Authorization=f"DPoP {access}", DPoP=proof) == 200
    assert orders(site, access) == 401
    forged = Holder().proof("GET", f"{site}{ORDERS}", access)
    assert orders(site, access, Authorization=f"DPoP {access}", DPoP=forged) == 401
