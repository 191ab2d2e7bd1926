"""Changes of roles and grants: each in a transaction, with its event, within what the actor may give."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import router, transaction
from django.utils import timezone

from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import InvalidChange
from . import delegation, names, separation
from .generations import bump
from .models import Generation, Grant, Role, Scope, SeparationOfDuty
from .policy import RoleRights, compile_policy
from .querysets import object_key
from .rights import held_by


def held_scopes(user: Any) -> frozenset[str]:
    """Every scope that `user` holds on everything now."""
    return held_by(user).scopes


def rights_of_role(role: Role) -> RoleRights:
    """What `role` gives at this moment, inheritance followed."""
    return compile_policy(None).by_role[role.pk]


@transaction.atomic
def save_role(
    *,
    name: str,
    by: Actor,
    description: str | None = None,
    scopes: Iterable[str] | None = None,
    parents: Iterable[str] | None = None,
    permissions: Iterable[str] | None = None,
) -> Role:
    """Create the role, or change what is given (None leaves it as it is). Nothing to change: nothing is written.

    Raises `UnknownName`, `RoleCycle`, `DutiesConflict`, and `NotHeld` when the role would give more than the actor holds.
    """
    bump(Generation.POLICY)
    held = delegation.as_of_now(by)
    role, created = Role.objects.get_or_create(name=name)
    before, inherited = snapshot(role), rights_of_role(role).roles
    if description is not None and description != role.description:
        role.description = description
        role.save(update_fields=["description"])
    if scopes is not None:
        role.scopes.set([names.scope_row(scope) for scope in names.scope_names(scopes, field="scopes")])
    if permissions is not None:
        role.permissions.set([names.permission(permission) for permission in permissions])
    if parents is not None:
        role.parents.set([names.role(parent, field="parents") for parent in parents])
    after = snapshot(role)
    if created or after != before:
        rights = rights_of_role(role)
        delegation.check_role(held, rights, field="scopes", holds=False)
        delegation.check_inherited(held, rights.roles - inherited - {name})
        if created:
            changed(Action.ROLE_CREATED, role, by=by, after=after)
        else:
            changed(Action.ROLE_CHANGED, role, by=by, before=before, after=after)
    return role


def snapshot(role: Role) -> dict[str, Any]:
    """The role's own content by names: as events and exports show it."""
    permissions = role.permissions.using(router.db_for_write(Role)).values_list("content_type__app_label", "codename")
    return {
        "description": role.description,
        "inherits": sorted(role.parents.values_list("name", flat=True)),
        "scopes": sorted(role.scopes.values_list("name", flat=True)),
        "permissions": sorted(f"{app_label}.{codename}" for app_label, codename in permissions),
    }


@transaction.atomic
def delete_role(role: Role, *, by: Actor, reason: str = "") -> None:
    """Delete the role with its grants; who held it loses it at the next request."""
    grants = role.grants.count()
    changed(Action.ROLE_DELETED, role, by=by, reason=reason, grants=grants, before=snapshot(role))
    role.delete()


@transaction.atomic
def grant(
    *,
    by: Actor,
    user: Any = None,
    group: Any = None,
    role: Role | str | None = None,
    scope: Scope | str | None = None,
    on: Any = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    reason: str = "",
) -> Grant:
    """Give a role or a scope to a user or a group, on everything or on one object. The same grant twice stays one.

    Raises `UnknownName`, `NotHeld`, `DutiesConflict`, and `InvalidChange` for an impossible combination.
    """
    if (user is None) == (group is None):
        raise InvalidChange("Give it to a user or to a group: exactly one of them.", field="user")
    if (role is None) == (scope is None):
        raise InvalidChange("Give a role or a scope: exactly one of them.", field="role")
    if ends_at is not None and ends_at <= max(starts_at or timezone.now(), timezone.now()):
        raise InvalidChange("The end must come after the start and lie in the future.", field="ends_at")
    role_row = names.role(role) if isinstance(role, str) else role
    scope_row = names.scope_row(scope) if isinstance(scope, str) else scope
    bump(Generation.CREDENTIALS)  # also the lock under which exclusive roles are checked
    if role_row is not None:
        delegation.check_role(by, rights_of_role(role_row), on=on)
    elif scope_row is not None:
        delegation.check_scopes(by, names.scope_names([scope_row.name]), on=on)
    columns = {
        "user": user,
        "group": group,
        "role": role_row,
        "scope": scope_row,
        "content_type": None if on is None else ContentType.objects.get_for_model(on),
        "object_id": "" if on is None else object_key(on),
        "starts_at": starts_at,
        "ends_at": ends_at,
    }
    same: Grant | None = Grant.objects.filter(**columns).first()
    if same is not None:
        return same
    given = Grant.objects.create(**columns, reason=reason, given_by=by.user)
    if role_row is not None:
        separation.check(holders_of(given))
    changed(Action.GRANT_GIVEN, given, by=by, reason=reason, **described(given))
    return given


@transaction.atomic
def ungrant(grants: Iterable[Grant], *, by: Actor, reason: str = "") -> int:
    """Take grants back; felt at the next request. Returns how many."""
    rows = list(grants)
    bump(Generation.CREDENTIALS)
    for row in rows:
        changed(Action.GRANT_TAKEN, row, by=by, reason=reason, **described(row))
    taken = Grant.objects.filter(pk__in=[row.pk for row in rows])
    taken._raw_delete(taken.db)  # noqa: SLF001 - nothing hangs on a grant, and each has its event already
    return len(rows)


def described(row: Grant) -> dict[str, Any]:
    """The grant as plain data for its event."""
    return {
        "holder": row.holder,
        "right": row.right,
        "on": row.target,
        "from": row.starts_at.isoformat() if row.starts_at else None,
        "until": row.ends_at.isoformat() if row.ends_at else None,
    }


def holders_of(row: Grant) -> Iterable[Any]:
    """Ids of the users whom the grant reaches."""
    if row.user_id is not None:
        return [row.user_id]
    model = get_user_model()
    return list(
        model._default_manager.using(router.db_for_write(model))
        .filter(groups=row.group_id)
        .values_list("pk", flat=True)
    )


@transaction.atomic
def save_separation(
    *, name: str, roles: Iterable[str], by: Actor, at_most: int = 1, reason: str = ""
) -> SeparationOfDuty:
    """Create or change a set of roles that exclude each other. Raises `DutiesConflict` naming who violates it already."""
    rows = [names.role(role, field="roles") for role in dict.fromkeys(roles)]
    if at_most < 1 or len(rows) <= at_most:
        raise InvalidChange("A separation of duty needs more roles than it allows to hold.", field="roles")
    bump(Generation.CREDENTIALS)
    row, created = SeparationOfDuty.objects.update_or_create(name=name, defaults={"at_most": at_most, "reason": reason})
    row.roles.set(rows)
    separation.check()
    action = Action.SEPARATION_CREATED if created else Action.SEPARATION_CHANGED
    changed(action, row, by=by, roles=sorted(role.name for role in rows), at_most=at_most)
    return row


@transaction.atomic
def delete_separation(row: SeparationOfDuty, *, by: Actor, reason: str = "") -> None:
    """Let roles meet again."""
    changed(
        Action.SEPARATION_DELETED, row, by=by, reason=reason, roles=sorted(row.roles.values_list("name", flat=True))
    )
    row.delete()
