"""Answers that several kinds of caller give on the way to being known, in the words of the code that refuses live requests."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, Final

from ..authn import possession, responses
from ..core import scopes as core_scopes
from ..core.reasons import Reason
from ..exceptions import InvalidCredential
from ..keys import credential as keys
from ..keys.lookup import KeyRow
from ..mfa import policy as mfa
from ..roles.rights import PrincipalRights
from .explanation import Part
from .simulation import Simulation

ADVICE: Final[dict[Reason, str]] = {
    Reason.REVOKED: "for ever: issue a new one",
    Reason.EXPIRED: "issue a new one, or give a key a later end",
    Reason.PRINCIPAL_INACTIVE: "its user or service account is not active",
    Reason.PASSWORD_CHANGED: "its user has another password now: they log in again",
}
"""What helps where the reason itself has no detail."""
IS_STATUS: Final = frozenset(
    {
        Reason.REVOKED,
        Reason.EXPIRED,
        Reason.SECRET_RETIRED,
        Reason.PRINCIPAL_INACTIVE,
        Reason.PASSWORD_CHANGED,
        Reason.BAD_CLAIMS,
    }
)
"""Refusals for what a credential is; the others are for how it was used."""


def transport(simulated: Simulation) -> Iterator[Part]:
    """Whether a credential may come as this one does."""
    text = "over TLS" if simulated.context.secure else "over plain HTTP"
    if simulated.in_clear:
        status = responses.for_credential(Reason.INSECURE_TRANSPORT).status
        yield no("transport", text, Reason.INSECURE_TRANSPORT, "REQUIRE_TLS refuses credentials there", status=status)
    else:
        yield Part(text, allowed=True, step="transport")


def arrives(simulated: Simulation, kind: str, what: str) -> Generator[Part, None, bool]:
    """Whether a credential in a header reaches somebody who reads it; the generator's value says so."""
    if simulated.reads_headers():
        yield from transport(simulated)
        if simulated.in_clear:
            return False
    if simulated.reader(kind) is not None:
        return True
    status = responses.for_credential(Reason.UNRECOGNISED).status
    ends = simulated.ends_unread()
    detail = "the request ends" if ends else "the request counts as anonymous"
    detail = f"this view's authentication classes take no {what} of this kind: {detail}"
    yield no("parse", what, Reason.UNRECOGNISED, detail, status=status if ends else None, decisive=ends)
    return False


def unread_session(who: str) -> Part:
    """Nobody reads sessions at the view."""
    detail = "this view's authentication classes take no session: the request counts as anonymous"
    return no("session", who, Reason.UNRECOGNISED, detail, decisive=False)


def bound(scheme: str, jkt: str, kind: str, *, demanded: bool = False) -> Generator[Part, None, bool]:
    """Whether a credential came with the scheme of those that are bound to a key, as it must; the proof beside it is taken to be right.
    An empty `scheme`: with the one that fits.
    """
    scheme = scheme or (possession.SCHEME if jkt else "bearer")
    problem = possession.scheme_problem(scheme, jkt, demanded=demanded)
    if problem is not None:
        reason, detail = problem
        yield no("restrictions", "proof", reason, detail, status=responses.for_credential(reason, kind).status)
    elif jkt:
        yield Part(
            "proof", allowed=True, detail="bound to a key, whose DPoP proof is taken to be there", step="restrictions"
        )
    return problem is None


def of_key(simulated: Simulation, row: KeyRow, scheme: str | None = None) -> Iterator[Part]:
    """The state and the limits of a key whose secret is right; then it signs in. `scheme`: as in `bound`; None: it did not come."""
    now = simulated.context.now
    who = f"API key {row.name!r} (id {row.key_id})"
    facts = [f"until {row.expires_at:%Y-%m-%d %H:%M} UTC" if row.expires_at else "no end"]
    facts += [f"scopes {core_scopes.dump(row.scopes)}"] if row.scopes else []
    limits = {
        "networks": row.networks,
        "origins": row.origins,
        "rate": row.rate,
        "only with a DPoP proof, taken to be there, of": row.dpop_jkt,
    }
    bounds = ", ".join(f"{name} {value}" for name, value in limits.items() if value) or "none"
    problems = list(keys.restrictions(row, simulated.client, now))
    yield from of_problems(who, ", ".join(facts), bounds, problems, keys.KIND)
    if not problems and (scheme is None or (yield from bound(scheme, row.dpop_jkt, keys.KIND))):
        access = keys.access_of_row(row, now)
        fix_moment(access.rights, access.principal, simulated.context.at)
        simulated.sign_in(access)


def of_problems(who: str, facts: str, bounds: str, problems: list[tuple[Reason, str]], kind: str) -> Iterator[Part]:
    """The steps `status` and `restrictions`, each with every reason against the credential. A live request ends with the first."""
    for step, text, detail, inside in (
        ("status", who, facts, [pair for pair in problems if pair[0] in IS_STATUS]),
        ("restrictions", "restrictions", bounds, [pair for pair in problems if pair[0] not in IS_STATUS]),
    ):
        if not inside:
            yield Part(text, allowed=True, detail=detail, step=step)
            continue
        parts = tuple(no(step, reason.value, reason, said or ADVICE.get(reason, "")) for reason, said in inside)
        first = inside[0][0]
        status = responses.for_credential(first, kind).status
        yield Part(text, allowed=False, reason=first, detail="may not be used", parts=parts, status=status, step=step)


def of_error(step: str, text: str, error: InvalidCredential, *, detail: str = "") -> Part:
    """A refused credential, with what its sender sees."""
    status = responses.for_credential(error.reason, error.kind, error.detail).status
    return no(step, text, error.reason, detail or error.detail or ADVICE.get(error.reason, ""), status=status)


def no(step: str, text: str, reason: Reason, detail: str, *, status: int | None = None, decisive: bool = True) -> Part:
    return Part(text, allowed=False, reason=reason, detail=detail, status=status, decisive=decisive, step=step)


def assurance_of(simulated: Simulation, user: Any) -> dict[str, Any]:
    """How the log-in went from which an imagined token comes."""
    context = simulated.context
    acr = context.assurance(multi_factor=user is not None and mfa.has_second_factor(user))
    return {"acr": acr, "auth_time": context.auth_time, "can_step_up": True}


def fix_moment(rights: Any, user: Any, at: Any) -> None:
    """Let grants on single objects be asked for the moment for which all else is."""
    if at is None:
        return
    rights.at = at
    known = user.__dict__.get("_apiaccess_rights") or getattr(user, "_wrapped", user).__dict__.get("_apiaccess_rights")
    if known is None:
        known = PrincipalRights(user, rights.policy, rights.held, None)
        user.__dict__["_apiaccess_rights"] = known
    known.at = at
