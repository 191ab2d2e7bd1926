"""What a credential kind is, and which kinds there are.

To add one: a folder with a class of this contract in `credential.py`, its dotted path in `KINDS`, its name in
`CREDENTIAL_KINDS` of `conf.table`. `tests/conformance` holds what every kind must keep.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Protocol

from django.utils.module_loading import import_string

from ..conf import access_settings
from ..core.access import Access
from ..events.source import Where


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential as it stands in a header. `scheme` is lower-case; `value` is secret and stays out of the repr."""

    scheme: str
    value: str

    def __repr__(self) -> str:
        return f"Presented({self.scheme!r}, …)"


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from, as far as credentials may be bound to it."""

    where: Where
    origin: str = ""
    request: Any = field(default=None, repr=False, compare=False)
    """The Django request, for what must hand it on (password back-ends)."""

    @property
    def address(self) -> str | None:
        """The address in its normal form; None when it is not known."""
        return self.where.address


class CredentialKind(Protocol):
    """One kind of credential that comes in a header."""

    name: str
    challenge: str

    def recognises(self, presented: Presented) -> bool:
        """Whether the form of the header says that it is of this kind. No I/O."""

    def authenticate(self, presented: Presented, client: Client) -> Access:
        """The access that the credential gives. Raises `InvalidCredential`."""


KINDS: Final[dict[str, str]] = {
    "api_key": "django_apiaccess.keys.credential.APIKeyKind",
    "legacy_jwt": "django_apiaccess.contrib.simplejwt.credential.LegacyJWTKind",
    "jwt": "django_apiaccess.tokens.credential.JWTKind",
    "basic": "django_apiaccess.passwords.credential.BasicKind",
    "dot": "django_apiaccess.contrib.dot.credential.DOTKind",
}
"""Header kinds by name, in the order in which they are asked. A session is no header: `authentication` knows it. `legacy_jwt` is nothing
that a project lists: it comes with `jwt` where the setting `LEGACY_JWT` is made. `dot` comes with the setting `DOT`, and stands last: its
tokens have no form of their own.
"""


@lru_cache(maxsize=8)
def _enabled(names: tuple[str, ...]) -> tuple[CredentialKind, ...]:
    return tuple(import_string(path)() for name, path in KINDS.items() if name in names)


def enabled_kinds() -> tuple[CredentialKind, ...]:
    """The header kinds that the project enabled, in order."""
    names = access_settings.CREDENTIALS
    if access_settings.LEGACY_JWT and "jwt" in names:
        names = (*names, "legacy_jwt")
    if access_settings.DOT:
        names = (*names, "dot")
    return _enabled(names)


def kind(name: str) -> Any:
    """One kind by name, enabled or not."""
    return _enabled((name,))[0]
