"""What principals hold of the rights that are asked for, read set by set: a handful of statements, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import F, Q

from ..core import scopes as core_scopes
from ..roles.models import Grant
from ..roles.policy import Held, Policy
from ..roles.provenance import DIRECT, Key

CHUNK: Final = 2000
"""Rows that are read at a time."""


@dataclass(frozen=True, slots=True)
class Given:
    """One grant as it reaches a principal."""

    start: str
    role_id: int | None
    scope_id: int | None
    on: str

    @property
    def right(self) -> tuple[int | None, int | None, bool]:
        return self.role_id, self.scope_id, bool(self.on)


@dataclass(frozen=True, slots=True)
class Principal:
    """What one principal holds of what is asked. The same for all who hold the same."""

    given: frozenset[Given] = frozenset()
    permissions: frozenset[str] = frozenset()
    """Django permissions that Django's own tables give."""
    is_superuser: bool = False


class RowRights:
    """The rights of a principal from rows that are at hand (the `Rights` of `core.access`, as far as a decision asks)."""

    def __init__(self, principal: Principal, policy: Policy, held: Held, granted: frozenset[str] | None) -> None:
        self.principal, self.policy, self.held, self.granted = principal, policy, held, granted

    def has_permission(self, permission: str) -> bool:
        effective = None if self.granted is None else self.granted & (self.held.scopes | self.held.object_scopes)
        if effective is not None and permission not in core_scopes.registry.permissions(effective):
            return False
        return self.principal.is_superuser or permission in self.held.permissions | self.principal.permissions

    def covers_role(self, role: str, scopes: frozenset[str]) -> bool:
        if self.granted is None:
            return True
        rights = self.policy.role(role)
        if rights is None or not (rights.scopes or rights.permissions):
            return False
        return rights.scopes <= scopes and rights.permissions <= core_scopes.registry.permissions(scopes)

    def scopes_covering(self, role: str, scopes: frozenset[str]) -> frozenset[str]:
        raise NotImplementedError  # nobody records what an imagined request used

    def scopes_opening(self, permission: str) -> frozenset[str]:
        raise NotImplementedError

    def objects_with_scope(self, model: Any, scope: str) -> Any:
        raise NotImplementedError  # a decision on everything asks for no objects

    objects_with_role = objects_with_scope

    def on(self, obj: Any) -> tuple[frozenset[str], frozenset[str]]:
        raise NotImplementedError


def held_of(keys: Sequence[Key], policy: Policy, at: datetime) -> dict[Any, tuple[frozenset[Given], frozenset[str]]]:
    """User id to the grants, and the permissions of Django's own, that give anything of what is asked."""
    shared: dict[Any, Any] = {}  # most hold the same: one object for all of them
    given: dict[Any, frozenset[Given]] = {}
    groups: dict[Any, frozenset[Given]] = {}
    for user_id, group_id, *columns in _grants(keys, policy, at):
        one = Given(*columns)
        into, pk = (given, user_id) if group_id is None else (groups, group_id)
        both = into.get(pk, frozenset()) | {one}
        into[pk] = shared.setdefault(both, both)
    permissions: dict[Any, frozenset[str]] = {}
    lent: dict[Any, frozenset[str]] = {}
    names = [name for kind, name in keys if kind == "permission"]
    model: Any = get_user_model()
    if names and hasattr(model, "user_permissions"):
        _labelled(model.user_permissions.through, names, permissions, _user_column(model.user_permissions.through))
        _labelled(Group.permissions.through, names, lent, "group_id")
    if (groups or lent) and hasattr(model, "groups"):
        through = model.groups.through
        members = through._default_manager.filter(group_id__in={*groups, *lent}).values_list(
            _user_column(through), "group_id"
        )
        for user_id, group_id in members.iterator(chunk_size=CHUNK):
            both = given.get(user_id, frozenset()) | groups.get(group_id, frozenset())
            given[user_id] = shared.setdefault(both, both)
            if group_id in lent:
                permissions[user_id] = permissions.get(user_id, frozenset()) | lent[group_id]
    return {pk: (given.get(pk, frozenset()), permissions.get(pk, frozenset())) for pk in {*given, *permissions}}


def _grants(keys: Sequence[Key], policy: Policy, at: datetime) -> Iterator[tuple[Any, ...]]:
    """User id, group id, and the columns of `Given`."""
    giving = Q(pk__in=())
    for kind, name in keys:
        if kind == "role":
            giving |= Q(role__in=policy.roles_including(name))
            continue
        by_role = policy.roles_giving_scope if kind == "scope" else policy.roles_giving_permission
        by_scope = policy.scopes_giving if kind == "scope" else policy.scopes_opening
        giving |= Q(role__in=by_role(name)) | Q(scope__in=by_scope(name))
    columns = ("user_id", "group_id", "role_id", "scope_id", "object_id")
    types = {"app": F("content_type__app_label"), "model": F("content_type__model"), "group_name": F("group__name")}
    rows = Grant.objects.active(at).filter(giving).order_by().annotate(**types)
    for user, group, role, scope, pk, app, model, name in rows.values_list(*columns, *types).iterator(chunk_size=CHUNK):
        yield (
            user,
            group,
            DIRECT if group is None else f"group {name}",
            role,
            scope,
            f"{app}.{model}:{pk}" if pk else "",
        )


def _labelled(through: Any, names: list[str], into: dict[Any, frozenset[str]], column: str) -> None:
    """Fill `into` with the permissions among `names` that the rows of `through` give."""
    wanted = Q(pk__in=())
    for name in names:
        app, _, codename = name.partition(".")
        wanted |= Q(permission__content_type__app_label=app, permission__codename=codename)
    rows = through._default_manager.filter(wanted).values_list(
        column, "permission__content_type__app_label", "permission__codename"
    )
    for pk, app, codename in rows.iterator(chunk_size=CHUNK):
        into[pk] = into.get(pk, frozenset()) | {f"{app}.{codename}"}


def _user_column(through: Any) -> str:
    model = get_user_model()
    fields = (field for field in through._meta.concrete_fields if field.remote_field is not None)
    return str(next(field.attname for field in fields if field.remote_field.model is model))
