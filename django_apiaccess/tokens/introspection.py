"""What a token of ours is good for (RFC 7662 section 2.2). Whatever is not active says only that."""

from __future__ import annotations

from typing import Any, Final

from ..authn.kinds import Presented
from ..conf import access_settings
from ..core import secrets
from ..core.access import Access
from ..core.scopes import dump
from ..exceptions import InvalidCredential
from . import service
from .credential import JWTKind

INACTIVE: Final[dict[str, Any]] = {"active": False}


def session_of_access_token(text: str) -> str | None:
    """The `sid` of a valid access token of ours."""
    access = _access(text)
    return None if access is None else access.session_id


def introspect(text: str) -> dict[str, Any]:
    """The introspection answer for an access or a refresh token of ours. Foreign tokens are inactive here."""
    if secrets.split(text, service.REFRESH_PREFIX) is not None:
        return _refresh_token(text)
    access = _access(text)
    if access is None:
        return INACTIVE
    return {
        "active": True,
        "scope": dump(access.scopes),
        "client_id": access.client_id,
        "username": access.principal.get_username(),
        "token_type": "DPoP" if access.dpop_jkt else "Bearer",
        **confirmation(access.dpop_jkt),
        "sub": str(access.principal.pk),
        "iss": access_settings.ISSUER,
        "aud": access_settings.AUDIENCE,
        "exp": int(access.expires_at.timestamp()) if access.expires_at else None,
        "sid": access.session_id,
        "amr": list(access.amr),
        "acr": access.acr,
        "auth_time": int(access.auth_time.timestamp()) if access.auth_time else None,
    }


def _refresh_token(text: str) -> dict[str, Any]:
    found = service.session_of_refresh_token(text)
    if found is None:
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


def confirmation(jkt: str) -> dict[str, Any]:
    """`cnf` (RFC 9449 section 6.2): the key whose proof must come with the token; nothing for a token that is bound to none."""
    return {"cnf": {"jkt": jkt}} if jkt else {}


def _access(text: str) -> Access | None:
    """What an access token of ours gives now; None for anything else."""
    presented = Presented("bearer", text)
    kind = JWTKind()
    if not kind.recognises(presented):
        return None
    try:
        return kind.inspect_own(presented)
    except InvalidCredential:
        return None
