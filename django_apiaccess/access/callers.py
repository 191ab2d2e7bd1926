"""Who makes a request that nobody sent: each says what a live request of theirs meets until it is known who asks.

A caller's `steps` yield the answers in the order of a live request, and sign the caller in. They end after a decisive no; a caller who is
not signed in at their end counts as anonymous.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from ..authn import responses
from ..conf import access_settings
from ..core import scopes as core_scopes
from ..core.access import CredentialRef
from ..core.assurance import MULTI_FACTOR, rank
from ..core.reasons import Reason
from ..exceptions import InvalidCredential
from ..keys import credential as keys
from ..keys.lookup import KeyRow
from ..mfa import policy as mfa
from ..passwords.sessions import STAMP, is_pending
from ..roles.policy import Policy, current_policy
from ..roles.provenance import Source, provenance
from ..roles.rights import PrincipalRights, access_of_user, build_access, held_by
from .explanation import Part
from .imagined import fresh_copy, lend, nobody, rights_of_roles
from .simulation import Simulation
from .steps import ADVICE, arrives, assurance_of, fix_moment, no, of_error, of_key, transport, unread_session

HIDES_PENDING: Final = "django_apiaccess.middleware.SecondFactorMiddleware"
"""What makes a session nobody's for every authenticator until its second factor is proven."""
PENDING: Final = "the log-in is not complete: its second factor is not proven, or has yet to be enrolled"


class Caller(Protocol):
    """Somebody who asks."""

    def steps(self, simulated: Simulation) -> Iterator[Part]:
        """The answers until it is known who asks; see above."""

    def sources(self, simulated: Simulation) -> list[Source]:
        """Where the caller's rights come from."""


class Anonymous:
    """A request without any credential."""

    def steps(self, simulated: Simulation) -> Iterator[Part]:
        yield Part("anonymous", allowed=True, detail="no credential is sent", step="session")

    def sources(self, simulated: Simulation) -> list[Source]:
        return []


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user with a session of Django's, and its CSRF token."""

    user: Any

    def steps(self, simulated: Simulation) -> Iterator[Part]:
        user, context = self.user, simulated.context
        who = f"user {user.get_username()!r}"
        reader = simulated.reader("session")
        if reader is not None:
            yield from transport(simulated)
            if simulated.in_clear:
                return
        if not user.is_active:
            detail = "not active: a request of theirs counts as anonymous"
            yield no("status", who, Reason.PRINCIPAL_INACTIVE, detail, decisive=False)
            return
        if reader is None and not simulated.has_other_readers():
            yield unread_session(who)
            return
        session = self._session(simulated)
        if reader is None and is_pending(session) and HIDES_PENDING in access_settings.middleware:
            yield no("session", who, Reason.MFA_REQUIRED, f"{PENDING}: the request counts as anonymous", decisive=False)
            return
        if reader is None:
            other = fresh_copy(user)
            access = access_of_user(other, kind="other", at=context.at)
            fix_moment(access.rights, other, context.at)
            simulated.sign_in(access, ours=False)
            yield Part(
                who, allowed=True, detail="signed in otherwise: this view takes no session of ours", step="session"
            )
            return
        http: Any = simulated.http
        http.user, http.session = fresh_copy(user), session
        http._dont_enforce_csrf_checks = True  # noqa: SLF001 - what Django's own test client says
        try:
            found = reader.session_access(http, at=context.at)
        except InvalidCredential as error:
            yield of_error("session", who, error, detail=PENDING)
            return
        assert found is not None  # active, and not anonymous
        fix_moment(found.rights, http.user, context.at)
        simulated.sign_in(found)
        yield Part(who, allowed=True, detail=f"signed in at {found.acr}", step="session")

    def _session(self, simulated: Simulation) -> dict[str, Any]:
        """The session as a log-in of the user leaves it."""
        context = simulated.context
        has_factor = mfa.has_second_factor(self.user)
        acr = context.assurance(multi_factor=has_factor)
        weak = rank(acr) < rank(MULTI_FACTOR)
        pending = weak and (has_factor or mfa.leads_to_enrolment(self.user, context.now))
        return {STAMP: {"auth_time": int(context.auth_time.timestamp()), "amr": [], "acr": acr, "pending": pending}}

    def sources(self, simulated: Simulation) -> list[Source]:
        return provenance(self.user, at=simulated.context.at)


@dataclass(frozen=True, slots=True)
class WithKey:
    """An API key that is named, not shown: its text is taken to be right."""

    row: KeyRow

    def steps(self, simulated: Simulation) -> Iterator[Part]:
        if not (yield from arrives(simulated, keys.KIND, "API key")):
            return
        yield Part(
            "parse, checksum, secret", allowed=True, detail="not looked at: the key is named, not shown", step="parse"
        )
        yield from of_key(simulated, self.row)

    def sources(self, simulated: Simulation) -> list[Source]:
        return provenance(self.row.make_principal(), at=simulated.context.at)


@dataclass(frozen=True, slots=True)
class WithScopes:
    """A user or service account with an imagined credential that was granted `scopes`."""

    user: Any
    granted: frozenset[str]

    def steps(self, simulated: Simulation) -> Iterator[Part]:
        is_program = hasattr(self.user, "service_account")
        kind = "api_key" if is_program else "jwt"
        if not (yield from arrives(simulated, kind, "credential")):
            return
        who = f"credential of {self.user.get_username()!r} for {core_scopes.dump(self.granted) or 'no scope'}"
        if not self.user.is_active:
            status = responses.for_credential(Reason.PRINCIPAL_INACTIVE, kind).status
            yield no("status", who, Reason.PRINCIPAL_INACTIVE, ADVICE[Reason.PRINCIPAL_INACTIVE], status=status)
            return
        yield Part(who, allowed=True, detail="imagined", step="status")
        policy, at = current_policy(), simulated.context.at
        user = fresh_copy(self.user)
        held = held_by(user, at=at, policy=policy)
        credential = CredentialRef(kind, "", "imagined")
        facts = {} if is_program else assurance_of(simulated, self.user)
        access = build_access(user, credential, policy=policy, held=held, granted=self.granted, **facts)
        within: Any = access.rights
        whole = PrincipalRights(user, policy, held, None)
        within.at = whole.at = at
        lend(user, whole, within)
        simulated.sign_in(access)

    def sources(self, simulated: Simulation) -> list[Source]:
        return provenance(self.user, at=simulated.context.at)


@dataclass(frozen=True, slots=True)
class Imagined:
    """Somebody who is in no database and has nothing but these roles and scopes; with `granted`, by a credential for those scopes."""

    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    granted: frozenset[str] | None = None
    on: Any = None
    policy: Policy | None = field(default=None, repr=False)
    """The roles that there are; None: those of the database."""

    def steps(self, simulated: Simulation) -> Iterator[Part]:
        kind = "session" if self.granted is None else "jwt"
        if self.granted is None:
            yield from transport(simulated)
            if simulated.in_clear:
                return
        elif not (yield from arrives(simulated, kind, "credential")):
            return
        ours = kind != "session" or simulated.reader(kind) is not None
        if not ours and not simulated.has_other_readers():
            yield unread_session(str(self))
            return
        user = nobody("imagined")
        whole, within = rights_of_roles(user, self.roles, self.scopes, self.granted, on=self.on, policy=self.policy)
        lend(user, whole, None if self.granted is None else within)
        facts = assurance_of(simulated, None)
        credential = CredentialRef(kind, "", "imagined")
        access = build_access(user, credential, policy=whole.policy, held=whole.held, granted=self.granted, **facts)
        simulated.sign_in(replace(access, rights=within), ours=ours)
        yield Part(str(self), allowed=True, detail=f"imagined, logged in at {access.acr}", step="session")

    def __str__(self) -> str:
        names = [
            *(f"the role {name}" for name in sorted(self.roles)),
            *(f"the scope {name}" for name in sorted(self.scopes)),
        ]
        where = "" if self.on is None else f" on {self.on._meta.label}:{self.on.pk}"
        return f"somebody with {' and '.join(names) or 'nothing'}{where}"

    def sources(self, simulated: Simulation) -> list[Source]:
        return []
