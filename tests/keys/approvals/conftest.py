"""People of the four-eyes rule, and the policy that makes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.adminkit import allow

KEYS = "/access/keys/"
REQUESTS = "/access/keys/requests/"
WHY = "Nightly clean-up of old documents"


@pytest.fixture
def policy(settings: Any) -> Callable[..., None]:
    """`policy(SCOPES=["docs:delete"])`: sets `API_ACCESS["APPROVALS"]`."""

    def change(**entries: Any) -> None:
        settings.API_ACCESS = {**settings.API_ACCESS, "APPROVALS": entries}

    return change


@pytest.fixture(autouse=True)
def _guarded(policy: Callable[..., None]) -> None:
    policy(SCOPES=["docs:delete"])


@pytest.fixture
def ann(make_user: Any) -> Any:
    """Who asks."""
    return make_user("ann", "docs:write", "docs:delete", "reports:read", email="ann@example.com")


@pytest.fixture
def bob(make_user: Any) -> Any:
    """Who decides, and holds what is asked for."""
    return allow(make_user("bob", "docs:delete", "docs:write", email="bob@example.com"), "approve_keyrequest")


@pytest.fixture
def session_of() -> Callable[[Any], APIClient]:
    """`session_of(ann)`: ann's browser, logged in."""

    def make(user: Any) -> APIClient:
        client = APIClient()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


@pytest.fixture
def ask(session_of: Any) -> Callable[..., Any]:
    """`ask(ann, scopes=[...])`: the answer to her POST."""

    def post(user: Any, **fields: Any) -> Any:
        given = {"name": "cleaner", "scopes": ["docs:delete"], "justification": WHY, **fields}
        return session_of(user).post(KEYS, given)

    return post


@pytest.fixture
def requested(ask: Any, ann: Any) -> int:
    """The id of a request of ann's that waits."""
    answer = ask(ann)
    assert answer.status_code == 202, answer.content
    return int(answer.json()["id"])
