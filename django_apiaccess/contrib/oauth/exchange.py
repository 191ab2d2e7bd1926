"""Token exchange (RFC 8693): a service that was called with a user's token gets one of its own, to call the next service.

Never more than the token that it was called with: fewer scopes, no longer life, and it ends with that token's session. Who acts is in
`act`. Only clients that are registered for it, and prove who they are, may.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from ...authn.kinds import Presented
from ...conf import access_settings
from ...core.access import Access
from ...core.proof import Proof
from ...core.scopes import dump, registry
from ...events.record import changed
from ...events.source import Actor, Where
from ...events.tags import Action
from ...exceptions import InvalidCredential
from ...tokens.credential import JWTKind
from ...tokens.models import TokenSession
from ...tokens.ring import ring
from ...tokens.service import answer, open_session
from . import clients, granting, issuing
from .errors import OAuthError
from .models import OAuthClient
from .parameters import Parameters

ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
TYPES: Final = frozenset({ACCESS_TOKEN, JWT})
MAX_ACTORS: Final = 3
"""How many services may stand behind each other."""


def exchange(client: OAuthClient, parameters: Parameters, *, jkt: str, where: Where) -> dict[str, Any]:
    """The token for the client, in the place of the subject token's user. Raises `OAuthError`."""
    if parameters.get("requested_token_type", ACCESS_TOKEN) not in TYPES:
        raise OAuthError("invalid_request", "requested_token_type must be an access token.")
    subject = _verified(client, parameters, "subject_token", jkt)
    actor = _actor(client, parameters, jkt)
    origin = TokenSession.objects.filter(sid=subject.session_id).first()
    if origin is None or subject.expires_at is None or subject.session_id is None:
        raise OAuthError("invalid_request", "The subject_token is not valid.")
    act = _chain(actor, origin.actor)
    scopes = _scopes(client, subject, parameters.get("scope"))
    resource = _resource(client, origin, [*parameters.resources, *parameters.lists.get("audience", [])])
    left = subject.expires_at - timezone.now()
    lifetime = min(issuing.access_token_lifetime(client), left)
    proof = Proof(subject.amr, subject.acr, subject.auth_time or origin.auth_time)
    user = subject.principal
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
            actor=act,
            issued_via=subject.session_id,
        )
        by = Actor("client", client.name, client.client_id, where=where)
        changed(Action.TOKEN_EXCHANGED, session, by=by, scope=dump(scopes), audience=resource, via=subject.session_id)
        # The subject's session may end at this moment: its row is asked under lock, after the new one is there.
        alive = bool(
            TokenSession.objects.filter(pk=origin.pk, revoked_at=None).update(last_used_at=timezone.now())
        ) and clients.note_use(client)
        if not alive:
            transaction.set_rollback(True)
    if not alive:
        raise OAuthError("invalid_request", "The subject_token is not valid.")
    body = issuing.body_of(answer(session, user, "", proof, scopes, lifetime=lifetime, dpop_jkt=jkt))
    return {**body, "issued_token_type": ACCESS_TOKEN}


def _verified(client: OAuthClient, parameters: Parameters, name: str, jkt: str) -> Access:
    """The access that a token of ours gives now, for this API or for a resource of the client's.

    One that is bound to a key is taken only from who proves to hold that key (`jkt`): else whoever found it, and is a client that may
    exchange, would be rid of what binds it (RFC 9449 section 7.2).
    """
    if name not in parameters or f"{name}_type" not in parameters:
        raise OAuthError("invalid_request", f"Send {name} and {name}_type.")
    if parameters[f"{name}_type"] not in TYPES:
        raise OAuthError("invalid_request", f"{name}_type must be that of an access token.")
    audiences = (access_settings.AUDIENCE, *client.audiences.split())
    presented = Presented("bearer", parameters[name])
    kind = JWTKind()
    try:
        if not kind.recognises(presented):
            raise OAuthError("invalid_request", f"The {name} is not valid.")
        access = kind.inspect_own(presented, audiences)
    except InvalidCredential:
        raise OAuthError("invalid_request", f"The {name} is not valid.") from None
    if access.dpop_jkt and access.dpop_jkt != jkt:
        raise OAuthError("invalid_request", f"The {name} is bound to a key: send a DPoP proof of that key.")
    return access


def _actor(client: OAuthClient, parameters: Parameters, jkt: str) -> dict[str, Any]:
    """Who acts: the client, by its own id or by a token that it was given as itself."""
    if "actor_token" not in parameters:
        if "actor_token_type" in parameters:
            raise OAuthError("invalid_request", "actor_token_type comes with actor_token only.")
        return {"sub": client.client_id}
    access = _verified(client, parameters, "actor_token", jkt)
    account = client.service_account
    if access.client_id != client.client_id or account is None or access.principal.pk != account.user_id:
        raise OAuthError("invalid_request", "The actor_token is none that you were given as yourself.")
    return {"sub": str(access.principal.pk), "client_id": client.client_id}


def _chain(actor: dict[str, Any], before: Any) -> dict[str, Any]:
    """The present actor around those before (RFC 8693 section 4.1)."""
    depth, link = 1, before
    while isinstance(link, dict):
        depth, link = depth + 1, link.get("act")
    if depth > MAX_ACTORS:
        raise OAuthError("invalid_request", f"At most {MAX_ACTORS} clients may act one behind the other.")
    return {**actor, "act": before} if before else actor


def _resource(client: OAuthClient, origin: TokenSession, wanted: list[str]) -> str:
    """What the new token is for: of the client's own token at most what that is for, of another's what the client is registered for."""
    if origin.client_id != client.client_id:
        return granting.requested_resource(client, wanted)
    return granting.narrowed_resource(origin.audience, wanted) or origin.audience


def _scopes(client: OAuthClient, subject: Access, wanted: str | None) -> frozenset[str]:
    """What was asked for, within the subject token and within the client's own; without a wish, all of both."""
    available = subject.scopes | subject.object_scopes
    if not wanted:
        return registry.reduce(available & registry.expand(client.scopes))
    asked = granting.requested_scopes(client, wanted)
    if not registry.expand(asked) <= available or any(not registry.knows(name) for name in asked):
        raise OAuthError("invalid_scope", "The subject_token does not have these scopes.")
    return asked
