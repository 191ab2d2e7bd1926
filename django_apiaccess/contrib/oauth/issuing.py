"""From something used up (a code, an approved device) to tokens: the session, its answer, and the ID token that may go along."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from ...conf import access_settings
from ...core.proof import Proof
from ...core.scopes import parse
from ...events.source import Where
from ...tokens.models import TokenSession
from ...tokens.ring import ring
from ...tokens.service import Tokens, answer, open_session
from . import options
from .identity import OPENID, claims_of
from .models import Approval, OAuthClient

ID_TOKEN_LIFETIME: Final = timedelta(minutes=5)
HASHES: Final = {"EdDSA": "sha512"}
"""By which `at_hash` is made: that of the signature; Ed25519's own is SHA-512."""


def proof_of(approval: Approval) -> Proof:
    """How the person who approved had proved who they are."""
    return Proof(tuple(approval.amr.split()), approval.acr, approval.auth_time or timezone.now())


def open_for(
    client: OAuthClient, user: Any, approval: Approval, *, sid: str, jkt: str, where: Where
) -> tuple[TokenSession, str]:
    """The session that an approval becomes, in the caller's transaction; with a refresh token where the client may refresh.

    To the key of the request its refresh tokens are bound where the client is public: one that proves itself may change its key (RFC 9449
    section 5).
    """
    refreshable = "refresh_token" in client.grant_types.split() and "refresh_token" in options.grants()
    return open_session(
        user,
        proof=proof_of(approval),
        where=where,
        scopes=approval.scopes,
        device=client.name,
        client_id=client.client_id,
        lifetime=client.session_lifetime if refreshable else access_token_lifetime(client),
        refreshable=refreshable,
        sid=sid,
        audience=approval.resource,
        dpop_jkt=jkt if client.is_public else "",
    )


def access_token_lifetime(client: OAuthClient) -> timedelta:
    """The client's own, within the setting's."""
    longest: timedelta = access_settings.ACCESS_TOKEN_LIFETIME
    return min(client.access_token_lifetime or longest, longest)


def tokens_of(
    session: TokenSession, user: Any, text: str, proof: Proof, client: OAuthClient, *, jkt: str = "", audience: str = ""
) -> Tokens:
    """The tokens of a stored session, as long as the client's live, bound to the key `jkt`."""
    lifetime = access_token_lifetime(client)
    return answer(session, user, text, proof, session.scope, lifetime=lifetime, audience=audience, dpop_jkt=jkt)


def body_of(tokens: Tokens, *, id_token: str = "") -> dict[str, Any]:
    """RFC 6749 section 5.1."""
    body: dict[str, Any] = {
        "access_token": tokens.access_token,
        "token_type": tokens.token_type,
        "expires_in": tokens.expires_in,
        "scope": tokens.scope,
    }
    if tokens.refresh_token:
        body["refresh_token"] = tokens.refresh_token
    if id_token:
        body["id_token"] = id_token
    return body


def id_token(session: TokenSession, user: Any, tokens: Tokens, *, nonce: str = "") -> str:
    """Who logged in, for the client alone (OpenID Connect Core section 2); empty where the client did not ask to know.

    Its header says `JWT`, its audience is the client, and it has no `client_id` and no `jti`: nothing takes it for an access token.
    """
    scopes = session.scope & parse(tokens.scope)
    if OPENID not in scopes:
        return ""
    now = int(timezone.now().timestamp())
    claims: dict[str, Any] = {
        "iss": access_settings.ISSUER,
        "sub": str(user.pk),
        "aud": session.client_id,
        "azp": session.client_id,
        "iat": now,
        "exp": now + int(ID_TOKEN_LIFETIME.total_seconds()),
        "auth_time": int(session.auth_time.timestamp()),
        "sid": session.sid,
        "at_hash": _half_hash(tokens.access_token),
        **({"acr": session.acr} if session.acr else {}),
        **({"amr": session.amr.split()} if session.amr else {}),
        **({"nonce": nonce} if nonce else {}),
        **claims_of(user, scopes),
    }
    return ring.sign(claims, typ="JWT")


def _half_hash(text: str) -> str:
    """OpenID Connect Core section 3.1.3.6: the left half of the hash of the token, by the hash of the signature's algorithm."""
    algorithm = ring.signing_algorithm()
    digest = hashlib.new(HASHES.get(algorithm, f"sha{algorithm[-3:]}"), text.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
