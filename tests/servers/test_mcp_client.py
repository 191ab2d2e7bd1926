"""An agent's client, that of the Model Context Protocol's SDK: from a 401 to a call that works, without anybody having registered it."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from .conftest import end
from .processes import ORDERS, Server, environment, free_port
from .test_oauth_clients import Person

auth = pytest.importorskip("mcp.client.auth", reason="needs the package mcp")

BACK = "http://127.0.0.1:33418/callback"
SCOPES = ["orders:read", "orders:write"]


@pytest.fixture(scope="module")
def site(shell, database):
    """The address of a server at which clients may register themselves."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = ("example_project/manage.py", "runserver", "--noreload", f"127.0.0.1:{port}")
    registration = json.dumps({"OAUTH": {"REGISTRATION": "open", "REGISTRATION_SCOPES": SCOPES}})
    names = {"ISSUER": address, "AUDIENCE": f"{address}/api/"}
    settings = json.dumps({**json.loads(registration), **names})
    env = environment(**database, ISSUER=address, PORT=str(port), API_ACCESS=settings)
    server = Server(env, command, port).start()
    yield server.ready() and address
    end([server])


class Kept:
    """Where the SDK keeps what it was given."""

    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def test_an_agent_goes_from_a_challenge_to_a_call_by_metadata_registration_consent_and_pkce(site, shell):
    import httpx2
    from mcp.shared.auth import OAuthClientMetadata

    person, kept, returned = Person(shell, site), Kept(), {}

    async def at_the_browser(url):
        returned["to"] = await asyncio.to_thread(person.answer, url)

    async def came_back():
        query = parse_qs(urlsplit(returned["to"]).query)
        return auth.AuthorizationCodeResult(code=query["code"][0], state=query["state"][0], iss=query["iss"][0])

    told = OAuthClientMetadata(
        client_name="An agent",
        redirect_uris=[BACK],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )

    async def go():
        provider = auth.OAuthClientProvider(f"{site}{ORDERS}", told, kept, at_the_browser, came_back)
        async with httpx2.AsyncClient(auth=provider, timeout=30) as client:
            return [(await client.get(f"{site}{ORDERS}")).status_code for _call in range(2)]

    assert asyncio.run(go()) == [200, 200]
    assert "orders:read" in kept.tokens.scope.split()
    assert kept.client.client_id.startswith("app_")
