"""A client that proves itself by a signed assertion (`private_key_jwt`: RFC 7523 section 3, OpenID Connect Core section 9)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction

from ...core import compact
from ...core.claims import check_audience, number
from ...core.compact import CompactToken, TokenFormatError
from ...core.reasons import Reason
from . import options, public_keys
from .models import ClientAssertion, OAuthClient

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LEEWAY: Final = timedelta(seconds=30)
MAX_JTI: Final = 255
TYPES: Final = frozenset({"", "jwt", "client-authentication+jwt"})


def client_id_of(text: str) -> str:
    """The client that an assertion claims to be of, unverified; empty where it says none."""
    try:
        token = compact.parse(text)
    except TokenFormatError:
        return ""
    subject = token.claims.get("sub")
    return subject if isinstance(subject, str) and subject == token.claims.get("iss") else ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an assertion proves nothing. `hint` is for the client: only whoever holds its key gets one."""

    reason: Reason
    hint: str = ""


def check(client: OAuthClient, text: str, audiences: Collection[str]) -> Problem | None:
    """Why the assertion does not prove that it comes from the client; None: it does, and is used up.

    `audiences`: how this server may be named, its issuer and the endpoint.
    """
    try:
        token = compact.parse(text)
        key = public_keys.find(client, token.key_id, token.algorithm)
        if key is None:
            return Problem(Reason.UNKNOWN_KEY)
        if not key.verifies(token):
            return Problem(Reason.BAD_SIGNATURE)
    except TokenFormatError:
        return Problem(Reason.BAD_CLAIMS)
    try:
        expires = _checked(token, client.client_id, audiences, time.time())
    except TokenFormatError as error:
        return Problem(Reason.BAD_CLAIMS, f"The signature of client_assertion is right, but: {error}.")
    if _first_use(client, str(token.claims["jti"]), expires):
        return None
    return Problem(Reason.REPLAYED, "The signature of client_assertion is right, but: its jti was used before.")


def _checked(token: CompactToken, client_id: str, audiences: Collection[str], now: float) -> float:
    """The end of an assertion whose claims are right; `TokenFormatError` says what is wrong."""
    claims: dict[str, Any] = token.claims
    if token.typ not in TYPES:
        raise TokenFormatError("typ is not that of an assertion")
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise TokenFormatError("iss and sub must both be the client")
    check_audience(claims.get("aud"), audiences)
    named = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if not set(named) <= set(audiences):  # the other server that it is for could present it here
        raise TokenFormatError("aud names other servers too, sign an assertion for each")
    exp, iat, nbf = number(claims, "exp"), number(claims, "iat"), number(claims, "nbf")
    leeway, longest = LEEWAY.total_seconds(), options.lifetime("ASSERTION_LIFETIME").total_seconds()
    if exp is None or now >= exp + leeway:
        raise TokenFormatError("expired")
    if exp > now + longest + leeway:
        raise TokenFormatError(f"exp is too far away, at most {int(longest)} seconds from now are taken")
    if (nbf is not None and now < nbf - leeway) or (iat is not None and iat > now + leeway):
        raise TokenFormatError("not valid yet")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI:
        raise TokenFormatError("jti is missing or too long")
    return exp


def _first_use(client: OAuthClient, jti: str, expires: float) -> bool:
    """Remember the `jti` until the assertion is dead by the clock: the unique row is the test, for any number of workers."""
    digest = hashlib.sha256(jti.encode("utf-8", "surrogatepass")).hexdigest()
    until = datetime.fromtimestamp(expires, UTC) + 2 * LEEWAY
    try:
        with transaction.atomic():
            ClientAssertion.objects.create(client=client, digest=digest, expires_at=until)
    except IntegrityError:
        return False
    return True
