"""Factors of people, the codes that they give, and the requests of whoever has them."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django_otp.oath import hotp
from rest_framework.test import APIClient

from django_apiaccess.mfa.models import SMSFactor, TOTPFactor
from django_apiaccess.sms.locmem import outbox

HOME = "198.51.100.1"
ELSEWHERE = "203.0.113.9"
SEED = b"12345678901234567890"
NUMBER = "+31612345678"
OTHER_NUMBER = "+31687654321"


class Clock:
    """Time as the app sees it, moved by hand. It begins in the middle of a step of authenticator apps, and early in an hour."""

    def __init__(self) -> None:
        self.now = (timezone.now() + timedelta(hours=1)).replace(minute=10, second=15, microsecond=0)

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)

    def next_code(self) -> None:
        """Wait until apps show another code."""
        self.pass_by(seconds=30)

    def time(self) -> float:
        return self.now.timestamp()

    def of_django(self) -> type[datetime]:
        """A `datetime` for `django.utils.timezone`, whose `now` is this clock's: also for what took `timezone.now` as a default."""
        clock = self

        class Datetime(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return clock.now.astimezone(tz) if tz else clock.now.astimezone().replace(tzinfo=None)

        return Datetime


def app_of(user: Any, *, confirmed: bool = True, seed: bytes = SEED, name: str = "App", **fields: Any) -> TOTPFactor:
    """An authenticator app."""
    device = TOTPFactor(user=user, name=name, confirmed=confirmed, **fields)
    device.seal(seed)
    device.save()
    return device


def phone_of(user: Any, number: str = NUMBER, *, confirmed: bool = True, name: str = "Phone") -> SMSFactor:
    """A phone that takes codes."""
    return SMSFactor.objects.create(user=user, name=name, number=number, country="NL", confirmed=confirmed)


def code_of(device: Any, steps: int = 0) -> str:
    """What the app shows now, or showed or will show `steps` away."""
    step = (int(time.time()) - device.t0) // device.step + steps
    return f"{hotp(device.bin_key, step, digits=device.digits):0{device.digits}d}"


def wrong_for(device: Any) -> str:
    """A code that the app shows at no time near now."""
    near = {code_of(device, steps) for steps in range(-12, 13)}
    return next(code for code in (f"{number:06d}" for number in range(1000)) if code not in near)


def sent_code() -> str:
    """The code of the message that was sent last."""
    found = re.match(r"(\d{6}) ", outbox[-1].body)
    assert found is not None, "the message does not begin with a code"
    return found[1]


def post(path: str, body: Any = None, *, address: str = HOME, token: str = "", **headers: Any) -> Any:
    """A request to an endpoint of ours, from an address, with an access token or without."""
    if token:
        headers["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return APIClient().post(f"/access/{path}", body or {}, REMOTE_ADDR=address, **headers)


def log_in(username: str = "ann", password: str = "secret", *, address: str = HOME, **body: Any) -> Any:
    """The answer to user name and password."""
    return post("token/", {"username": username, "password": password, **body}, address=address)


def pending(username: str = "ann", *, address: str = HOME, **body: Any) -> str:
    """The `mfa_token` of a log-in that waits for its second factor."""
    answer = log_in(username, address=address, **body)
    assert (answer.status_code, answer.json()["code"]) == (403, "mfa_required"), answer.content
    return str(answer.json()["mfa_token"])


def verify(mfa_token: str, method: str, code: Any = "", *, address: str = HOME, **body: Any) -> Any:
    """The answer to a second factor at log-in."""
    return post("token/mfa/verify/", {"mfa_token": mfa_token, "method": method, "code": code, **body}, address=address)


def send(mfa_token: str, method: str = "sms", *, address: str = HOME) -> Any:
    """The answer to asking for a code."""
    return post("token/mfa/challenge/", {"mfa_token": mfa_token, "method": method}, address=address)


def tokens(username: str = "ann", **body: Any) -> dict[str, Any]:
    """The tokens of a log-in with a password alone."""
    answer = log_in(username, **body)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def tokens_with(device: TOTPFactor, username: str = "ann", **body: Any) -> dict[str, Any]:
    """The tokens of a log-in with an authenticator app."""
    answer = verify(pending(username, **body), device.uid, code_of(device))
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def call(method: str, path: str, token: str, body: Any = None, **extra: Any) -> Any:
    """A request with an access token."""
    client = APIClient()
    headers = {"HTTP_AUTHORIZATION": f"Bearer {token}", "REMOTE_ADDR": HOME, **extra}
    return getattr(client, method)(path, *([] if body is None else [body]), **headers)


def me(token: str) -> dict[str, Any]:
    """What the API says of the token's access."""
    answer = call("get", "/access/me/", token)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def said(answer: Any) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["code"]
