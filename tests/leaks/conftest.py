"""A GitHub that signs alerts, and what was told of a leak."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from django_apiaccess.events.models import Event
from django_apiaccess.leaks import github_keys
from django_apiaccess.signals import user_notified

from .github import GitHub


@pytest.fixture
def leaks(settings: Any) -> Callable[..., None]:
    """`leaks(GITHUB=True)`: entries of the setting."""

    def use(**entries: Any) -> None:
        present = settings.API_ACCESS.get("LEAKS", {})
        settings.API_ACCESS = {**settings.API_ACCESS, "LEAKS": {**present, **entries}}

    return use


@pytest.fixture
def github(leaks: Callable[..., None]) -> Iterator[GitHub]:
    server = GitHub()
    leaks(GITHUB=True, GITHUB_KEYS_URL=server.url, GITHUB_ALLOW_HTTP=True, GITHUB_ALLOW_PRIVATE=True)
    github_keys.forget()
    yield server
    github_keys.forget()
    server.close()


@pytest.fixture
def send(db: None, github: GitHub, django_capture_on_commit_callbacks: Any) -> Callable[..., Any]:
    """`send(body)`: an alert, signed unless headers say otherwise."""

    def post(body: bytes, *, signature: str | None = None, kid: str | None = None, **headers: str) -> Any:
        headers.setdefault("HTTP_GITHUB_PUBLIC_KEY_IDENTIFIER", github.kid if kid is None else kid)
        headers.setdefault("HTTP_GITHUB_PUBLIC_KEY_SIGNATURE", github.sign(body) if signature is None else signature)
        with django_capture_on_commit_callbacks(execute=True):
            return APIClient().generic(
                "POST", "/access/leaks/github/", body, content_type="application/json", **headers
            )

    return post


@pytest.fixture
def report(db: None, django_capture_on_commit_callbacks: Any) -> Callable[..., Any]:
    """`report("ak_...")`: these texts, by somebody who found them."""

    def post(*tokens: Any, **extra: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return APIClient().post("/access/leaks/", {"tokens": list(tokens)}, format="json", **extra)

    return post


@pytest.fixture
def told() -> Iterator[list[tuple[str, str, dict[str, Any]]]]:
    """Who was notified of what: `(user name, kind, context)`."""
    found: list[tuple[str, str, dict[str, Any]]] = []

    def note(user: Any, kind: str, context: dict[str, Any], **_kwargs: Any) -> None:
        found.append((user.get_username(), kind, context))

    user_notified.connect(note)
    yield found
    user_notified.disconnect(note)


def leak_events() -> list[Event]:
    return list(Event.objects.filter(action="credential.leaked").order_by("pk"))
