"""The policy of a generation, compiled: roles, their inheritance, and what scopes open, as sets.

Compiled once a process and generation. A request brings the generation with its one statement, so a change of a role is
seen by the very next request of every worker.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from django.db import router

from ..conf import access_settings
from ..core import scopes as core_scopes
from .generations import current
from .models import Generation, Role, Scope

MEMO_SIZE: Final = 4096
GrantRow = tuple[int | None, int | None, bool, datetime | None, datetime | None]
"""One grant as the statement brings it: role id, scope id, on one object only, from, until."""
Right = tuple[int | None, int | None, bool]


@dataclass(frozen=True, slots=True)
class Held:
    """What a principal holds now: on everything, and (`object_*`) on single objects only."""

    scopes: frozenset[str]
    roles: frozenset[str]
    permissions: frozenset[str]
    object_scopes: frozenset[str] = frozenset()
    object_roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RoleRights:
    """What one role gives, inheritance followed."""

    name: str
    roles: frozenset[str]
    scopes: frozenset[str]
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Policy:
    """All roles and scopes of one generation."""

    generation: int | None
    by_role: Mapping[int, RoleRights]
    scope_names: Mapping[int, str]
    _by_name: dict[str, RoleRights] = field(init=False, repr=False, compare=False)
    _memo: dict[Any, Held] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {role.name: role for role in self.by_role.values()})

    def held(self, rights: Iterable[Right], *, superuser: bool = False) -> Held:
        """The sets that `rights` (role id, scope id, on one object only) add up to. A superuser holds every declared scope."""
        key = (frozenset(rights), superuser, core_scopes.registry.version)
        found = self._memo.get(key)
        if found is None:
            if len(self._memo) >= MEMO_SIZE:
                self._memo.clear()
            found = self._memo[key] = self._add_up(key[0], superuser=superuser)
        return found

    def _add_up(self, rights: frozenset[Right], *, superuser: bool) -> Held:
        roles: dict[bool, set[str]] = {False: set(), True: set()}
        names: dict[bool, set[str]] = {False: set(), True: set()}
        permissions: set[str] = set()
        for role_id, scope_id, on_object in rights:
            role = self.by_role.get(role_id) if role_id is not None else None
            if role is not None:
                roles[on_object] |= role.roles
                names[on_object] |= role.scopes
                if not on_object:
                    permissions |= role.permissions
            if scope_id is not None and scope_id in self.scope_names:
                names[on_object].add(self.scope_names[scope_id])
        registry = core_scopes.registry
        held = registry.names() if superuser else registry.expand(names[False])
        return Held(
            scopes=held,
            roles=frozenset(roles[False]),
            permissions=frozenset(permissions | registry.permissions(held)),
            object_scopes=registry.expand(names[True]) - held,
            object_roles=frozenset(roles[True] - roles[False]),
        )

    def role(self, name: str) -> RoleRights | None:
        return self._by_name.get(name)

    def id_of(self, name: str) -> int | None:
        """The id of the role of that name."""
        return next((pk for pk, role in self.by_role.items() if role.name == name), None)

    def roles_giving_scope(self, scope: str) -> list[int]:
        return [pk for pk, role in self.by_role.items() if scope in role.scopes]

    def roles_including(self, name: str) -> list[int]:
        """Ids of the role `name` and of the roles that inherit from it."""
        return [pk for pk, role in self.by_role.items() if name in role.roles]

    def roles_giving_permission(self, permission: str) -> list[int]:
        return [pk for pk, role in self.by_role.items() if permission in role.permissions]

    def scopes_giving(self, scope: str) -> list[int]:
        """Ids of the scope rows, wildcards included, whose expansion holds `scope`."""
        registry = core_scopes.registry
        return [pk for pk, name in self.scope_names.items() if scope in registry.expand((name,))]

    def scopes_opening(self, permission: str) -> list[int]:
        registry = core_scopes.registry
        return [pk for pk, name in self.scope_names.items() if permission in registry.permissions((name,))]


def ancestors(edges: Mapping[int, Iterable[int]], start: int) -> set[int]:
    """`start` and everything it inherits from. Ends also where the data holds a cycle."""
    seen: set[int] = set()
    queue = [start]
    while queue:
        role = queue.pop()
        if role not in seen:
            seen.add(role)
            queue.extend(edges.get(role, ()))
    return seen


def _links(relation: Any) -> Any:
    """The rows of a relation of roles, where they are written (see `FromPrimary`)."""
    return relation.through._default_manager.using(router.db_for_write(Role))


def role_edges() -> dict[int, list[int]]:
    """Role id to the ids of its parents, from the database."""
    edges: dict[int, list[int]] = {}
    for child, parent in _links(Role.parents).values_list("from_role_id", "to_role_id"):
        edges.setdefault(child, []).append(parent)
    return edges


def compile_policy(generation: int | None) -> Policy:
    """Read all roles and scopes: five queries, whatever their number."""
    registry = core_scopes.registry
    edges = role_edges()
    names = dict(Role.objects.values_list("pk", "name"))
    scope_names = dict(Scope.objects.values_list("pk", "name"))
    own_scopes: dict[int, set[str]] = {}
    for role_id, scope_id in _links(Role.scopes).values_list("role_id", "scope_id"):
        own_scopes.setdefault(role_id, set()).add(scope_names.get(scope_id, ""))
    own_permissions: dict[int, set[str]] = {}
    links = _links(Role.permissions).values_list(
        "role_id", "permission__content_type__app_label", "permission__codename"
    )
    for role_id, app_label, codename in links:
        own_permissions.setdefault(role_id, set()).add(f"{app_label}.{codename}")
    by_role = {}
    for pk, name in names.items():
        line = ancestors(edges, pk)
        scopes = registry.expand(scope for role in line for scope in own_scopes.get(role, ()))
        permissions = registry.permissions(scopes).union(*(own_permissions.get(role, ()) for role in line))
        by_role[pk] = RoleRights(name, frozenset(names[role] for role in line if role in names), scopes, permissions)
    return Policy(generation, by_role, scope_names)


_compiled: tuple[int, Policy] | None = None


def policy_for(generation: int | None) -> Policy:
    """The policy of `generation`, as a request's statement named it."""
    global _compiled  # noqa: PLW0603 - one compiled policy a process, replaced whole
    version = core_scopes.registry.version
    held = _compiled
    if held is not None and generation is not None and held[1].generation == generation and held[0] == version:
        return held[1]
    while True:
        policy = compile_policy(generation)
        after = current(Generation.POLICY)
        if after == generation:
            break
        generation = after  # it changed while we read: what we hold may mix two generations
    if generation is not None:  # without a row nothing would tell us of the next change: ask again each time
        _compiled = (version, policy)
    return policy


def current_policy() -> Policy:
    """The policy now, for code that has no statement at hand (one query when it is compiled already)."""
    return policy_for(current(Generation.POLICY))


def active_rights(rows: Iterable[GrantRow], now: datetime) -> frozenset[Right]:
    """The grants among `rows` that are in force at `now`."""
    return frozenset(
        (role, scope, on_object)
        for role, scope, on_object, starts, ends in rows
        if (starts is None or starts <= now) and (ends is None or ends > now)
    )


@dataclass(frozen=True, slots=True)
class Grants:
    """Grants of one principal, split once: `always` are those without a time, `timed` must be asked at each use."""

    always: frozenset[Right]
    timed: tuple[GrantRow, ...] = ()

    def active(self, now: datetime) -> frozenset[Right]:
        """The rights in force at `now`."""
        return self.always | active_rights(self.timed, now) if self.timed else self.always


@lru_cache(maxsize=1024)
def parse_grants(*texts: str | None) -> Grants:
    """Grants as the statement's JSON brings them. Remembered by text: most principals hold the same few roles."""
    rows = [
        (role, scope, bool(on_object), _time(starts), _time(ends))
        for text in texts
        for role, scope, on_object, starts, ends in json.loads(text or "[]")
    ]
    return Grants(
        frozenset(row[:3] for row in rows if row[3] is None and row[4] is None),
        tuple(row for row in rows if row[3] is not None or row[4] is not None),
    )


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if not access_settings.times_are_aware:
        return moment.replace(tzinfo=None)  # the connection speaks the project's own time
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
