"""What a token session is answered with: an access token, signed (RFC 9068), and the refresh token that was stored. Writes nothing."""

from __future__ import annotations

import secrets as random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from ..conf import access_settings
from ..core import secrets
from ..core.proof import Proof
from ..core.scopes import dump
from .models import TokenSession
from .ring import ring

ACCESS_TOKEN_TYPE: Final = "at+jwt"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The answer to a log-in or a refresh."""

    session: TokenSession
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    """Empty: the session has none, it ends with its access token."""
    expires_in: int
    scope: str
    dpop_jkt: str = ""

    @property
    def token_type(self) -> str:
        """How the access token is presented (RFC 6749 section 7.1, RFC 9449 section 5)."""
        return "DPoP" if self.dpop_jkt else "Bearer"


def answer(
    session: TokenSession,
    user: Any,
    refresh_token: str,
    proof: Proof,
    scopes: frozenset[str],
    *,
    lifetime: timedelta | None = None,
    audience: str = "",
    dpop_jkt: str = "",
) -> Tokens:
    """The tokens of a session that is stored: an access token is signed, nothing is written.

    `dpop_jkt`: the key that the access token is bound to, where it is not the session's: that of a confidential client, whose refresh
    tokens are bound to the client itself (RFC 9449 section 5).
    """
    longest: timedelta = access_settings.ACCESS_TOKEN_LIFETIME
    lives = min(longest if lifetime is None else min(lifetime, longest), session.expires_at - timezone.now())
    scope = dump(scopes)
    jkt = session.dpop_jkt or dpop_jkt
    token = access_token(session, user, proof, scope, lives, audience=audience, dpop_jkt=jkt)
    return Tokens(session, token, refresh_token, int(lives.total_seconds()), scope, jkt)


def audience_of(words: str) -> str | list[str]:
    """The claim `aud` (RFC 7519 section 4.1.3) for a session's audience; empty is this API."""
    named = words.split()
    if not named:
        return access_settings.AUDIENCE
    return named[0] if len(named) == 1 else named


def access_token(
    session: TokenSession,
    user: Any,
    proof: Proof,
    scope: str,
    lifetime: timedelta,
    *,
    audience: str = "",
    dpop_jkt: str = "",
) -> str:
    """An RFC 9068 access token of the session. `proof` may be fresher and stronger than the session's (step-up)."""
    now = int(timezone.now().timestamp())
    claims: dict[str, Any] = {
        "iss": access_settings.ISSUER,
        "aud": audience_of(audience or session.audience),
        "sub": str(user.pk),
        "client_id": session.client_id,
        "iat": now,
        "nbf": now,
        "exp": now + int(lifetime.total_seconds()),
        "jti": secrets.base62(random.randbits(130), 22),
        "sid": session.sid,
        "scope": scope,
        "auth_time": int(proof.auth_time.timestamp()),
        "amr": list(proof.amr),
        "acr": proof.acr,
    }
    jkt = session.dpop_jkt or dpop_jkt
    if jkt:
        claims["cnf"] = {"jkt": jkt}
    if session.actor:
        claims["act"] = session.actor
    return ring.sign(claims, typ=ACCESS_TOKEN_TYPE)
