"""Why a request is allowed or refused, step by step, by the code that decides about live ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..core import scopes as core_scopes
from ..core.access import Access
from ..core.requirement import HasPermission, HasRole, HasScope
from ..keys.lookup import KeyRow
from ..roles.provenance import Source
from .callers import Caller, SignedIn, WithKey
from .context import Context
from .explanation import Explanation, Part
from .imagined import Changes
from .simulation import Simulation
from .weighing import Weighing


def explain(
    caller: Caller, method: str, path: str, context: Context | None = None, *, changes: Changes | None = None
) -> Explanation:
    """Whether `caller` may. With `changes`: whether they might after those. Writes nothing.

    Raises `UnknownName` for a path or a method that no view takes.
    """
    return explained(caller, Simulation.of(method, path, context or Context(), changes))


def explained(caller: Caller, simulated: Simulation) -> Explanation:
    """The same about a simulated request that was made already. It is used up."""
    parts = list(caller.steps(simulated))
    if not any(part.decisive and not part.allowed for part in parts):
        weighing = Weighing(simulated.view, simulated.request)
        access = simulated.access
        guard = weighing.guard() if access is not None and access.scoped and simulated.request.auth is access else None
        if guard is not None:
            parts.append(guard)
        else:
            judged = list(weighing.judged())
            parts += judged if access is None else _with_sources(judged, access, caller.sources(simulated))
    found = Explanation.of(simulated.method, simulated.path, simulated.view_name, parts)
    return replace(found, status=simulated.status(found.status))


def explain_user(user: Any, method: str, path: str, *, address: str = "", origin: str = "") -> Explanation:
    """Whether `user` may, signed in and with all that they hold. Raises as `explain`."""
    return explain(SignedIn(user), method, path, Context(address=address, origin=origin))


def explain_key(row: KeyRow, method: str, path: str, *, address: str = "", origin: str = "") -> Explanation:
    """Whether the key of `row` may, sent from `address` and `origin`. Raises as `explain`."""
    return explain(WithKey(row), method, path, Context(address=address, origin=origin))


def _with_sources(parts: Iterable[Part], access: Access, sources: Iterable[Source]) -> list[Part]:
    """The parts, with where each right comes from, or which half of it is missing."""
    found: dict[tuple[str, str], list[Source]] = {}
    for source in sources:
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
    what = "key" if access.credential.kind == "api_key" else "token"
    if scope not in granted:
        return f"the {what} was not granted it{'' if held else ', and its principal does not hold it'}"
    return "" if held else f"the {what} was granted it, but its principal does not hold it now"
