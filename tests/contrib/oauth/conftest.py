"""An authorization server with people and clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from django_apiaccess.contrib.oauth import clients
from django_apiaccess.contrib.oauth.clients import Registered

from .flow import CALLBACK, ISSUER

SCOPES = ["docs:read", "docs:write", "openid", "profile", "email"]


@pytest.fixture(autouse=True)
def _issuer(settings: Any) -> None:
    settings.API_ACCESS = {
        **settings.API_ACCESS,
        "ISSUER": ISSUER,
        "OAUTH": {"RESOURCES": ["https://files.example/", "https://mail.example/"]},
    }


@pytest.fixture
def oauth(settings: Any) -> Callable[..., None]:
    """`oauth(PAR_REQUIRED=True)`: changes entries of `API_ACCESS["OAUTH"]` for this test."""

    def change(**entries: Any) -> None:
        given = settings.API_ACCESS
        settings.API_ACCESS = {**given, "OAUTH": {**given.get("OAUTH", {}), **entries}}

    return change


@pytest.fixture
def ann(make_user: Any) -> Any:
    """Holds what clients ask for."""
    return make_user("ann", "docs:read", "docs:write", email="ann@example.org", first_name="Ann", last_name="Lee")


@pytest.fixture
def register(db: None, operator: Any) -> Callable[..., Registered]:
    """`register(auth_method="none")`: a client of the code grant that may refresh."""

    def make(**fields: Any) -> Registered:
        given = {
            "name": "Reader",
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "scopes": SCOPES,
            "auth_method": "client_secret_basic",
            **fields,
        }
        return clients.create(by=operator, **given)

    return make


@pytest.fixture
def public(register: Any) -> Registered:
    """A client without a secret."""
    return register(name="Phone", auth_method="none")


@pytest.fixture
def confidential(register: Any) -> Registered:
    """A client with a secret, in the Authorization header."""
    return register()
