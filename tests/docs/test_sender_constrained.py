"""The client of the page on sender-constrained credentials works as it stands there."""

from __future__ import annotations

import json
from typing import Any

from rest_framework.test import APIClient

from django_apiaccess.keys.binding import thumbprint_of

from .pages import DOCS, blocks

URL = "http://testserver/read-only/"
LOGIN = "http://testserver/access/token/"


def till() -> dict[str, Any]:
    shown = next(block for block in blocks(DOCS / "how-to/sender-constrained.md") if block.file == "till.py")
    namespace: dict[str, Any] = {}
    exec(compile(shown.text, str(shown), "exec"), namespace)  # the pages are ours
    return namespace


def get(headers: dict[str, str]) -> Any:
    return APIClient().get("/read-only/", headers=headers)


def test_its_api_key_opens_with_its_proofs_and_not_without(make_user: Any, make_key: Any) -> None:
    client = till()
    key = make_key(make_user("mara", "docs:read"), "docs:read", dpop_jkt=thumbprint_of(json.dumps(client["public"])))
    headers = client["headers"]("GET", URL, key.text)
    assert [get(headers).status_code for _request in range(2)] == [200, 401]
    assert get(client["headers"]("GET", URL, key.text)).status_code == 200
    assert get({"Authorization": f"Api-Key {key.text}"}).status_code == 401


def test_it_logs_in_also_where_nonces_are_demanded(settings: Any, make_user: Any) -> None:
    make_user("mara", "docs:read")
    client = till()
    settings.API_ACCESS = {**settings.API_ACCESS, "DPOP": {"NONCE": True, "REQUIRED": True}}
    data = {"username": "mara", "password": "secret"}
    asked = APIClient().post("/access/token/", data, headers={"DPoP": client["proof"]("POST", LOGIN)})
    assert (asked.status_code, asked.json()["code"]) == (400, "use_dpop_nonce")
    nonce = asked["DPoP-Nonce"]
    tokens = (
        APIClient().post("/access/token/", data, headers={"DPoP": client["proof"]("POST", LOGIN, nonce=nonce)}).json()
    )
    assert tokens["token_type"] == "DPoP"
    proof = client["proof"]("GET", URL, tokens["access_token"], nonce)
    assert get({"Authorization": f"DPoP {tokens['access_token']}", "DPoP": proof}).status_code == 200
