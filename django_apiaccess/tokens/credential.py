"""The JWT access token as a credential: our own, and those of trusted issuers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from ..authn import possession
from ..authn.kinds import Client, Presented
from ..authn.marks import password_unchanged
from ..conf import access_settings
from ..core import compact
from ..core.access import FIRST_PARTY_CLIENT, Access, CredentialRef
from ..core.assurance import rank
from ..core.claims import Expectation, bound_key, check
from ..core.compact import CompactToken, TokenFormatError
from ..core.reasons import Reason
from ..core.scopes import parse, registry
from ..exceptions import InvalidCredential
from ..roles.ceiling import put_ceiling
from ..roles.policy import active_rights, current_policy
from ..roles.rights import PrincipalRights, build_access, grant_rows
from ..roles.shared import NOTHING, shared_facts
from . import issuers
from .lookup import SessionRow, load
from .remembered import RememberedToken, remembered
from .ring import ring
from .usage import usage

KIND: Final = "jwt"
LEEWAY: Final = timedelta(seconds=10)
"""Our own servers' clocks agree better than those of others."""


class JWTKind:
    """Tokens of three parts: for whoever bears them, or bound to a key (DPoP)."""

    name = KIND
    challenge = "Bearer"

    def recognises(self, presented: Presented) -> bool:
        return presented.scheme in {"bearer", possession.SCHEME} and compact.looks_like_jwt(presented.value)

    def authenticate(self, presented: Presented, client: Client) -> Access:
        row, access = self._verified(presented.value)
        who = access.credential
        possession.confirm(
            presented,
            client,
            access.dpop_jkt,
            kind=KIND,
            demanded=access_settings.DPOP_REQUIRED,
            credential_id=who.id,
            credential_label=who.label,
            principal_id=access.principal.pk if row is None else row.principal_id,
        )
        if row is not None:
            usage.record(row.session_id, client.address, timezone.now())
        return access

    def _verified(self, text: str) -> tuple[SessionRow | None, Access]:
        """What the token gives, whoever presents it; with its session if it is ours."""
        known = None if access_settings.stateless_cache else remembered.recall(text)
        if known is not None:
            return known.row, self._accept(known.row, known.claims)
        token = parsed(text)
        issuer = token.claims.get("iss")
        if issuer == access_settings.ISSUER:
            return self._own(text, token)
        return None, self._foreign(token, issuer if isinstance(issuer, str) else "")

    def inspect_own(self, presented: Presented, audiences: tuple[str, ...] = ()) -> Access:
        """As `authenticate`, for tokens that we issued; others are refused. It is no use of the session: its owner is not here.

        `audiences`: those whose tokens are looked at, in the place of our own; such a token is not remembered as good here.
        """
        token = parsed(presented.value)
        if token.claims.get("iss") != access_settings.ISSUER:
            raise InvalidCredential(Reason.UNTRUSTED_ISSUER, kind=KIND)
        return self._own(presented.value, token, audiences)[1]

    def _own(self, text: str, token: CompactToken, audiences: tuple[str, ...] = ()) -> tuple[SessionRow, Access]:
        """Signature, claims, then the one statement: nothing of an unverified token reaches the database but a bounded `kid`."""
        check_signature(token)
        checked(token, own_expectation(audiences))
        sid = str(token.claims.get("sid", ""))
        found = NOTHING if audiences else shared_facts.find(sid)
        asked_at = time.monotonic()
        shared = SessionRow.of_facts(found.facts)
        row = session_of(token) if shared is None else holding(token, shared)
        access = self._accept(row, token.claims, from_facts=shared is not None)
        if shared is None and found.within is not None:
            shared_facts.keep(found, sid, row.facts())
        elif not audiences and not access_settings.stateless_cache:
            remembered.keep(text, RememberedToken(row, token.claims), asked_at)
        return row, access

    def _accept(self, row: SessionRow, claims: dict[str, Any], *, from_facts: bool = False) -> Access:
        """What is asked at every use, remembered or not. `from_facts`: the password was compared when the facts were kept."""
        now = timezone.now()
        for reason, detail in restrictions(row, claims, now, from_facts=from_facts):
            raise refusal(row, reason, detail)
        return access_of_row(row, claims, now)

    def _foreign(self, token: CompactToken, issuer: str) -> Access:
        keys = issuers.key_set_of(issuer)
        if keys is None:
            raise InvalidCredential(Reason.UNTRUSTED_ISSUER, kind=KIND, foreign=True)
        key = keys.find(token.key_id, token.algorithm)
        if key is None:
            raise InvalidCredential(Reason.UNKNOWN_KEY, kind=KIND)
        if not key.verifies(token):
            raise InvalidCredential(Reason.BAD_SIGNATURE, kind=KIND)
        trusted = keys.issuer
        checked(token, trusted.expectation())
        user = issuers.user_for(trusted, token.claims)
        subject = hashlib.sha256(f"{issuer}|{token.claims['sub']}".encode()).hexdigest()[:16]
        if user is None:
            raise InvalidCredential(Reason.NO_LINKED_USER, f"no user is linked to the subject at {issuer}", kind=KIND)
        if not user.is_active:
            raise InvalidCredential(Reason.PRINCIPAL_INACTIVE, kind=KIND, principal_id=user.pk)
        policy = current_policy()
        lent = {policy.id_of(name) for name in issuers.mapped_roles(trusted, token.claims)} - {None}
        rights = active_rights(grant_rows(user), timezone.now()) | {(role, None, False) for role in lent}
        held = policy.held(rights, superuser=bool(getattr(user, "is_superuser", False)))
        client = issuers.client_of(trusted, token.claims)
        own_name = client in {None, FIRST_PARTY_CLIENT}  # whatever it calls itself, it is no client of ours
        facts = {**assurance(token.claims), "client_id": issuer if own_name else client}
        access = build_access(
            user,
            CredentialRef(KIND, subject, issuer),
            policy=policy,
            held=held,
            granted=issuers.mapped_scopes(trusted, token.claims),
            can_step_up=True,
            **facts,
        )
        user.__dict__["_apiaccess_rights"] = PrincipalRights(user, policy, held, None)
        rights_within: Any = access.rights
        put_ceiling(user, rights_within)
        return access


def within_session(granted: frozenset[str], allowed: frozenset[str]) -> frozenset[str]:
    """The scopes of a token that its session has still: its client may have been narrowed since the token was signed."""
    if granted <= allowed:
        return granted
    expand = registry.expand
    return (granted & allowed) | (expand(granted) & expand(allowed))


def check_signature(token: CompactToken) -> None:
    """Raise `InvalidCredential` unless a key of ours signed the token."""
    key = ring.verifying_key(token.key_id)
    if key is None:
        raise InvalidCredential(Reason.UNKNOWN_KEY, kind=KIND)
    if not key.verifies(token):
        raise InvalidCredential(Reason.BAD_SIGNATURE, kind=KIND)


def session_of(token: CompactToken) -> SessionRow:
    """The session of a token whose signature and claims are right. Raises `InvalidCredential`."""
    row = load(str(token.claims.get("sid", "")))
    if row is None:
        raise InvalidCredential(Reason.UNKNOWN, "its session is gone", kind=KIND)
    return holding(token, row)


def holding(token: CompactToken, row: SessionRow) -> SessionRow:
    """The session, if the key that signed the token is trusted still. Raises `InvalidCredential`."""
    if not ring.still_holds(token.key_id, row.signing_keys_generation):
        raise refusal(row, Reason.UNKNOWN_KEY, "its signing key is not trusted any more")
    return row


def restrictions(
    row: SessionRow, claims: dict[str, Any], now: datetime, *, from_facts: bool = False
) -> Iterator[tuple[Reason, str]]:
    """Every reason why a token of the session, whose signature and claims are right, gives nothing now.

    `from_facts`: the password was compared when the facts were kept.
    """
    if now.timestamp() >= claims["exp"] + LEEWAY.total_seconds():
        yield Reason.EXPIRED, ""
    if row.revoked_at is not None:
        yield Reason.REVOKED, ""
    if row.expires_at <= now:
        yield Reason.EXPIRED, ""
    if str(row.principal_id) != claims["sub"] or row.client_id != claims["client_id"]:
        yield Reason.BAD_CLAIMS, "sub or client_id is not the session's"
    if not row.is_active:
        yield Reason.PRINCIPAL_INACTIVE, ""
    if not from_facts and not password_unchanged(row.password_mark, row.password):
        yield Reason.PASSWORD_CHANGED, ""


def access_of_row(row: SessionRow, claims: dict[str, Any], now: datetime) -> Access:
    """Granted ∩ held, from the row alone."""
    return row.access(
        CredentialRef(KIND, row.sid, f"session {row.sid[:6]}"),
        granted=within_session(parse(str(claims.get("scope", ""))), row.scope),
        now=now,
        session_id=row.sid,
        can_step_up=True,
        **assurance(claims),
    )


def own_expectation(audiences: tuple[str, ...] = ()) -> Expectation:
    """What a token of ours must say (RFC 9068 section 4), for one of `audiences` (our own)."""
    return Expectation(
        access_settings.ISSUER,
        audiences or (access_settings.AUDIENCE,),
        required=("iss", "aud", "sub", "exp", "iat", "jti", "client_id", "sid"),
        max_lifetime=max(access_settings.ACCESS_TOKEN_LIFETIME, timedelta(hours=1)),
        leeway=LEEWAY,
    )


def parsed(text: str) -> CompactToken:
    """The token taken apart, or `InvalidCredential`."""
    try:
        return compact.parse(text)
    except TokenFormatError as error:
        raise InvalidCredential(Reason.MALFORMED, str(error), kind=KIND, foreign=True) from None


def checked(token: CompactToken, expected: Expectation) -> None:
    """Check the claims of a token whose signature is right, or raise `InvalidCredential`."""
    try:
        check(token.typ, token.claims, expected, time.time())
    except TokenFormatError as error:
        reason = Reason.EXPIRED if str(error) == "expired" else Reason.BAD_CLAIMS
        raise InvalidCredential(reason, str(error), kind=KIND) from None


def assurance(claims: dict[str, Any]) -> dict[str, Any]:
    """`amr`, `acr`, `auth_time`, `expires_at` and the bound key of verified claims; what is missing or odd counts as the weakest."""
    amr, acr, auth_time = claims.get("amr"), claims.get("acr"), claims.get("auth_time")
    methods = tuple(item for item in amr if isinstance(item, str)) if isinstance(amr, list) else ()
    is_time = isinstance(auth_time, int | float) and not isinstance(auth_time, bool)
    return {
        "amr": methods,
        "acr": acr if isinstance(acr, str) and rank(acr) >= 0 else "",
        "auth_time": datetime.fromtimestamp(float(auth_time or 0), UTC)
        if is_time and 0 < float(auth_time or 0) <= time.time() + 60
        else None,
        "expires_at": datetime.fromtimestamp(claims["exp"], UTC),
        "client_id": claims.get("client_id"),
        "dpop_jkt": bound_key(claims),
    }


def refusal(row: SessionRow, reason: Reason, detail: str = "") -> InvalidCredential:
    """The error for a token whose session was found."""
    return InvalidCredential(
        reason,
        detail,
        kind=KIND,
        credential_id=row.sid,
        credential_label=f"session {row.sid[:6]}",
        principal_id=row.principal_id,
    )
