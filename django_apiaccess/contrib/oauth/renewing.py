"""Refreshing at `oauth/token/` (RFC 6749 section 6): the sessions' own machinery, with what belongs to a client around it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from ...events.source import Where
from ...exceptions import InvalidGrant
from ...tokens import refreshing, service
from ...tokens.models import RefreshToken
from . import client_auth, granting, issuing, options
from .errors import OAuthError
from .models import OAuthClient


def find(text: str, client: OAuthClient) -> RefreshToken | None:
    """The refresh token with its session and user, where it is the client's. Another client's is none, and nothing happens to it."""
    token, problem = refreshing.find(text)
    if token is None or problem is not None or token.session.client_id != client.client_id:
        return None
    return token


def _check_rate(token: RefreshToken) -> None:
    """Raise when the session was refreshed more often than `RATE` allows over its life. The count is in the token: it costs no query."""
    rate, session = options.rate(), token.session
    age = max(0.0, (timezone.now() - session.created_at).total_seconds())
    if token.generation > rate.limit * (1 + age / rate.seconds):
        raise client_auth.too_many(rate.seconds / rate.limit)


def refresh(
    token: RefreshToken,
    client: OAuthClient,
    *,
    scopes: Iterable[str] | None,
    resources: list[str],
    jkt: str,
    where: Where,
) -> dict[str, Any]:
    """A new pair. Raises `OAuthError`; a token that was used before ends its session."""
    session = token.session
    _check_rate(token)
    audience = granting.narrowed_resource(session.audience, resources)
    try:
        tokens = service.refresh_with(
            token,
            where=where,
            scopes=scopes,
            client_id=client.client_id,
            lifetime=issuing.access_token_lifetime(client),
            audience=audience,
            dpop_jkt=jkt,
        )
    except InvalidGrant as error:
        raise OAuthError(error.code, str(error)) from None
    return issuing.body_of(tokens, id_token=issuing.id_token(session, session.user, tokens))
