"""The life of a token session: begin, refresh, end.

Every answer holds one access token (a JWT) and one refresh token (opaque, `rt_...`, stored as a digest). Refreshing is one
conditional UPDATE; at most one refresh token of a session is unused, which a unique constraint keeps.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Never

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from .. import notifications
from ..authn.failures import network_of
from ..conf import access_settings
from ..core import digests, secrets
from ..core import scopes as core_scopes
from ..core.reasons import Reason
from ..core.scopes import dump
from ..events.record import changed, changed_many, refused
from ..events.source import Actor, Where
from ..events.tags import Action
from ..exceptions import InvalidChange, InvalidGrant
from ..roles import names
from ..roles.generations import bump
from ..roles.models import Generation
from ..roles.rights import held_by
from .models import RefreshToken, TokenSession
from .querysets import TokenSessionQuerySet
from .ring import ring

REFRESH_PREFIX: Final = "rt"
FIRST_PARTY: Final = "first-party"
"""`client_id` of sessions that began at our own log-in endpoint."""
ACCESS_TOKEN_TYPE: Final = "at+jwt"
BATCH: Final = 1000
TRIES: Final = 5
KNOWN_FOR: Final = timedelta(days=90)
"""How long a network counts as known after a log-in from it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How and when somebody proved who they are (RFC 8176 `amr`, RFC 9470 `acr`, `auth_time`)."""

    amr: tuple[str, ...]
    acr: str
    auth_time: datetime


@dataclass(frozen=True, slots=True)
class Tokens:
    """The answer to a log-in or a refresh."""

    session: TokenSession
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    scope: str


def requested_scopes(user: Any, wanted: Iterable[str] | None) -> frozenset[str]:
    """The scopes of a new session: what was asked for, within what the user holds; everything held when nothing was asked.

    Raises `UnknownName` and `InvalidGrant` (RFC 6749 section 5.2 `invalid_scope`).
    """
    held = held_by(user)
    available = held.scopes | held.object_scopes
    if wanted is None:
        return core_scopes.registry.reduce(available)
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
) -> Tokens:
    """Open a session for a user who has just proved who they are. Beyond `SESSIONS_PER_USER` the oldest one ends."""
    now = timezone.now()
    with transaction.atomic():
        session = TokenSession.objects.create(
            sid=secrets.base62(random.randbits(130), 22),
            user=user,
            client_id=client_id,
            scope=scopes,
            amr=" ".join(proof.amr),
            acr=proof.acr,
            auth_time=proof.auth_time,
            password_mark=password_mark(user),
            device=device[:150],
            created_from=where.address,
            expires_at=now + access_settings.SESSION_MAX_LIFETIME,
        )
        text = _add_refresh_token(session, generation=1)
        changed(
            Action.SESSION_BEGUN,
            session,
            by=Actor.of_user(user, where=where),
            scope=dump(scopes),
            amr=session.amr,
            device=session.device,
        )
        _end_oldest(user, by=Actor.of_user(user, where=where))
    return _answer(session, user, text, proof, scopes)


def refresh(text: str, *, where: Where, scopes: Iterable[str] | None = None, client_id: str = FIRST_PARTY) -> Tokens:
    """A new pair for a refresh token, which is used up. Scopes may be narrowed for the access token, never widened (RFC 6749 section 6).

    A token that was used before ends its whole session, unless it comes again within `REFRESH_GRACE` from a client that lost the answer:
    then the pair that the client did not get is replaced by another one. Raises `InvalidGrant`; the true cause goes into the event.
    """
    token = _find(text, where)
    session = token.session
    now = timezone.now()
    _check(session, token, client_id, where, now)
    granted = session.scope
    narrowed = granted if scopes is None else frozenset(scopes)
    beyond = core_scopes.registry.expand(narrowed) - core_scopes.registry.expand(granted)
    if beyond or (scopes is not None and any(not core_scopes.registry.knows(name) for name in narrowed)):
        raise InvalidGrant("invalid_scope", "A refresh can narrow the scopes of the session, not widen them.")
    new = _use(token, now)
    if new is None:
        _ended_by_replay(session, where)
    proof = Proof(tuple(session.amr.split()), session.acr, session.auth_time)
    return _answer(session, session.user, new, proof, narrowed)


def _find(text: str, where: Where) -> RefreshToken:
    """The token, whoever presents it; one query. A text that is none costs none."""
    key = secrets.split(text, REFRESH_PREFIX) if len(text) <= secrets.MAX_LENGTH else None
    if key is None:
        raise InvalidGrant("invalid_grant")
    token = RefreshToken.objects.select_related("session__user").filter(public_id=key.id).first()
    if token is None:
        digests.verify_nothing(text, access_settings.PEPPERS)
        _refused(Reason.UNKNOWN, None, where)
        raise InvalidGrant("invalid_grant")
    verdict = digests.verify(text, token.digest, access_settings.PEPPERS)
    if verdict not in {digests.Verdict.MATCH, digests.Verdict.MATCH_OUTDATED}:
        _refused(Reason.WRONG_SECRET, token.session, where)
        raise InvalidGrant("invalid_grant")
    return token


def _check(session: TokenSession, token: RefreshToken, client_id: str, where: Where, now: datetime) -> None:
    """Raise `InvalidGrant` unless the session may still be refreshed."""
    idle_end = token.created_at + access_settings.REFRESH_TOKEN_LIFETIME
    reason = None
    if session.revoked_at is not None:
        reason = Reason.REVOKED
    elif session.expires_at <= now or (token.used_at is None and idle_end <= now):
        reason = Reason.EXPIRED
    elif not session.user.is_active:
        reason = Reason.PRINCIPAL_INACTIVE
    elif not password_unchanged(session.password_mark, session.user.password):
        reason = Reason.PASSWORD_CHANGED
    elif session.client_id != client_id:
        reason = Reason.OTHER_CLIENT
    if reason is not None:
        _refused(reason, session, where)
        raise InvalidGrant("invalid_grant")


def _use(token: RefreshToken, now: datetime) -> str | None:
    """Use the token up and make its successor, as one step; None when it was used before and no grace excuses it."""
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                alive = TokenSession.objects.filter(pk=OuterRef("session_id"), revoked_at=None)
                unused = RefreshToken.objects.filter(Exists(alive), pk=token.pk, used_at=None)
                if unused.update(used_at=now):
                    return _add_refresh_token(token.session, generation=token.generation + 1)
                return _replace_lost(token, now)
        except IntegrityError:  # another retry made the sibling first: look again
            continue
    return None


def _replace_lost(token: RefreshToken, now: datetime) -> str | None:
    """A sibling for a client that lost the answer: the pair that it did not get dies with it, so one branch lives."""
    used_at = RefreshToken.objects.filter(pk=token.pk).values_list("used_at", flat=True).first()
    if used_at is None or now - used_at > access_settings.REFRESH_GRACE:
        return None
    live = RefreshToken.objects.filter(session=token.session_id, used_at=None).order_by("-generation").first()
    if live is None or token.generation < live.generation - 1:
        return None
    if not RefreshToken.objects.filter(pk=live.pk, used_at=None).update(used_at=now):
        raise IntegrityError("another retry came first")
    return _add_refresh_token(token.session, generation=live.generation)


def _ended_by_replay(session: TokenSession, where: Where) -> Never:
    by = Actor("anonymous", "", where=where)
    end(TokenSession.objects.filter(pk=session.pk), reason="a used refresh token was presented again", by=by)
    refused(
        Action.REFRESH_REPLAYED,
        Reason.REPLAYED,
        by=by,
        outcome="failed",
        session=session.sid,
        user=str(session.user_id),
        severity="high",
    )
    notifications.notify(
        session.user,
        "session_replayed",
        {"device": session.device, "address": where.address, "session": session.sid},
    )
    raise InvalidGrant("invalid_grant")


# -- ending


def end(sessions: TokenSessionQuerySet, *, reason: str, by: Actor) -> int:
    """End sessions, access tokens included, felt at the next request. Returns how many ended now."""
    if not reason.strip():
        raise InvalidChange("Say why: ending a session needs a reason.", field="reason")
    total = 0
    pending = sorted(sessions.filter(revoked_at=None).values_list("pk", flat=True))
    for start in range(0, len(pending), BATCH):
        ids = pending[start : start + BATCH]
        with transaction.atomic():
            bump(Generation.CREDENTIALS)
            rows = list(TokenSession.objects.select_related("user").filter(pk__in=ids, revoked_at=None))
            ended = TokenSession.objects.filter(pk__in=[row.pk for row in rows], revoked_at=None)
            total += ended.update(revoked_at=timezone.now(), revoked_reason=reason.strip()[:255])
            changed_many(Action.SESSION_ENDED, ((row, {"sid": row.sid}) for row in rows), by=by, reason=reason)
    return total


def _end_oldest(user: Any, *, by: Actor) -> None:
    most = access_settings.SESSIONS_PER_USER
    live = TokenSession.objects.filter(user=user).live().order_by("-created_at", "-pk")
    surplus = list(live.values_list("pk", flat=True)[most:])
    if surplus:
        end(TokenSession.objects.filter(pk__in=surplus), reason=f"more than {most} sessions (SESSIONS_PER_USER)", by=by)


# -- parts


def password_mark(user: Any) -> str:
    """What ties a session to the user's present password without telling anything of it."""
    return digests.make(str(user.password), access_settings.PEPPERS)


def password_unchanged(mark: str, password: str) -> bool:
    """Whether the user's password is still the one that the session began with."""
    verdict = digests.verify(password, mark, access_settings.PEPPERS)
    return verdict in {digests.Verdict.MATCH, digests.Verdict.MATCH_OUTDATED}


def _add_refresh_token(session: TokenSession, *, generation: int) -> str:
    made = secrets.make_key(REFRESH_PREFIX)
    digest = digests.make(made.text, access_settings.PEPPERS)
    RefreshToken.objects.create(session=session, public_id=made.id, digest=digest, generation=generation)
    return made.text


def _answer(session: TokenSession, user: Any, refresh_token: str, proof: Proof, scopes: frozenset[str]) -> Tokens:
    lifetime = min(access_settings.ACCESS_TOKEN_LIFETIME, session.expires_at - timezone.now())
    scope = dump(scopes)
    token = access_token(session, user, proof, scope, lifetime)
    return Tokens(session, token, refresh_token, int(lifetime.total_seconds()), scope)


def access_token(session: TokenSession, user: Any, proof: Proof, scope: str, lifetime: timedelta) -> str:
    """An RFC 9068 access token of the session. `proof` may be fresher and stronger than the session's (step-up)."""
    now = int(timezone.now().timestamp())
    claims = {
        "iss": access_settings.ISSUER,
        "aud": access_settings.AUDIENCE,
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
    return ring.sign(claims, typ=ACCESS_TOKEN_TYPE)


def _refused(reason: Reason, session: TokenSession | None, where: Where) -> None:
    by = Actor("anonymous", "", where=where)
    details: Any = {} if session is None else {"session": session.sid, "user": str(session.user_id)}
    refused(Action.REFRESH_REFUSED, reason, by=by, outcome="failed", **details)


def session_of_refresh_token(text: str) -> TokenSession | None:
    """The live session whose unused refresh token this is."""
    key = secrets.split(text, REFRESH_PREFIX) if len(text) <= secrets.MAX_LENGTH else None
    if key is None:
        return None
    token = RefreshToken.objects.select_related("session__user").filter(public_id=key.id, used_at=None).first()
    peppers = access_settings.PEPPERS
    if token is None:
        digests.verify_nothing(text, peppers)
        return None
    if digests.verify(text, token.digest, peppers) not in {digests.Verdict.MATCH, digests.Verdict.MATCH_OUTDATED}:
        return None
    session = token.session
    now = timezone.now()
    alive = (
        session.revoked_at is None
        and session.expires_at > now
        and token.created_at + access_settings.REFRESH_TOKEN_LIFETIME > now
    )
    if not alive or not session.user.is_active or not password_unchanged(session.password_mark, session.user.password):
        return None
    return session


def end_by_token(text: str, *, sid: str | None, where: Where) -> int:
    """Log out by holding a token: the refresh token in `text`, or the session `sid` of a verified access token."""
    if sid is None:
        session = session_of_refresh_token(text)
        sid = session.sid if session is not None else None
    if sid is None:
        return 0
    return end(TokenSession.objects.filter(sid=sid), reason="logged out", by=Actor("user", "", where=where))


def known_from(username: str, address: str | None) -> bool:
    """Whether the owner of this account began a session from this network before."""
    if address is None:
        return False
    column = f"user__{get_user_model().USERNAME_FIELD}"
    since = timezone.now() - KNOWN_FOR
    seen = TokenSession.objects.filter(**{column: username}, created_at__gte=since).values_list(
        "created_from", flat=True
    )
    return any(network_of(one) == network_of(address) for one in seen.order_by("-pk")[:100])
