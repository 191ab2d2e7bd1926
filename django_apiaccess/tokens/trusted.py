"""An entry of `TRUSTED_ISSUERS`, read strictly: what is missing or odd in it is an error, never a looser check of tokens."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from ..core.claims import Expectation
from ..core.durations import duration
from . import jws

TYPES: Final = ("at+jwt", "jwt")
"""`jwt` because Keycloak, Auth0 and Entra ID say so by default; narrow it where the issuer speaks RFC 9068."""
CLIENT_CLAIMS: Final = ("client_id", "azp", "appid")
LONGEST: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """One entry of `TRUSTED_ISSUERS`."""

    issuer: str
    audience: tuple[str, ...]
    algorithms: tuple[str, ...] = ("RS256",)
    jwks_uri: str | None = None
    types: tuple[str, ...] = TYPES
    user: str = "linked"
    scopes: Mapping[str, str] | str = field(default_factory=dict)
    roles: Mapping[str, str] | str = field(default_factory=dict)
    client_claims: tuple[str, ...] = CLIENT_CLAIMS
    max_lifetime: timedelta = LONGEST
    allow_private: bool = False
    allow_http: bool = False

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> TrustedIssuer:
        """From the setting. Raises `ValueError` that says what is wrong (a system check shows it)."""
        _check_names(entry)
        issuer = entry.get("issuer")
        if not isinstance(issuer, str) or not issuer:
            raise ValueError("'issuer' must be the issuer's exact iss")
        try:
            return cls(
                issuer=issuer,
                audience=_audience(entry),
                algorithms=_algorithms(entry),
                jwks_uri=_jwks_uri(entry),
                types=tuple(kind.lower().removeprefix("application/") for kind in _list(entry, "types", TYPES)),
                user=_user(entry),
                scopes=_map(entry, "scopes"),
                roles=_map(entry, "roles"),
                client_claims=_list(entry, "client_claims", CLIENT_CLAIMS),
                max_lifetime=_lifetime(entry),
                allow_private=_switch(entry, "allow_private"),
                allow_http=_switch(entry, "allow_http"),
            )
        except ValueError as error:
            raise ValueError(f"{issuer}: {error}") from None

    def expectation(self) -> Expectation:
        """What its tokens must say."""
        needed = ("iss", "aud", "sub", "exp")
        return Expectation(self.issuer, self.audience, self.types, required=needed, max_lifetime=self.max_lifetime)


FIELDS: Final = frozenset(TrustedIssuer.__dataclass_fields__)


def texts(value: Any) -> tuple[str, ...]:
    """One text, or a list of texts; empty for anything else."""
    items = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple | set) else ()
    return items if all(isinstance(item, str) and item for item in items) else ()


def _check_names(entry: Mapping[str, Any]) -> None:
    unknown = set(entry) - FIELDS
    if unknown:
        wrong = min(map(str, unknown))
        near = difflib.get_close_matches(wrong, FIELDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"entries: {', '.join(sorted(FIELDS))}"
        raise ValueError(f"unknown entry {wrong!r}; {hint}")


def _audience(entry: Mapping[str, Any]) -> tuple[str, ...]:
    found = texts(entry.get("audience"))
    if not found:
        raise ValueError("'audience' must name this API as the issuer does; without it tokens for others would pass")
    return found


def _algorithms(entry: Mapping[str, Any]) -> tuple[str, ...]:
    found = texts(entry.get("algorithms", ("RS256",)))
    if not found or not jws.VERIFIABLE.issuperset(found):
        raise ValueError(f"'algorithms' must be among {', '.join(sorted(jws.VERIFIABLE))}")
    return found


def _jwks_uri(entry: Mapping[str, Any]) -> str | None:
    schemes = ("https://", "http://") if entry.get("allow_http") is True else ("https://",)
    uri = entry.get("jwks_uri")
    if uri is None and not entry["issuer"].startswith(schemes):
        raise ValueError("without 'jwks_uri' the issuer must be an https URL, for discovery")
    if uri is not None and not (isinstance(uri, str) and uri.startswith(schemes)):
        raise ValueError("'jwks_uri' must be https")
    return uri


def _list(entry: Mapping[str, Any], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    found = texts(entry.get(name, default))
    if not found:
        raise ValueError(f"{name!r} must be a list of texts")
    return found


def _user(entry: Mapping[str, Any]) -> str:
    found = entry.get("user", "linked")
    if not isinstance(found, str) or not (found == "linked" or "." in found):
        raise ValueError("'user' must be 'linked' or the dotted path of a function (claims) -> user or None")
    return found


def _map(entry: Mapping[str, Any], name: str) -> Mapping[str, str] | str:
    found = entry.get(name, {})
    if isinstance(found, Mapping) and all(isinstance(item, str) for pair in found.items() for item in pair):
        return found
    if isinstance(found, str) and "." in found:
        return found
    raise ValueError(f"{name!r} must be a dict of their names to ours, or the dotted path of a function")


def _lifetime(entry: Mapping[str, Any]) -> timedelta:
    try:
        return duration(entry.get("max_lifetime", LONGEST))
    except (ValueError, TypeError, AttributeError):
        raise ValueError("'max_lifetime' must be a timedelta or a text as '24h'") from None


def _switch(entry: Mapping[str, Any], name: str) -> bool:
    found = entry.get(name, False)
    if not isinstance(found, bool):
        raise ValueError(f"{name!r} must be True or False")  # noqa: TRY004 - read raises one kind of error
    return found
