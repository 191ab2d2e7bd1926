"""An old refresh token becomes a session of ours, once; and what was blacklisted stays so.

The old token takes its place in the new session as its first refresh token, already used: the unique id of its row is the claim that only
one of several simultaneous exchanges gets, a retry within `REFRESH_GRACE` gets a sibling, and any later use ends the session as every
replay does. Only a hash of its `jti` is stored.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from ...conf import access_settings
from ...core import scopes as core_scopes
from ...core import secrets
from ...core.proof import Proof
from ...core.reasons import Reason
from ...events.later import refused_later
from ...events.record import refused
from ...events.source import Actor, Where
from ...events.tags import Action
from ...exceptions import InvalidCredential, InvalidGrant
from ...tokens import service
from ...tokens.models import RefreshToken, TokenSession
from ...tokens.refreshing import FOREIGN
from .legacy import ACCESS, KIND, REFRESH, LegacyTokens, legacy_tokens

FIRST: Final = 1
FORMAT: Final = "simplejwt-jti"


def token_id(jti: str) -> str:
    """The id of the row of an old token."""
    head = int.from_bytes(hashlib.sha256(f"simplejwt|{jti}".encode()).digest()[:8])
    return FOREIGN + secrets.base62(head, secrets.ID_LENGTH - 1)


def stored(jti: str) -> str:
    """What the row of an old token holds: a hash of its id, no secret."""
    return f"{FORMAT}$${hashlib.sha256(jti.encode()).hexdigest()}"


def find(jti: str) -> RefreshToken | None:
    """The row of an old token that was exchanged or blacklisted."""
    return RefreshToken.objects.select_related("session__user").filter(public_id=token_id(jti)).first()


def is_spent(jti: str) -> bool:
    """Whether an old token was exchanged or blacklisted. One query."""
    return RefreshToken.objects.filter(public_id=token_id(jti)).exists()


def blacklist_of(user_id: Any) -> Any:
    """The one ended session that all blacklisted tokens of a user hang on, as a query. Its `auth_time` ends what was issued up to then."""
    return TokenSession.objects.filter(sid=blacklist_sid(user_id))


def blacklist_sid(user_id: Any) -> str:
    """The id of that session."""
    digest = hashlib.sha256(f"simplejwt blacklist|{user_id}".encode()).digest()
    return secrets.base62(int.from_bytes(digest[:16]) >> 1, 22)


def check_not_ended(user: Any, claims: dict[str, Any]) -> None:
    """Raise `InvalidCredential` for a token that was issued before all old tokens of its user were ended. One query."""
    if blacklist_of(user.pk).filter(auth_time__gte=datetime.fromtimestamp(claims["iat"], UTC)).exists():
        raise InvalidCredential(
            Reason.REVOKED, "all old tokens of its user were ended", kind=KIND, principal_id=user.pk
        )


def exchange(text: str, *, where: Where, device: str = "") -> service.Tokens:
    """Tokens of ours for an old refresh token. Raises `InvalidGrant`; the true cause goes into the event."""
    try:
        tokens, jti, user = _verified(text, REFRESH)
    except InvalidCredential as error:
        _refused(error, where)
        raise InvalidGrant("invalid_grant") from None
    row = find(jti)
    if row is None:
        try:
            return _begin(tokens, jti, user, where, device)
        except IntegrityError:  # another exchange came first
            row = find(jti)
            if row is None:
                raise
    if not hmac.compare_digest(row.digest, stored(jti)) or row.session.user_id != user.pk:
        _refused(InvalidCredential(Reason.WRONG_SECRET, kind=KIND, principal_id=user.pk), where)
        raise InvalidGrant("invalid_grant")
    return service.refresh_with(row, where=where)


def verified_user(text: str) -> Any:
    """The user of an old token that may still be used, whatever its type. Raises `InvalidCredential`."""
    _tokens, jti, user = _verified(text, ACCESS, REFRESH)
    if is_spent(jti):
        raise InvalidCredential(Reason.REVOKED, "used, or blacklisted", kind=KIND, principal_id=user.pk)
    return user


def log_out(text: str, *, where: Where) -> None:
    """Blacklist an old refresh token; the session that it was exchanged for ends with it. Raises `InvalidGrant`."""
    from . import blacklist

    try:
        _tokens, jti, user = _verified(text, REFRESH)
    except InvalidCredential as error:
        _refused(error, where)
        raise InvalidGrant("invalid_grant") from None
    by = Actor.of_user(user, where=where)
    if blacklist.add(user, jti, expires_at=dead_from(), by=by):
        return
    row = find(jti)
    if row is None or not service.end(_session_of(row), reason="logged out", by=by):
        raise InvalidGrant("invalid_grant")


def _session_of(row: RefreshToken) -> Any:
    return type(row.session).objects.filter(pk=row.session_id)


def dead_from() -> datetime:
    """When a row of an old token may be forgotten: no such token is accepted after that."""
    tokens = legacy_tokens()
    return timezone.now() if tokens is None else tokens.accept_until


def _verified(text: str, *token_types: str) -> tuple[LegacyTokens, str, Any]:
    tokens = legacy_tokens()
    if tokens is None:
        raise InvalidCredential(Reason.UNTRUSTED_ISSUER, "old tokens are not accepted any more", kind=KIND)
    claims = tokens.verified(text, *token_types)
    issued_at = datetime.fromtimestamp(claims["iat"], UTC)
    if issued_at + access_settings.SESSION_MAX_LIFETIME <= timezone.now():
        raise InvalidCredential(Reason.EXPIRED, "older than SESSION_MAX_LIFETIME", kind=KIND)
    user = tokens.user(claims)
    check_not_ended(user, claims)
    return tokens, tokens.jti(claims), user


def _begin(tokens: LegacyTokens, jti: str, user: Any, where: Where, device: str) -> service.Tokens:
    """The session, with the old token as its used first one: both or none."""
    scopes = service.requested_scopes(user, None)
    if tokens.scopes is not None:
        registry = core_scopes.registry
        scopes = registry.reduce(registry.expand(scopes) & tokens.scopes)
    # How and when the person logged in is not known: nothing that asks for an assurance may rely on it.
    proof = Proof((), "", timezone.now() - timedelta(seconds=1))
    with transaction.atomic():
        made = service.begin(user, proof=proof, where=where, scopes=scopes, device=device)
        RefreshToken.objects.filter(session=made.session, generation=FIRST).update(generation=FIRST + 1)
        RefreshToken.objects.create(
            session=made.session, public_id=token_id(jti), digest=stored(jti), generation=FIRST, used_at=timezone.now()
        )
    return made


def _refused(error: InvalidCredential, where: Where) -> None:
    """Write the event: at once when it is somebody's token, with others when anybody can make such a text."""
    if error.principal_id is None:
        refused_later(Action.REFRESH_REFUSED, error.reason, where=where, detail=error.detail)
        return
    by = Actor("anonymous", "", str(error.principal_id or ""), where=where)
    refused(Action.REFRESH_REFUSED, error.reason, by=by, outcome="failed", detail=error.detail)
