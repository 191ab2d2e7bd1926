"""Revocation (RFC 7009) and introspection (RFC 7662) for clients: of their own tokens, and of tokens for their own resources."""

from __future__ import annotations

from typing import Any, Final

from ...authn.kinds import Presented
from ...conf import access_settings
from ...core import compact, secrets
from ...core.access import Access
from ...core.scopes import dump
from ...events.source import Actor, Where
from ...exceptions import InvalidCredential
from ...tokens import refreshing, service
from ...tokens.credential import JWTKind
from ...tokens.ending import end
from ...tokens.introspection import confirmation
from ...tokens.models import TokenSession
from . import options
from .identity import identity_scopes
from .models import OAuthClient

INACTIVE: Final[dict[str, Any]] = {"active": False}


def revoke(client: OAuthClient, text: str, *, where: Where) -> None:
    """End the session of one of the client's own tokens, refresh or access. Of any other token nothing happens, and nothing is told."""
    found = _own_session(client, text)
    if found is not None:
        by = Actor("client", client.name, client.client_id, where=where)
        end(TokenSession.objects.filter(pk=found.pk), reason="revoked by its client", by=by)


def _own_session(client: OAuthClient, text: str) -> TokenSession | None:
    """A used refresh token will do: a client that lost an answer must be able to end its session."""
    if secrets.split(text, refreshing.PREFIX) is not None:
        token, problem = refreshing.find(text)
        session = token.session if token is not None and problem is None else None
    else:
        access, _claims = _access(text, audiences_of_all())
        session = None if access is None else TokenSession.objects.filter(sid=access.session_id).first()
    return session if session is not None and session.client_id == client.client_id else None


def audiences_of_all() -> tuple[str, ...]:
    """This API and every resource that is registered: whose tokens a client may end."""
    return (access_settings.AUDIENCE, *options.entry("RESOURCES"))


def introspect(client: OAuthClient, text: str) -> dict[str, Any]:
    """What a token is good for: of the client itself or, where it `may_introspect`, of a resource of its `audiences`.

    Everything else is inactive, and says only that (section 2.2).
    """
    if secrets.split(text, refreshing.PREFIX) is not None:
        return _refresh_token(client, text)
    access, claims = _access(text, audiences_of_all())
    if access is None or not (_is_own(client, access.client_id) or _is_for(client, claims.get("aud"))):
        return INACTIVE
    shown = access.scopes | access.object_scopes | identity_scopes(str(claims.get("scope", "")).split())
    return {
        "active": True,
        "scope": dump(shown),
        "client_id": access.client_id,
        "username": access.principal.get_username(),
        "token_type": "DPoP" if access.dpop_jkt else "Bearer",
        "sub": str(access.principal.pk),
        **{
            name: claims[name]
            for name in ("iss", "aud", "exp", "iat", "nbf", "jti", "sid", "auth_time", "acr", "amr", "act")
            if claims.get(name)
        },
        **confirmation(access.dpop_jkt),
    }


def _is_own(client: OAuthClient, client_id: str | None) -> bool:
    return client.client_id == client_id


def _is_for(client: OAuthClient, audience: Any) -> bool:
    named = [audience] if isinstance(audience, str) else list(audience or ())
    return client.may_introspect and bool(set(named) & set(client.audiences.split()))


def _refresh_token(client: OAuthClient, text: str) -> dict[str, Any]:
    """A refresh token is its client's business alone."""
    found = service.session_of_refresh_token(text)
    if found is None or found[0].client_id != client.client_id:
        return INACTIVE
    session, until = found
    return {
        "active": True,
        "scope": dump(session.scope),
        "client_id": session.client_id,
        "username": session.user.get_username(),
        "sub": str(session.user_id),
        "iss": access_settings.ISSUER,
        "exp": int(until.timestamp()),
        "sid": session.sid,
        **confirmation(session.dpop_jkt),
    }


def _access(text: str, audiences: tuple[str, ...]) -> tuple[Access | None, dict[str, Any]]:
    """What an access token of ours gives now, and its claims; None for anything else."""
    presented = Presented("bearer", text)
    kind = JWTKind()
    if not kind.recognises(presented):
        return None, {}
    try:
        return kind.inspect_own(presented, audiences), compact.parse(text).claims
    except InvalidCredential:
        return None, {}
