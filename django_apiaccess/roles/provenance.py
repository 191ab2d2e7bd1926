"""Where each scope, role and permission of a principal comes from: for `explain_access` and the admin's tables of rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from django.contrib.auth import get_backends
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.utils import timezone

from ..core import scopes as core_scopes
from .models import Grant, Role, Scope

Kind = Literal["role", "scope", "permission"]
Key = tuple[Kind, str]
ORDER: Final[dict[str, int]] = {"role": 0, "scope": 1, "permission": 2}
SUPERUSER: Final = "superuser"
DIRECT: Final = "direct grant"


@dataclass(frozen=True, slots=True)
class Source:
    """One right and one way on which it reaches the principal.

    `via` holds the steps before the right itself, as `("group staff", "role manager", "role fulfilment")`. `on` is the one object as
    `app.model:pk`, None: everything. `grant_id` is None and `until` unknown where no grant of ours gives it (a superuser, Django's own
    permissions).
    """

    kind: Kind
    name: str
    via: tuple[str, ...]
    grant_id: int | None = None
    on: str | None = None
    until: datetime | None = None

    @property
    def path(self) -> str:
        """The way in words: `group staff -> role manager -> role fulfilment -> orders:write`."""
        return " -> ".join((*self.via, self.name))


def provenance(user: Any, *, at: datetime | None = None) -> list[Source]:
    """Every right that `user` holds at a moment (now), with where it comes from: one source a grant and right, by its shortest way.

    The names are those that `rights.held_by` adds up, plus the permissions of Django's own `ModelBackend`. A superuser has every Django
    permission; listed are those that scopes open. A principal that is not active holds nothing. Ten queries at most.
    """
    if not user.is_active:
        return []
    found = []
    grants = Grant.objects.active(at or timezone.now()).held_by(user)
    rows = list(grants.select_related("scope", "group", "content_type", "role"))
    roles = _roles_by_id() if rows else {}
    for row in rows:
        start = DIRECT if row.group_id is None else f"group {row.group}"
        on = None if row.content_type_id is None else row.target
        scope = None if row.scope is None else row.scope.name
        found += [Source(*key, via, row.pk, on, row.ends_at) for key, via in _given(scope, row.role_id, start, roles)]
    if getattr(user, "is_superuser", False):
        found += [
            Source(*key, via)
            for key, via in _walk((("scope", name), (SUPERUSER,)) for name in core_scopes.registry.names())
        ]
    found += _of_django(user)
    return sorted(
        found, key=lambda source: (ORDER[source.kind], source.name, source.on or "", len(source.via), source.via)
    )


Step = tuple[Key, tuple[str, ...]]


class Ways:
    """The shortest way from what a grant gives to each right that follows from it, worked out once a role and scope."""

    def __init__(self) -> None:
        self._roles: dict[int, Role] = {}
        self._scopes: dict[int, str] = {}
        self._found: dict[tuple[int | None, int | None], dict[Key, tuple[str, ...]]] = {}

    def to(self, key: Key, role_id: int | None, scope_id: int | None, start: str) -> tuple[str, ...] | None:
        """The steps before the right `key`, from `start` on; None: such a grant does not give it. Queries at the first call only."""
        if not self._scopes:
            self._roles, self._scopes = _roles_by_id(), dict(Scope.objects.values_list("pk", "name"))
        known = self._found.get((role_id, scope_id))
        if known is None:
            scope = None if scope_id is None else self._scopes.get(scope_id)
            known = self._found[role_id, scope_id] = dict(_given(scope, role_id, "", self._roles))
        via = known.get(key)
        return None if via is None else (start, *via[1:])


def _roles_by_id() -> dict[int, Role]:
    rows = Role.objects.prefetch_related("parents", "scopes", "permissions__content_type")
    return {role.pk: role for role in rows}


def _given(scope: str | None, role_id: int | None, start: str, roles: dict[int, Role]) -> Iterator[Step]:
    """Everything that a grant of the scope or the role gives, inheritance and implication followed."""
    if scope is not None:
        return _walk([(("scope", scope), (start,))])
    if role_id is None:
        return iter(())
    steps: list[Step] = []
    queue: list[tuple[int, tuple[str, ...]]] = [(role_id, (start,))]
    seen: set[int] = set()
    while queue:  # breadth first: the shortest way to each role
        pk, via = queue.pop(0)
        role = roles.get(pk)
        if role is None or pk in seen:
            continue
        seen.add(pk)
        inside = (*via, f"role {role.name}")
        steps.append((("role", role.name), via))
        steps += [(("scope", scope.name), inside) for scope in role.scopes.all()]
        steps += [(("permission", _label(permission)), inside) for permission in role.permissions.all()]
        queue += [(parent.pk, inside) for parent in role.parents.all()]
    return _walk(steps)


def _walk(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps, and what their scopes expand to: wildcards, implied scopes, opened permissions. Each right once."""
    registry = core_scopes.registry
    queue = list(steps)
    seen: set[Key] = set()
    while queue:
        queue.sort(key=lambda step: len(step[1]))
        key, via = queue.pop(0)
        if key in seen:
            continue
        seen.add(key)
        kind, name = key
        if kind != "scope":
            yield key, via
            continue
        inside = (*via, f"scope {name}")
        if name.endswith(":*"):
            queue += [(("scope", scope.name), inside) for scope in registry if f"{scope.resource}:*" == name]
            continue
        declared = registry.get(name)
        if declared is None:  # a name that nobody declares gives nothing
            continue
        yield key, via
        queue += [(("scope", implied), inside) for implied in declared.implies]
        queue += [(("permission", permission), inside) for permission in declared.permissions]


def _of_django(user: Any) -> Iterator[Source]:
    """Permissions that Django's own backend gives, where the project uses it."""
    if getattr(user, "is_superuser", False) or not any(isinstance(backend, ModelBackend) for backend in get_backends()):
        return
    if hasattr(user, "user_permissions"):
        for permission in user.user_permissions.select_related("content_type"):
            yield Source("permission", _label(permission), ("user's own Django permissions",))
    if hasattr(user, "groups"):
        for group in user.groups.prefetch_related("permissions__content_type"):
            for permission in group.permissions.all():
                yield Source("permission", _label(permission), (f"group {group.name}",))


def _label(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
