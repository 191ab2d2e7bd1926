"""Why a request is allowed or refused, part by part, by the code that decides about live ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from ..authn import responses
from ..authn.client import where_of
from ..authn.kinds import Client
from ..core import scopes as core_scopes
from ..core.access import Access
from ..core.reasons import Reason
from ..core.requirement import HasPermission, HasRole, HasScope
from ..keys.credential import KIND, access_of_row, restrictions
from ..keys.lookup import KeyRow
from ..roles.provenance import Source, provenance
from ..roles.rights import access_of_user
from .explanation import Explanation, Part
from .simulation import Simulation

ADVICE: Final[dict[Reason, str]] = {
    Reason.REVOKED: "for ever: issue a new key",
    Reason.EXPIRED: "issue a new key, or give this one a later end",
    Reason.PRINCIPAL_INACTIVE: "its user or service account is not active",
}
"""What helps where the reason itself has no detail."""


def explain_user(user: Any, method: str, path: str, *, address: str = "", origin: str = "") -> Explanation:
    """Whether `user` may, signed in and with all that they hold. Raises `UnknownName` for a path or a method that no view takes."""
    simulated = Simulation.of(method, path, address=address, origin=origin)
    who = f"user {user.get_username()!r}"
    if not user.is_active:
        detail = "not active: a request of theirs counts as anonymous"
        part = Part(who, allowed=False, reason=Reason.PRINCIPAL_INACTIVE, detail=detail, decisive=False)
        return _explained(simulated, [part, *simulated.judged()])
    ours = simulated.takes("session")
    access = access_of_user(user) if ours else None
    simulated.sign_in(user, access)
    part = Part(
        who, allowed=True, detail="signed in" if ours else "signed in otherwise: this view takes no session of ours"
    )
    judged = _with_sources(simulated.judged(), access or access_of_user(user, kind="other"))
    return _explained(simulated, [part, *judged])


def explain_key(row: KeyRow, method: str, path: str, *, address: str = "", origin: str = "") -> Explanation:
    """Whether the key of `row` may, sent from `address` and `origin`. Raises `UnknownName` as `explain_user`."""
    simulated = Simulation.of(method, path, address=address, origin=origin)
    who = f"API key {row.name!r} (id {row.key_id})"
    if not simulated.takes(KIND):
        detail = "this view's authentication classes take no API keys: the request counts as anonymous"
        part = Part(who, allowed=False, reason=Reason.UNRECOGNISED, detail=detail, decisive=False)
        return _explained(simulated, [part, *simulated.judged()])
    now = timezone.now()
    key = _key_part(who, row, Client(where_of(simulated.request), origin), now)
    if not key.allowed:
        return _explained(simulated, [key])
    access = access_of_row(row, now)
    simulated.sign_in(access.principal, access)
    guard = simulated.guard()
    if guard is not None:
        return _explained(simulated, [key, guard])
    return _explained(simulated, [key, *_with_sources(simulated.judged(), access)])


def _explained(simulated: Simulation, parts: list[Part]) -> Explanation:
    return Explanation.of(simulated.method, simulated.path, simulated.view_name, parts)


def _key_part(who: str, row: KeyRow, client: Client, now: datetime) -> Part:
    """The state of the key itself, with every reason why it may not be used."""
    refused = [
        Part(reason.value, allowed=False, reason=reason, detail=detail or ADVICE.get(reason, ""))
        for reason, detail in restrictions(row, client, now)
    ]
    if refused:
        reason = refused[0].reason
        assert reason is not None
        status = responses.for_credential(reason).status
        return Part(who, allowed=False, reason=reason, detail="may not be used", parts=tuple(refused), status=status)
    limits = {
        "networks": row.networks,
        "origins": row.origins,
        "rate": row.rate,
        "only with a DPoP proof of": row.dpop_jkt,
        "scopes": core_scopes.dump(row.scopes),
    }
    facts = [f"{name} {value}" for name, value in limits.items() if value]
    ends = f"until {row.expires_at:%Y-%m-%d %H:%M} UTC" if row.expires_at else "no end"
    return Part(who, allowed=True, detail=", ".join([ends, *facts]))


def _with_sources(parts: Iterable[Part], access: Access) -> list[Part]:
    """The parts, with where each right comes from, or which half of it is missing."""
    found: dict[tuple[str, str], list[Source]] = {}
    for source in provenance(access.principal):
        found.setdefault((source.kind, source.name), []).append(source)
    return [_with_source(part, access, found) for part in parts]


def _with_source(part: Part, access: Access, found: dict[tuple[str, str], list[Source]]) -> Part:
    part = replace(part, parts=tuple(_with_source(inner, access, found) for inner in part.parts))
    wanted = part.requirement
    if not isinstance(wanted, HasScope | HasRole | HasPermission):
        return part
    kind = {HasScope: "scope", HasRole: "role", HasPermission: "permission"}[type(wanted)]
    part = replace(part, sources=tuple(_told(source) for source in found.get((kind, wanted.name), ())))
    if isinstance(wanted, HasScope) and not part.allowed:
        part = replace(part, detail=_lack(wanted.name, access, held=bool(part.sources)) or part.detail)
    return part


def _told(source: Source) -> str:
    on = f" on {source.on}" if source.on else ""
    until = f" until {source.until:%Y-%m-%d %H:%M} UTC" if source.until else ""
    return f"{source.path}{on}{until}"


def _lack(scope: str, access: Access, *, held: bool) -> str:
    """Which half of "granted and held" a scope lacks; empty where it is there, but on single objects only."""
    complaint = core_scopes.registry.complaint(scope)
    if complaint:
        return complaint
    granted = getattr(access.rights, "granted", None)
    if not access.scoped or granted is None:
        return "" if held else "not held: no grant gives it"
    if scope not in granted:
        return f"the key was not granted it{'' if held else ', and its principal does not hold it'}"
    return "" if held else "the key was granted it, but its principal does not hold it now"
