"""The life of a token session: begin, refresh, end.

Every answer holds one access token (a JWT) and one refresh token (opaque, `rt_...`, stored as a digest).
"""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, Never

from django.db import transaction
from django.utils import timezone

from .. import notifications
from ..authn.marks import is_outdated, password_mark, password_unchanged
from ..conf import access_settings
from ..core import scopes as core_scopes
from ..core import secrets
from ..core.access import FIRST_PARTY_CLIENT
from ..core.assurance import rank
from ..core.proof import Proof
from ..core.reasons import Reason
from ..core.scopes import dump
from ..events.record import changed, refused
from ..events.source import Actor, Where
from ..events.tags import Action
from ..exceptions import InvalidGrant
from ..roles import names
from ..roles.rights import held_by
from . import refreshing
from .answer import Tokens, answer
from .ending import end, end_by_token, end_oldest
from .marks import mark_anew
from .models import RefreshToken, TokenSession
from .ring import ring
from .usage import usage

__all__ = ["Tokens", "answer", "begin", "end", "end_by_token", "refresh", "requested_scopes", "step_up"]
REFRESH_PREFIX: Final = refreshing.PREFIX
FIRST_PARTY: Final = FIRST_PARTY_CLIENT
"""`client_id` of sessions that began at our own log-in endpoint."""


def requested_scopes(user: Any, wanted: Iterable[str] | None) -> frozenset[str]:
    """The scopes of a new session: what was asked for, within what the user holds; everything held when nothing was asked.

    Raises `UnknownName` and `InvalidGrant` (RFC 6749 section 5.2 `invalid_scope`).
    """
    held = held_by(user)
    available = held.scopes | held.object_scopes
    if wanted is None:
        return available
    asked = names.scope_names(wanted)
    beyond = core_scopes.registry.expand(asked) - available
    if beyond:
        raise InvalidGrant("invalid_scope", f"This account does not hold {', '.join(sorted(beyond))}.")
    return asked


def begin(
    user: Any,
    *,
    proof: Proof,
    where: Where,
    scopes: frozenset[str],
    device: str = "",
    client_id: str = FIRST_PARTY,
    dpop_jkt: str = "",
) -> Tokens:
    """Open a session for a user who has just proved who they are. Beyond `SESSIONS_PER_USER` the oldest one ends.

    `dpop_jkt`: the key that all its tokens are bound to (RFC 9449); every refresh needs its proof.
    """
    ring.ready()
    with transaction.atomic():
        session, text = open_session(
            user, proof=proof, where=where, scopes=scopes, device=device, client_id=client_id, dpop_jkt=dpop_jkt
        )
        end_oldest(user, by=Actor.of_user(user, where=where))
    return answer(session, user, text, proof, scopes)


def new_sid() -> str:
    """A session id that nobody guesses."""
    return secrets.base62(random.randbits(130), 22)


def open_session(
    user: Any,
    *,
    proof: Proof,
    where: Where,
    scopes: frozenset[str],
    device: str = "",
    client_id: str = FIRST_PARTY,
    lifetime: timedelta | None = None,
    refreshable: bool = True,
    sid: str = "",
    **columns: Any,
) -> tuple[TokenSession, str]:
    """The row of a new session, its event and its first refresh token (empty where it is not `refreshable`), in the caller's transaction.

    `lifetime`: how long it lives at most (`SESSION_MAX_LIFETIME`). `columns` are further ones of the row: `audience`, `dpop_jkt`, `actor`,
    `issued_via`. The caller asks `ring.ready()` before it writes anything, and keeps the bound of sessions.
    """
    longest = access_settings.SESSION_MAX_LIFETIME
    session = TokenSession.objects.create(
        sid=sid or new_sid(),
        user=user,
        client_id=client_id,
        scope=scopes,
        amr=" ".join(proof.amr),
        acr=proof.acr,
        auth_time=proof.auth_time,
        password_mark=password_mark(user),
        device="".join(filter(str.isprintable, device))[:150],
        created_from=where.address,
        expires_at=timezone.now() + (longest if lifetime is None else min(lifetime, longest)),
        **columns,
    )
    text = refreshing.add(session, generation=1) if refreshable else ""
    by = Actor.of_user(user, where=where)
    facts = {"scope": dump(scopes), "amr": session.amr, "device": session.device}
    if client_id != FIRST_PARTY:
        facts["client"] = client_id
    changed(Action.SESSION_BEGUN, session, by=by, **facts)
    return session, text


def refresh(
    text: str,
    *,
    where: Where,
    scopes: Iterable[str] | None = None,
    client_id: str = FIRST_PARTY,
    dpop_jkt: str = "",
) -> Tokens:
    """A new pair for a refresh token, which is used up. Scopes may be narrowed for the access token, never widened (RFC 6749 section 6).

    A token that was used before ends its whole session, unless it comes again within `REFRESH_GRACE` from a client that lost the answer:
    then the pair that the client did not get is replaced by another one. Raises `InvalidGrant`; the true cause goes into the event.

    `dpop_jkt`: the key that the request proved to hold (`authn.possession.held_key`). It must be the session's, where that is bound to
    one; the new access token is bound to it in any case.
    """
    token, problem = refreshing.find(text)
    if token is None or problem is not None:
        if problem is not Reason.MALFORMED:
            _refused(problem or Reason.UNKNOWN, None if token is None else token.session, where)
        raise InvalidGrant("invalid_grant")
    return refresh_with(token, where=where, scopes=scopes, client_id=client_id, dpop_jkt=dpop_jkt)


def refresh_with(
    token: RefreshToken,
    *,
    where: Where,
    scopes: Iterable[str] | None = None,
    client_id: str = FIRST_PARTY,
    lifetime: timedelta | None = None,
    audience: str = "",
    dpop_jkt: str = "",
) -> Tokens:
    """As `refresh`, for a token whose text the caller has verified.

    `lifetime`: how long the access token lives at most. `audience`: for which of the session's resources alone it is; the caller has
    checked that it is among them.
    """
    session = token.session
    now = timezone.now()
    reason = _dead(session, token, client_id, now)
    if reason is None and session.dpop_jkt and session.dpop_jkt != dpop_jkt:
        reason = Reason.OTHER_KEY if dpop_jkt else Reason.PROOF_MISSING
    if reason is not None:
        _refused(reason, session, where)
        raise InvalidGrant("invalid_grant")
    narrowed = _narrowed(session.scope, scopes)
    ring.ready()
    new = refreshing.use(token, now)
    if new is Reason.REPLAYED:
        _ended_by_replay(session, where)
    if isinstance(new, Reason):
        _refused(new, session, where)
        raise InvalidGrant("invalid_grant")
    usage.record(session.pk, where.address, now)
    if is_outdated(session.password_mark, session.user.password):
        mark_anew({session.pk: session.password_mark}, session.user)
    proof = Proof(tuple(session.amr.split()), session.acr, session.auth_time)
    return answer(session, session.user, new, proof, narrowed, lifetime=lifetime, audience=audience, dpop_jkt=dpop_jkt)


def step_up(sid: str, proof: Proof, scopes: frozenset[str], *, where: Where, dpop_jkt: str = "") -> Tokens:
    """A new access token of a running session whose user has proven more, or anew; without a refresh token.

    The session is raised with it, so that a refresh keeps what was proven; it is never lowered. `dpop_jkt`: the key that the access token
    of the request is bound to, and so the new one. Raises `InvalidGrant` when the session has ended.
    """
    ring.ready()
    with transaction.atomic():
        session = TokenSession.objects.select_related("user").filter(sid=sid).live().first()
        if session is None:
            raise InvalidGrant("invalid_grant", "The session has ended.")
        if rank(proof.acr) >= rank(session.acr):
            raised = TokenSession.objects.filter(pk=session.pk, revoked_at=None)
            raised.update(amr=" ".join(proof.amr), acr=proof.acr, auth_time=proof.auth_time)
        by = Actor.of_user(session.user, where=where)
        changed(Action.SESSION_STEPPED_UP, session, by=by, amr=" ".join(proof.amr), acr=proof.acr)
    return answer(session, session.user, "", proof, scopes, dpop_jkt=dpop_jkt)


def _narrowed(granted: frozenset[str], wanted: Iterable[str] | None) -> frozenset[str]:
    """The scopes of the new access token."""
    if wanted is None:
        return granted
    narrowed = frozenset(wanted)
    unknown = [name for name in narrowed - granted if not core_scopes.registry.knows(name)]
    if unknown or core_scopes.registry.expand(narrowed) - core_scopes.registry.expand(granted):
        raise InvalidGrant("invalid_scope", "A refresh can narrow the scopes of the session, not widen them.")
    return narrowed


def _dead(session: TokenSession, token: RefreshToken, client_id: str, now: datetime) -> Reason | None:
    """Why the session may not be refreshed with this token; None when it may."""
    if session.revoked_at is not None:
        return Reason.REVOKED
    if session.expires_at <= now or (token.used_at is None and idle_end(token) <= now):
        return Reason.EXPIRED
    if not session.user.is_active:
        return Reason.PRINCIPAL_INACTIVE
    if not password_unchanged(session.password_mark, session.user.password):
        return Reason.PASSWORD_CHANGED
    return Reason.OTHER_CLIENT if session.client_id != client_id else None


def idle_end(token: RefreshToken) -> datetime:
    """When an unused refresh token, and with it the session, dies of not being used."""
    return token.created_at + access_settings.REFRESH_TOKEN_LIFETIME


def _ended_by_replay(session: TokenSession, where: Where) -> Never:
    """End the session, say so once, and refuse."""
    by = Actor("anonymous", "", where=where)
    with transaction.atomic():
        mine = TokenSession.objects.filter(pk=session.pk)
        if end(mine, reason="a used refresh token was presented again", by=by):
            refused(
                Action.REFRESH_REPLAYED,
                Reason.REPLAYED,
                by=by,
                outcome="failed",
                session=session.sid,
                user=str(session.user_id),
                severity="high",
            )
            context = {"device": session.device, "address": where.address, "session": session.sid}
            notifications.notify(session.user, "session_replayed", context)
    raise InvalidGrant("invalid_grant")


def session_of_refresh_token(text: str) -> tuple[TokenSession, datetime] | None:
    """The live session whose unused refresh token this is, and until when the token is good."""
    token, problem = refreshing.find(text)
    if token is None or problem is not None or token.used_at is not None:
        return None
    session = token.session
    if _dead(session, token, session.client_id, timezone.now()) is not None:
        return None
    return session, min(session.expires_at, idle_end(token))


def _refused(reason: Reason, session: TokenSession | None, where: Where) -> None:
    by = Actor("anonymous", "", where=where)
    details: Any = {} if session is None else {"session": session.sid, "user": str(session.user_id)}
    refused(Action.REFRESH_REFUSED, reason, by=by, outcome="failed", **details)
