"""A log-in, a clock that can be moved, and a count of the hashes that were worked out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.passwords.memory import memory

TOKEN = "/access/token/"


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    memory.clear()


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were hashed, one entry a hash."""
    seen: list[str] = []
    encode = MD5PasswordHasher.encode

    def note(self: Any, password: str, salt: str) -> str:
        seen.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", note)
    return seen


class Clock:
    """Time as the app sees it, moved by hand."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("django.utils.timezone.now", lambda: made.now)
    return made


@pytest.fixture
def log_in() -> Callable[..., Any]:
    """`log_in("ann", "secret", address="198.51.100.1")`: the answer of the token endpoint."""

    def post(username: Any = "ann", password: Any = "secret", address: str = "198.51.100.1") -> Any:
        body = json.dumps({"username": username, "password": password})  # half a surrogate pair stays an escape
        return APIClient().post(TOKEN, body, content_type="application/json", REMOTE_ADDR=address)

    return post


@pytest.fixture
def basic(settings: Any) -> Callable[..., Any]:
    """Enables Basic. `basic("ann", "secret")`: the answer of a view to a request over TLS."""
    settings.API_ACCESS = {**settings.API_ACCESS, "CREDENTIALS": ["api_key", "jwt", "session", "basic"]}

    def get(
        username: str = "ann", password: str = "secret", *, path: str = "/read-only/", address: str = "198.51.100.1"
    ) -> Any:
        return basic_get(f"{username}:{password}".encode(), path=path, address=address)

    return get


def basic_get(pair: bytes, *, path: str = "/read-only/", secure: bool = True, address: str = "198.51.100.1") -> Any:
    """A request with these bytes as its Basic credential."""
    header = "Basic " + base64.b64encode(pair).decode()
    return APIClient().get(path, secure=secure, REMOTE_ADDR=address, HTTP_AUTHORIZATION=header)
