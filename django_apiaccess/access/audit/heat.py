"""Who reaches what: each endpoint against each role, decided by the code that decides live requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import Count

from ...audit import heat
from ...audit.run import Audit
from ...core.access import Access, CredentialRef
from ...core.assurance import ACR_LEVELS
from ...core.requirement import Requirement, decide, foreign_leaf
from ...roles.models import Grant
from ...roles.policy import RoleRights, current_policy
from ..inventory import Endpoint
from .opening import Opening, openings
from .plain import open_pages, open_reading, open_writing
from .views import all_endpoints, is_ours, is_safe, is_written_here

MOST_ROWS: Final = 500
MOST_ROLES: Final = 12
SESSION: Final = CredentialRef("session", "", "")


@dataclass(frozen=True, slots=True)
class _RightsOfRole:
    """What `HasPermission` and `HasRole` ask, for somebody who holds one role and nothing else."""

    role: RoleRights

    def has_permission(self, permission: str) -> bool:
        return permission in self.role.permissions

    def covers_role(self, role: str, scopes: frozenset[str]) -> bool:
        return True

    def objects_with_scope(self, model: Any, scope: str) -> Any:
        raise NotImplementedError  # no object is at hand

    objects_with_role = objects_with_scope

    def on(self, obj: Any) -> tuple[frozenset[str], frozenset[str]]:
        return frozenset(), frozenset()


def who_reaches_what(audit: Audit) -> heat.HeatMap:
    """The map of the run. The project's own endpoints first; pages of packages, as the admin's, are left out."""
    shown = [each for each in audit.fact(all_endpoints) if each.is_drf or is_written_here(each)]
    shown.sort(key=lambda endpoint: (is_ours(endpoint), not endpoint.is_drf))
    roles, left = _roles()
    columns = [(_holder(role, factor=True), _holder(role, factor=False)) for role in roles]
    memo: dict[Requirement, tuple[str, ...]] = {}
    rows = [_row(audit, endpoint, columns, memo) for endpoint in shown[:MOST_ROWS]]
    counts = _grants()
    return heat.HeatMap(
        tuple(role.name for role in roles),
        tuple(rows),
        len(shown) - len(rows),
        tuple(counts.get(role.name, 0) for role in roles),
        left,
        len(audit.fact(all_endpoints)) - len(shown),
    )


def _roles() -> tuple[list[RoleRights], int]:
    """The roles that open the least first; and how many more there are."""
    found = sorted(current_policy().by_role.values(), key=lambda role: (len(role.scopes), role.name))
    return found[-MOST_ROLES:], max(0, len(found) - MOST_ROLES)


def _grants() -> dict[str, int]:
    """Role to the number of grants in force."""
    rows = Grant.objects.active().exclude(role=None).order_by().values_list("role__name").annotate(count=Count("pk"))
    return dict(rows)


def _holder(role: RoleRights, *, factor: bool) -> Access:
    """Somebody logged in who holds the role, with a second factor of the best kind or without any."""
    now = datetime.now(UTC) if factor else None
    acr = ACR_LEVELS[-1] if factor else ""
    rights: Any = _RightsOfRole(role)
    return Access(
        None, SESSION, role.scopes, role.roles, scoped=False, acr=acr, auth_time=now, can_step_up=True, rights=rights
    )


def _row(
    audit: Audit, endpoint: Endpoint, columns: list[tuple[Access, Access]], memo: dict[Requirement, tuple[str, ...]]
) -> heat.Row:
    asks, cells = _cells(audit, endpoint, columns, memo)
    unsafe = not is_safe(endpoint) and (endpoint.is_drf or endpoint.method != "*")
    return heat.Row(endpoint.method, endpoint.path, asks, unsafe, cells, is_ours(endpoint))


def _cells(
    audit: Audit, endpoint: Endpoint, columns: list[tuple[Access, Access]], memo: dict[Requirement, tuple[str, ...]]
) -> tuple[str, tuple[str, ...]]:
    def everywhere(word: str) -> tuple[str, ...]:
        return tuple(word for _column in columns)

    if not endpoint.is_drf:
        return _page(audit, endpoint, everywhere)
    if endpoint.unknown:
        return "unknown", everywhere(heat.OTHER)
    if not endpoint.guarded and endpoint.requirement is None:
        opened = audit.fact(openings, audit).get(endpoint, Opening.UNKNOWN)
        return (
            ("nothing", everywhere(heat.UNGUARDED)) if opened is Opening.OPEN else ("its own", everywhere(heat.OTHER))
        )
    if endpoint.requirement is None:
        return "undeclared", everywhere(heat.CLOSED)
    if endpoint.public:
        return str(endpoint.requirement), everywhere(heat.OPEN)
    if endpoint.requirement not in memo:
        memo[endpoint.requirement] = tuple(_decided(endpoint.requirement, columns))
    return str(endpoint.requirement), memo[endpoint.requirement]


def _decided(requirement: Requirement, columns: list[tuple[Access, Access]]) -> Iterator[str]:
    if foreign_leaf(requirement) is not None:  # a class of the project's own: only a request can answer it
        yield from (heat.OTHER for _column in columns)
        return
    for proven, unproven in columns:
        if decide(requirement, unproven).allowed:
            yield heat.HELD
        else:
            yield heat.FACTOR if decide(requirement, proven).allowed else heat.CLOSED


def _page(audit: Audit, endpoint: Endpoint, everywhere: Any) -> tuple[str, tuple[str, ...]]:
    if endpoint not in audit.fact(open_pages, audit):
        return "its own", everywhere(heat.OTHER)
    flagged = any(endpoint in group for fact in (open_writing, open_reading) for group in audit.fact(fact, audit))
    return "nothing", everywhere(heat.UNGUARDED if flagged else heat.OPEN)
