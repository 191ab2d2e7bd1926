"""Registered claims (RFC 7519, RFC 9068), checked for type and time after the signature. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from .compact import TokenFormatError
from .jwk import THUMBPRINT

PRINTABLE: Final = re.compile(r"[!-~]{1,255}")
SCOPE: Final = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")
LATEST: Final = 10**12
"""In seconds since 1970: beyond every calendar."""
TOKEN_TYPES: Final = frozenset({"at+jwt"})
ONLY_IN_OTHER_TOKENS: Final = ("nonce", "at_hash", "c_hash", "s_hash", "events")
"""Claims of ID tokens (OpenID Connect Core), and of logout and security event tokens (RFC 8417): an access token with one of them is none
(RFC 8725 section 3.12)."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a verified token of one issuer must say."""

    issuer: str
    audiences: Collection[str]
    types: Collection[str] = TOKEN_TYPES
    required: Collection[str] = ("iss", "aud", "sub", "exp", "iat", "jti", "client_id")
    max_lifetime: timedelta = timedelta(hours=24)
    leeway: timedelta = timedelta(seconds=30)


def check(typ: str, claims: dict[str, Any], expected: Expectation, now: float) -> None:
    """Raise `TokenFormatError` with the first thing that is wrong."""
    if typ not in expected.types:
        raise TokenFormatError(f"typ {ascii(typ[:40]) if typ else 'missing'} is not accepted here")
    check_kind(claims)
    missing = [name for name in expected.required if name not in claims]
    if missing:
        raise TokenFormatError(f"claim {missing[0]} is missing")
    if claims.get("iss") != expected.issuer:
        raise TokenFormatError("iss is another issuer")
    check_audience(claims.get("aud"), expected.audiences)
    for name in ("sub", "jti", "client_id", "sid"):
        if name in claims and not (isinstance(claims[name], str) and PRINTABLE.fullmatch(claims[name])):
            raise TokenFormatError(f"{name} is not a short printable text")
    scope = claims.get("scope", "")
    if scope != "" and not (isinstance(scope, str) and SCOPE.fullmatch(scope)):
        raise TokenFormatError("scope is not a list of words separated by single spaces")
    check_times(claims, expected, now)


def check_kind(claims: dict[str, Any]) -> None:
    """Refuse what the same keys sign for other ends: ID, refresh and logout tokens. Providers that give all of them the header `typ: JWT`
    say it in the claims: Keycloak in `typ`, Amazon Cognito in `token_use`.
    """
    foreign = next((name for name in ONLY_IN_OTHER_TOKENS if name in claims), None)
    if foreign is not None:
        raise TokenFormatError(f"a token with {foreign} is no bearer access token")
    kinds = ("Bearer", "DPoP") if bound_key(claims) else ("Bearer",)
    if claims.get("typ", "Bearer") not in kinds or claims.get("token_use", "access") != "access":
        raise TokenFormatError("the claims say that it is no access token")


def bound_key(claims: dict[str, Any]) -> str:
    """The thumbprint of the key that a token is bound to (`cnf.jkt`, RFC 9449 section 6.1); empty for a token of whoever bears it.

    Raises `TokenFormatError` for any other confirmation (RFC 7800): what we cannot ask for, we cannot find confirmed.
    """
    if "cnf" not in claims:
        return ""
    cnf = claims["cnf"]
    if not isinstance(cnf, dict) or cnf.keys() != {"jkt"}:
        raise TokenFormatError("cnf asks for a confirmation that is not known here")
    if not (isinstance(cnf["jkt"], str) and THUMBPRINT.fullmatch(cnf["jkt"])):
        raise TokenFormatError("cnf.jkt is no SHA-256 thumbprint")
    return str(cnf["jkt"])


def check_audience(audience: Any, wanted: Collection[str]) -> None:
    """`aud` must be one text or a list of texts, with one of `wanted` among them (RFC 7519 section 4.1.3)."""
    given = [audience] if isinstance(audience, str) else audience
    if not isinstance(given, list) or not given or not all(isinstance(item, str) for item in given):
        raise TokenFormatError("aud is neither a text nor a list of texts")
    if not any(item in wanted for item in given):
        raise TokenFormatError("aud is another audience")


def check_times(claims: dict[str, Any], expected: Expectation, now: float) -> None:
    """`exp`, `iat` and `nbf`: JSON numbers, in order, within the leeway and the longest lifetime."""
    exp, iat = number(claims, "exp"), number(claims, "iat")
    nbf = number(claims, "nbf")
    leeway, longest = expected.leeway.total_seconds(), expected.max_lifetime.total_seconds()
    if exp is None:
        raise TokenFormatError("exp is missing")
    if now >= exp + leeway:
        raise TokenFormatError("expired")
    if exp > now + longest + leeway:
        raise TokenFormatError("exp is too far away")
    if nbf is not None and now < nbf - leeway:
        raise TokenFormatError("not valid yet")
    if nbf is not None and nbf > exp:
        raise TokenFormatError("never valid: nbf is after exp")
    if iat is not None:
        if iat > now + leeway:
            raise TokenFormatError("issued in the future")
        if iat < now - longest - leeway or exp - iat > longest or iat > exp:
            raise TokenFormatError("too old, or made to live too long")


def number(claims: dict[str, Any], name: str) -> float | None:
    """A NumericDate; None when the claim is absent. A truth value or a text is none."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenFormatError(f"{name} is no number")
    if not -LATEST < value < LATEST:  # NaN is not between either
        raise TokenFormatError(f"{name} is no moment")
    return float(value)
