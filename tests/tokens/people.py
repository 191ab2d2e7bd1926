"""Logging in over HTTP as a person does, and what their tokens open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rest_framework.test import APIClient

PASSWORD = "secret"
PATH = "/read-only/"


@dataclass
class Pair:
    """An access and a refresh token."""

    access: str
    refresh: str
    body: dict[str, Any]

    @property
    def opens(self) -> int:
        """The status of a request with the access token."""
        return bearer(self.access).get(PATH).status_code


def bearer(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def log_in(username: str = "ann", password: str = PASSWORD, *, address: str = "127.0.0.1", **fields: Any) -> Pair:
    data = {"username": username, "password": password, **fields}
    answer = APIClient(REMOTE_ADDR=address).post("/access/token/", data)
    assert answer.status_code == 200, answer.content
    return pair(answer)


def pair(answer: Any) -> Pair:
    body = answer.json()
    return Pair(body["access_token"], body["refresh_token"], body)


def refreshed(text: str, *, address: str = "127.0.0.1", **fields: Any) -> Any:
    """The answer to a refresh."""
    return APIClient(REMOTE_ADDR=address).post("/access/token/refresh/", {"refresh_token": text, **fields})


def refresh(text: str, **fields: Any) -> Pair:
    """A refresh that must succeed."""
    answer = refreshed(text, **fields)
    assert answer.status_code == 200, answer.content
    return pair(answer)
