"""Callers who show a credential of ours, or whose token session is named: its form, its signature or checksum, its look-up, its state.

A text that is shown is read and forgotten: no part of an answer holds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..authn import header
from ..authn.kinds import Presented
from ..conf import access_settings
from ..core import compact
from ..core import scopes as core_scopes
from ..core.reasons import Reason
from ..exceptions import InvalidCredential
from ..keys import credential as keys
from ..roles.provenance import Source, provenance
from ..tokens import credential as tokens
from ..tokens.lookup import SessionRow
from .explanation import Part
from .simulation import Simulation
from .steps import arrives, bound, fix_moment, no, of_error, of_key, of_problems

SCHEMES = ("api-key", "bearer", "token", "dpop")


@dataclass(slots=True)
class Shown:
    """A credential as it is sent: an API key, or an access token of ours; alone, or after its scheme."""

    text: str = field(repr=False)
    principal: Any = field(default=None, init=False, repr=False)

    def steps(self, simulated: Simulation) -> Iterator[Part]:
        if not simulated.reads_headers():
            yield from arrives(simulated, keys.KIND, "credential")
            return
        try:
            presented = self._parsed()
        except InvalidCredential as error:
            yield of_error("parse", "credential", error)
            return
        is_token = presented.scheme in {"bearer", "dpop"} and compact.looks_like_jwt(presented.value)
        kind, what = (tokens.KIND, "access token") if is_token else (keys.KIND, "API key")
        yield Part(what, allowed=True, detail=f"sent as {presented.scheme}", step="parse")
        if not (yield from arrives(simulated, kind, what)):
            return
        if is_token or keys.APIKeyKind().recognises(presented):
            yield from (self._token if is_token else self._key)(simulated, presented)
            return
        unknown = InvalidCredential(Reason.UNRECOGNISED, "neither an API key nor an access token by its form")
        yield of_error("parse", "credential", unknown)

    def _parsed(self) -> Presented:
        scheme, _, rest = self.text.strip().partition(" ")
        if not rest or scheme.lower() not in SCHEMES:
            scheme, rest = "Bearer" if compact.looks_like_jwt(self.text.strip()) else "Api-Key", self.text.strip()
        found = header.presented({"HTTP_AUTHORIZATION": f"{scheme} {rest}"})
        if found is None:
            raise InvalidCredential(Reason.MALFORMED, "not of the form of a credential")
        return found

    def _scheme(self, presented: Presented) -> str:
        """How it was sent; empty: the text says nothing of that."""
        return presented.scheme if self.text.strip().lower().startswith(f"{presented.scheme} ") else ""

    def _key(self, simulated: Simulation, presented: Presented) -> Iterator[Part]:
        try:
            ids = keys.ids_in(presented)
        except InvalidCredential as error:
            yield of_error("checksum", "checksum", error)
            return
        yield Part("checksum", allowed=True, detail=f"public id {ids[0]}", step="checksum")
        try:
            row = keys.found_row(presented, ids)
            keys.check_secret(row, presented.value)
        except InvalidCredential as error:
            yield of_error("look_up", "look-up", error, detail="" if error.detail else _why(error.reason))
            return
        self.principal = row.make_principal()
        yield Part("look-up", allowed=True, detail="the secret is right", step="look_up")
        yield from of_key(simulated, row, self._scheme(presented))

    def _token(self, simulated: Simulation, presented: Presented) -> Iterator[Part]:
        try:
            token = tokens.parsed(presented.value)
        except InvalidCredential as error:
            yield of_error("parse", "token", error)
            return
        try:
            if token.claims.get("iss") != access_settings.ISSUER:
                detail = "a token of another issuer: only those that this API issued are explained"
                yield no("checksum", "signature", Reason.UNTRUSTED_ISSUER, detail, status=401)
                return
            tokens.check_signature(token)
            yield Part("signature", allowed=True, detail=f"by the key {token.key_id}", step="checksum")
            tokens.checked(token, tokens.own_expectation())
            row = tokens.session_of(token)
        except InvalidCredential as error:
            yield of_error("look_up", "token", error, detail="" if error.detail else _why(error.reason))
            return
        yield Part("look-up", allowed=True, detail="its session is there", step="look_up")
        self.principal = row.make_principal()
        yield from of_session(simulated, row, token.claims, self._scheme(presented))

    def sources(self, simulated: Simulation) -> list[Source]:
        return [] if self.principal is None else provenance(self.principal, at=simulated.context.at)


@dataclass(frozen=True, slots=True)
class WithSession:
    """A token session that is named, of a person or of an OAuth client: one of its access tokens, fresh and taken to be right."""

    session: Any
    row: SessionRow

    def steps(self, simulated: Simulation) -> Iterator[Part]:
        if not (yield from arrives(simulated, tokens.KIND, "access token")):
            return
        yield Part(
            "parse, signature", allowed=True, detail="not looked at: the session is named, no token shown", step="parse"
        )
        if self.session.audience and access_settings.AUDIENCE not in self.session.audience.split():
            elsewhere = InvalidCredential(Reason.BAD_CLAIMS, "its tokens are for another resource", kind=tokens.KIND)
            yield of_error("parse", "audience", elsewhere)
            return
        yield from of_session(simulated, self.row, self._claims(simulated))

    def _claims(self, simulated: Simulation) -> dict[str, Any]:
        """Those of a token that the session gives now."""
        session, context = self.session, simulated.context
        said = context.acr is not None
        auth_time = context.auth_time if said or context.auth_age else session.auth_time
        return {
            "sub": str(session.user_id),
            "client_id": session.client_id,
            "scope": core_scopes.dump(session.scope),
            "exp": (context.now + access_settings.ACCESS_TOKEN_LIFETIME).timestamp(),
            "acr": context.acr if said else session.acr,
            "amr": session.amr.split(),
            "auth_time": auth_time.timestamp(),
        }

    def sources(self, simulated: Simulation) -> list[Source]:
        return provenance(self.row.make_principal(), at=simulated.context.at)


def of_session(
    simulated: Simulation, row: SessionRow, claims: dict[str, Any], scheme: str | None = None
) -> Iterator[Part]:
    """The state of the session behind a token that is right; then it signs in. `scheme`: as in `bound`; None: no token came."""
    now = simulated.context.now
    who = f"session {row.sid[:6]} of client {row.client_id}"
    problems = list(tokens.restrictions(row, claims, now))
    facts = f"until {row.expires_at:%Y-%m-%d %H:%M} UTC, scopes {claims.get('scope') or 'none'}"
    yield from of_problems(who, facts, "none", problems, tokens.KIND)
    if problems:
        return
    access = tokens.access_of_row(row, claims, now)
    demanded = access_settings.DPOP_REQUIRED
    if scheme is not None and not (yield from bound(scheme, access.dpop_jkt, tokens.KIND, demanded=demanded)):
        return
    reader = simulated.reader(tokens.KIND)
    if reader is not None and not reader.accepts(access):
        ends = simulated.ends_unread()
        detail = "a token of our own log-in, where those of OAuth clients are taken"
        yield no("parse", "client", Reason.OTHER_CLIENT, detail, status=401 if ends else None, decisive=ends)
        return
    fix_moment(access.rights, access.principal, simulated.context.at)
    simulated.sign_in(access)


def _why(reason: Reason) -> str:
    return {
        Reason.UNKNOWN: "there is no such credential here",
        Reason.WRONG_SECRET: "the id is known, the secret is not its",
        Reason.UNKNOWN_KEY: "no key of ours has its kid",
        Reason.BAD_SIGNATURE: "the signature is not right",
    }.get(reason, "")
