"""What is insecure in `SIMPLE_JWT`, and what of it has nothing to become here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ...conf import of_another_package
from ...core.durations import humanise
from .options import HASHES, LENGTHS

BLACKLIST_APP = "rest_framework_simplejwt.token_blacklist"
LONG_ACCESS = timedelta(hours=1)
LONG_REFRESH = timedelta(days=90)
MOVED = "Moving to our endpoints mends it."


@dataclass(frozen=True, slots=True)
class Line:
    """One finding about the setting `name`."""

    name: str
    text: str
    hint: str = MOVED


def find_insecure(values: Mapping[str, Any]) -> Iterator[Line]:
    """Every insecure value of `SIMPLE_JWT`, with the way to mend it. `values` has every setting."""
    yield from _keys(values)
    yield from _lifetimes(values)
    yield from _revocation(values)
    for name in ("AUDIENCE", "ISSUER"):
        if not values[name]:
            yield Line(name, "is not set, so a token that another service signed with the same key passes here too.")
    if values["TOKEN_TYPE_CLAIM"] is None:
        yield Line("TOKEN_TYPE_CLAIM", "is None: a refresh token passes as an access token.")
    if values["JTI_CLAIM"] is None:
        yield Line("JTI_CLAIM", "is None: no token can be told from another, so none can be ended.")
    url = values["JWK_URL"]
    if url and not str(url).startswith("https://"):
        yield Line("JWK_URL", "is no https URL: whoever is on the way chooses the keys.", "Use https.")


def _keys(values: Mapping[str, Any]) -> Iterator[Line]:
    algorithm, key = values["ALGORITHM"], values["SIGNING_KEY"]
    if algorithm not in HASHES:
        return
    yield Line("ALGORITHM", f"{algorithm} is symmetric: every service that verifies tokens can make them.")
    raw = key.encode() if isinstance(key, str) else key if isinstance(key, bytes) else b""
    if len(raw) < LENGTHS[algorithm]:
        yield Line(
            "SIGNING_KEY",
            f"has {len(raw)} bytes, and {algorithm} needs {LENGTHS[algorithm]} (RFC 7518): tokens can be forged.",
            "Change it now. Tokens that were made under it are not accepted here either.",
        )
    if key == of_another_package("SECRET_KEY"):
        yield Line("SIGNING_KEY", "is SECRET_KEY: who has one has both, and neither can be changed without the other.")


def _lifetimes(values: Mapping[str, Any]) -> Iterator[Line]:
    access, refresh, leeway = (
        _length(values[name]) for name in ("ACCESS_TOKEN_LIFETIME", "REFRESH_TOKEN_LIFETIME", "LEEWAY")
    )
    if access is None or access > LONG_ACCESS:
        said = "is no length of time" if access is None else f"is {humanise(access)}"
        yield Line("ACCESS_TOKEN_LIFETIME", f"{said}: a stolen access token works as long, and nothing ends it.")
    if refresh is None or refresh > LONG_REFRESH:
        said = "is no length of time" if refresh is None else f"is {humanise(refresh)}"
        yield Line("REFRESH_TOKEN_LIFETIME", f"{said}: a stolen refresh token works as long.", "Make it 14 days.")
    if leeway is not None and leeway > timedelta(minutes=1):
        yield Line("LEEWAY", f"is {humanise(leeway)}: tokens live on that long after their end.", "Make it 10 seconds.")


def _revocation(values: Mapping[str, Any]) -> Iterator[Line]:
    if not values["ROTATE_REFRESH_TOKENS"]:
        yield Line(
            "ROTATE_REFRESH_TOKENS",
            "is off: nobody notices a stolen refresh token.",
            "Turn it on before the switch, and see that your clients keep the refresh token of every answer: here it is always on.",
        )
    elif not values["BLACKLIST_AFTER_ROTATION"] or BLACKLIST_APP not in (of_another_package("INSTALLED_APPS") or ()):
        yield Line(
            "BLACKLIST_AFTER_ROTATION", "is off, or its app is not installed: used refresh tokens go on working."
        )
    if not values["CHECK_REVOKE_TOKEN"]:
        yield Line("CHECK_REVOKE_TOKEN", "is off: a changed password ends no token.")
    else:
        yield Line("CHECK_REVOKE_TOKEN", "puts an MD5 of the password's hash into every token.")
    if not values["CHECK_USER_IS_ACTIVE"]:
        yield Line("CHECK_USER_IS_ACTIVE", "is off: users who are not active go on.", "Turn it on: here it always is.")


def find_not_carried(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[Line]:
    """Settings that the project changed and that have nothing to become here."""
    types = values["AUTH_HEADER_TYPES"]
    others = [name for name in ([types] if isinstance(types, str) else types) if str(name).lower() != "bearer"]
    if others:
        yield Line("AUTH_HEADER_TYPES", f"clients that send {others[0]!r} are not read.", "They must send Bearer.")
    if values["AUTH_HEADER_NAME"] != defaults["AUTH_HEADER_NAME"]:
        yield Line("AUTH_HEADER_NAME", "another header than Authorization is not read.", "Clients must send that one.")
    if any("Sliding" in str(name) for name in values["AUTH_TOKEN_CLASSES"]):
        yield Line(
            "AUTH_TOKEN_CLASSES",
            "sliding tokens are not accepted: one token that prolongs itself cannot be told from a stolen one.",
            "Let their clients log in anew, to have an access and a refresh token.",
        )
    if values["JWK_URL"]:
        yield Line("JWK_URL", "another server issues the tokens.", "Name it in TRUSTED_ISSUERS, with its jwks_uri.")
    for name in ("USER_AUTHENTICATION_RULE", "TOKEN_USER_CLASS", "JSON_ENCODER", "ON_LOGIN_SUCCESS", "ON_LOGIN_FAILED"):
        if values[name] != defaults[name]:
            yield Line(name, "your own one is not called here.", "See the page on moving from simplejwt.")
    for name in defaults:
        if name.endswith("_SERIALIZER") and values[name] != defaults[name]:
            yield Line(name, "your own one is not used here.", "Subclass the view in contrib.simplejwt.views instead.")
    for name in ("TOKEN_TYPE_CLAIM", "JTI_CLAIM"):
        if values[name] is None:
            yield Line(name, "old tokens without it are not accepted.", "Let those clients log in anew.")
    for name in sorted(values.keys() - defaults.keys()):
        yield Line(
            name, "is no setting of simplejwt 5.5 that is known here.", "Take it out, or look what it should do."
        )


def _length(value: Any) -> timedelta | None:
    """A length of time; simplejwt's LEEWAY may be a number of seconds."""
    if isinstance(value, timedelta):
        return value
    return timedelta(seconds=value) if isinstance(value, int | float) and not isinstance(value, bool) else None
