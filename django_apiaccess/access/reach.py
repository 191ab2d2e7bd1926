"""What one principal, or one key, can: rights with their ways, and the endpoints that these open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ..core.access import Access
from ..core.assurance import ACR_LEVELS
from ..core.requirement import And, HasMFA, Requirement, decide, leaves
from ..exceptions import NotAnswerable, UnknownName
from ..roles.names import nearest
from ..roles.provenance import provenance
from .context import Context
from .inventory import Endpoint, endpoints
from .simulation import Simulation
from .weighing import requirements_of


def rights_rows(access: Access, at: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Each right that is effective for `access`, with one of its ways a row."""
    rights: Any = access.rights
    for source in provenance(access.principal, at=at):
        inside = {
            "scope": source.name in access.scopes | access.object_scopes,
            "role": True,
            "permission": rights.opens(source.name),
        }[source.kind]
        if inside:
            yield {
                "kind": source.kind,
                "name": source.name,
                "on": source.on,
                "until": source.until,
                "grant": source.grant_id,
                "needs": "",
                "path": source.path,
            }


def endpoint_rows(access: Access) -> Iterator[dict[str, Any]]:
    """The endpoints that `HasAccess` guards and that `access` may enter."""
    best = replace(access, acr=ACR_LEVELS[-1], auth_time=datetime.now(UTC)) if access.can_step_up else access
    for endpoint in endpoints():
        wanted = endpoint.requirement
        if wanted is None or not endpoint.guarded:
            continue
        towards = Access.somewhere if endpoint.opens_single_objects else _as_it_is
        if decide(wanted, towards(best)).allowed:
            factors = " ".join(str(leaf) for leaf in leaves(wanted) if isinstance(leaf, HasMFA))
            yield {
                "kind": "endpoint",
                "name": f"{endpoint.method} {endpoint.path}",
                "on": None if decide(wanted, best).allowed else "single objects",
                "until": None,
                "grant": None,
                "needs": "" if decide(wanted, towards(access)).allowed else factors,
                "path": str(wanted),
            }


def _as_it_is(access: Access) -> Access:
    return access


@dataclass(frozen=True, slots=True)
class Asked:
    """What an endpoint asks for, and whether a right on single objects may enter it."""

    requirement: Requirement
    single_objects: bool


def asked_at(line: str) -> Asked:
    """What `METHOD /path` asks; the path as show_access writes it, or with values in it.

    Raises `UnknownName`, also where nothing is declared, and `NotAnswerable` where nobody can tell what is asked.
    """
    method, _, path = line.strip().partition(" ")
    method, path = method.upper(), path.strip()
    every: list[Endpoint] = [one for one in endpoints() if one.is_drf]
    if not path:
        hint = nearest(line, {f"{one.method} {one.path}" for one in every})
        raise UnknownName(f"--endpoint: write the method and the path, as 'GET /api/orders/'.{hint}")
    if "{" in path:
        found = next((one for one in every if (one.method, one.path) == (method, path)), None)
        if found is None:
            hint = nearest(f"{method} {path}", [f"{one.method} {one.path}" for one in every])
            raise UnknownName(f"No endpoint {method} {path}.{hint}")
        if found.unknown:
            raise NotAnswerable(f"{method} {path} cannot be answered for: {found.unknown}.")
        wanted, single = found.requirement, found.opens_single_objects
    else:
        simulated = Simulation.of(method, path, Context())
        wanted = _all_of(requirements_of(simulated.view, simulated.request))
        single = simulated.opens_single_objects
    if wanted is None:
        raise UnknownName(f"{method} {path} declares no access: it refuses every scoped credential, no scope opens it.")
    return Asked(wanted, single)


def _all_of(asked: Iterable[Requirement | None]) -> Requirement | None:
    """All of them as one; None where one is not declared, or there is none."""
    total: Requirement | None = None
    for position, each in enumerate(asked):
        if each is None:
            return None
        total = each if position == 0 or total is None else And.of(total, each)
    return total
