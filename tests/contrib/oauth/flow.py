"""Going through the flows over HTTP, as a client and as a person in a browser."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.test import Client

ISSUER = "https://testserver"
CALLBACK = "https://app.example/callback"
AUTHORIZE = "/oauth/authorize/"
TOKEN = "/oauth/token/"
PATH = "/read-only/"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Pkce:
    """A verifier and its challenge."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def browser(user: Any = None, **options: Any) -> Client:
    """A browser; with a user it is logged in, by the password."""
    client = Client(**options)
    if user is not None:
        assert client.login(username=user.get_username(), password="secret")
    return client


def basic(registered: Any, secret: str | None = None) -> dict[str, str]:
    """The Authorization header of a client with a secret."""
    pair = f"{registered.client.client_id}:{registered.secret if secret is None else secret}"
    return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(pair.encode()).decode()}


def post(path: str, data: Any, registered: Any = None, **headers: Any) -> Any:
    """A form, as the client: by its secret where it has one, else by its id."""
    data = dict(data) if isinstance(data, dict) else list(data)
    if registered is not None:
        if registered.secret:
            headers = {**basic(registered), **headers}
        elif isinstance(data, dict):
            data.setdefault("client_id", registered.client.client_id)
    pairs = data.items() if isinstance(data, dict) else data
    return Client().post(path, urlencode(list(pairs)), content_type=FORM, **headers)


def parameters(registered: Any, pkce: Pkce, **more: Any) -> dict[str, str]:
    """The parameters of an authorization request; None leaves one out."""
    given = {
        "response_type": "code",
        "client_id": registered.client.client_id,
        "redirect_uri": CALLBACK,
        "scope": "docs:read",
        "state": "xyz",
        "code_challenge": pkce.challenge,
        "code_challenge_method": "S256",
        **more,
    }
    return {name: value for name, value in given.items() if value is not None}


def url(registered: Any, pkce: Pkce, **more: Any) -> str:
    return f"{AUTHORIZE}?{urlencode(parameters(registered, pkce, **more))}"


def returned(response: Any) -> dict[str, str]:
    """The parameters with which the browser is sent back."""
    assert response.status_code in {302, 303}, response.content
    return dict(parse_qsl(urlsplit(response["Location"]).query, keep_blank_values=True))


def allow(client: Client, address: str, decision: str = "allow") -> Any:
    """Open the page and press the button; the answer."""
    shown = client.get(address)
    if shown.status_code != 200:
        return shown
    return client.post(address, {"decision": decision, "shown": shown.context["shown"]})


def code_for(user: Any, registered: Any, pkce: Pkce, **more: Any) -> str:
    """A code that the user gave."""
    answer = returned(allow(browser(user), url(registered, pkce, **more)))
    assert "code" in answer, answer
    return answer["code"]


def exchange(registered: Any, code: str, pkce: Pkce, *, headers: dict[str, str] | None = None, **more: Any) -> Any:
    """The answer to a code."""
    data = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": pkce.verifier,
        **more,
    }
    return post(
        TOKEN, {name: value for name, value in data.items() if value is not None}, registered, **(headers or {})
    )


def tokens_for(user: Any, registered: Any, **more: Any) -> dict[str, Any]:
    """What a client has after the whole flow."""
    pkce = Pkce()
    answer = exchange(registered, code_for(user, registered, pkce, **more), pkce)
    assert answer.status_code == 200, answer.content
    return answer.json()


def opens(access_token: str, path: str = PATH) -> int:
    """The status of a request with the token."""
    return Client().get(path, HTTP_AUTHORIZATION=f"Bearer {access_token}").status_code


def refresh(registered: Any, text: str, **more: Any) -> Any:
    return post(TOKEN, {"grant_type": "refresh_token", "refresh_token": text, **more}, registered)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified."""
    import json

    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
