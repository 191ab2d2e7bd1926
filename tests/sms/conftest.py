"""Servers of providers, and the proof that nothing of a message gets into a log or an error."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from django_apiaccess.sms import SMSError, SMSGateway
from django_apiaccess.sms.locmem import outbox

from .provider import Provider

NUMBER = "+31612345678"
CODE = "481516"
BODY = f"Your code is {CODE}. Give it to nobody: not even to us. Ünïcödé €"
TELLING = (CODE, NUMBER, NUMBER[1:], "612345678", "very-secret-token")
"""What must be nowhere: the code, the number in each of its forms, and the password of the account."""


@pytest.fixture(autouse=True)
def _outbox() -> Iterator[None]:
    outbox.clear()
    yield
    outbox.clear()


@pytest.fixture(autouse=True)
def nothing_is_told(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After each test: no record of any logger, at any level, tells anything."""
    caplog.set_level(1)
    yield
    for record in caplog.get_records("call"):
        told = f"{record.getMessage()} {record.msg!r} {record.args!r} {record.exc_text} {record.exc_info}"
        for telling in TELLING:
            assert telling not in told, f"{record.name} tells {telling}"


def refused(gateway: SMSGateway, to: str = NUMBER) -> SMSError:
    """The error of sending; nothing of the message or the number is in it, in what it came from, or in its traceback."""
    with pytest.raises(SMSError) as caught:
        gateway.send(to, BODY, purpose="login")
    error: BaseException | None = caught.value
    written = "".join(traceback.format_exception(caught.value)) + repr(gateway) + repr(vars(caught.value))
    while error is not None:
        written += f"{error} {error!r} {error.args}"
        error = error.__cause__ or error.__context__
    for telling in TELLING:
        assert telling not in written
    return caught.value


@pytest.fixture
def make_provider() -> Iterator[Callable[..., Provider]]:
    made: list[Provider] = []

    def make(**options: Any) -> Provider:
        made.append(Provider(**options))
        return made[-1]

    yield make
    for provider in made:
        provider.close()


@pytest.fixture
def provider(make_provider: Callable[..., Provider]) -> Provider:
    return make_provider()


@pytest.fixture
def mfa(settings: Any) -> Callable[..., None]:
    """`mfa(SMS_COUNTRIES=["NL"])`: entries of `API_ACCESS["MFA"]` for this test."""

    def change(**entries: Any) -> None:
        before = settings.API_ACCESS.get("MFA", {})
        settings.API_ACCESS = {**settings.API_ACCESS, "MFA": {**before, **entries}}

    return change
