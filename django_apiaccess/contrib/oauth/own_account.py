"""Client credentials (RFC 6749 section 4.4): a client that speaks for its own service account, within that account's grants."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from ...core.proof import Proof
from ...events.source import Where
from ...tokens.ring import ring
from ...tokens.service import answer, open_session
from . import clients, granting, issuing
from .errors import OAuthError
from .identity import api_scopes
from .models import OAuthClient


def tokens_for(
    client: OAuthClient, *, scope: str | None, resources: list[str], jkt: str, where: Where
) -> dict[str, Any]:
    """An access token, and no refresh token: the client can always ask again. Its session ends with it, or when it is revoked.

    Raises `OAuthError`.
    """
    account = client.service_account
    if account is None or not account.user.is_active:
        raise OAuthError("unauthorized_client", "The client has no active service account to speak for.")
    user = account.user
    asked = granting.requested_scopes(client, scope)
    scopes = granting.within_held(user, api_scopes(asked))
    if asked and not scopes:
        raise OAuthError("invalid_scope", "The service account of the client holds none of these scopes.")
    resource = granting.requested_resource(client, resources)
    lifetime = issuing.access_token_lifetime(client)
    proof = Proof((), "", timezone.now())
    ring.ready()
    with transaction.atomic():
        session, _ = open_session(
            user,
            proof=proof,
            where=where,
            scopes=scopes,
            device=client.name,
            client_id=client.client_id,
            lifetime=lifetime,
            refreshable=False,
            audience=resource,
        )
        active = clients.note_use(client)
        if not active:
            transaction.set_rollback(True)
    if not active:
        raise OAuthError("invalid_client", "The client was switched off.", 401)
    return issuing.body_of(answer(session, user, "", proof, scopes, lifetime=lifetime, dpop_jkt=jkt))
