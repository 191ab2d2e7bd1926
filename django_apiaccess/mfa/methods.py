"""What a method of authentication is, and which methods there are. One module a method; this is their contract and their list."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Protocol

from django.utils.module_loading import import_string

from ..conf import access_settings
from .models import MFAChallenge


@dataclass(frozen=True, slots=True)
class FactorRef:
    """A factor of somebody, as lists and choices show it. `device` is its row."""

    id: str
    type: str
    name: str
    hint: str = ""
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    device: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Proven:
    """A factor proved right: how (RFC 8176), how strongly, and for whom when that was not known before (a passkey alone)."""

    amr: tuple[str, ...]
    acr: str
    user: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: a code, or the browser's answer to a WebAuthn request. The request, for what must look at its host."""

    code: str = field(default="", repr=False)
    credential: dict[str, Any] | None = field(default=None, repr=False)
    request: Any = field(default=None, repr=False)


class Method(Protocol):
    """One way to prove a factor."""

    type: str

    def available(self) -> bool:
        """Whether the project has what the method needs."""

    def factors(self, user: Any) -> list[FactorRef]:
        """The confirmed factors of the user."""

    def begin(self, challenge: MFAChallenge, factor: FactorRef | None, request: Any) -> dict[str, Any]:
        """Send a code, or make the options for the browser; what it returns goes to the client. Raises `MFAError`."""

    def verify(self, challenge: MFAChallenge, factor: FactorRef | None, response: Response) -> Proven | None:
        """What the response proves, used up by it; None when it is wrong. Conditional updates: of parallel tries one wins."""

    def remove(self, factor: FactorRef) -> None:
        """Take the factor away."""

    def rename(self, factor: FactorRef, name: str) -> None:
        """Give the factor another name."""


METHODS: Final[dict[str, str]] = {
    "totp": "django_apiaccess.mfa.totp.TOTPMethod",
    "webauthn": "django_apiaccess.mfa.webauthn.WebAuthnMethod",
    "sms": "django_apiaccess.mfa.sms_codes.SMSMethod",
    "recovery": "django_apiaccess.mfa.recovery.RecoveryMethod",
}
"""In the order in which a person is offered them."""


@lru_cache(maxsize=8)
def _method(name: str) -> Any:
    return import_string(METHODS[name])()


def enabled_methods() -> list[Method]:
    """The methods of `MFA["METHODS"]` (None: all) that the project has what it takes for."""
    names = access_settings.MFA["METHODS"]
    wanted = [name for name in METHODS if names is None or name in names]
    return [method for method in map(_method, wanted) if method.available()]


def method_named(name: str) -> Method | None:
    """An enabled method by its type."""
    return next((method for method in enabled_methods() if method.type == name), None)


def factors_of(user: Any) -> list[FactorRef]:
    """What the user can prove: the confirmed factors of all enabled methods."""
    return [factor for method in enabled_methods() for factor in method.factors(user)]
