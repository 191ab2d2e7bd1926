"""Fixtures of the tests of second factors, here and in tests/login: each conftest takes them in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from django_apiaccess.mfa.models import SMSFactor, TOTPFactor
from django_apiaccess.sms.locmem import outbox

from .factors import Clock, app_of, phone_of

LOCMEM = "django_apiaccess.sms.locmem.LocMemGateway"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the app."""
    made = Clock()
    monkeypatch.setattr("django.utils.timezone.datetime", made.of_django())
    monkeypatch.setattr(time, "time", made.time)
    return made


@pytest.fixture
def mfa(settings: Any) -> Callable[..., None]:
    """`mfa(GRACE="3d")`: changes entries of `API_ACCESS["MFA"]` for this test."""

    def change(**entries: Any) -> None:
        now = settings.API_ACCESS
        settings.API_ACCESS = {**now, "MFA": {**now.get("MFA", {}), **entries}}

    return change


@pytest.fixture
def sms(mfa: Callable[..., None]) -> Iterator[list[Any]]:
    """Text messages are on, and end up in this list."""
    mfa(SMS_GATEWAY=LOCMEM, SMS_COOLDOWN="0s")
    outbox.clear()
    yield outbox
    outbox.clear()


@pytest.fixture
def ann(make_user: Callable[..., Any]) -> Any:
    """Somebody with an e-mail address."""
    return make_user("ann", "docs:read", "docs:write", email="ann@example.org")


@pytest.fixture
def bob(make_user: Callable[..., Any]) -> Any:
    return make_user("bob", "docs:read")


@pytest.fixture
def app(clock: Clock, ann: Any) -> TOTPFactor:
    """Ann's authenticator app."""
    return app_of(ann)


@pytest.fixture
def phone(clock: Clock, ann: Any, sms: list[Any]) -> SMSFactor:
    """Ann's phone."""
    return phone_of(ann)
