"""Nobody gives more than they hold. Superusers aside, while they act with their whole rights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..core import scopes as core_scopes
from ..core.access import Access
from ..events.source import Actor
from ..exceptions import NotHeld
from .policy import RoleRights
from .rights import access_of_user, rights_of


def access_of(actor: Actor, on: Any = None) -> Access | None:
    """What the actor may give: None is everything (an operator at the shell, a superuser with their whole rights)."""
    if not actor.bounded:
        return None
    access: Access = actor.access or access_of_user(actor.user)
    if not access.scoped and actor.user.is_active and getattr(actor.user, "is_superuser", False):
        return None
    return access if on is None else access.on(on)


def as_of_now(actor: Actor) -> Actor:
    """The actor with what they hold at this moment, to be asked after a change: a role of theirs must not vouch for what it just got."""
    access = access_of(actor)
    if access is None:
        return actor
    rights_of(access.principal)  # remembered on the user: so `has_perm` answers as of now, too
    return replace(actor, access=access)


def check_inherited(actor: Actor, roles: Iterable[str], *, field: str = "parents") -> None:
    """Raise `NotHeld` unless the actor holds the roles: also a role that gives nothing opens what asks for it."""
    access = access_of(actor)
    missing = frozenset() if access is None else frozenset(roles) - access.roles
    if missing:
        listed = ", ".join(sorted(missing))
        raise NotHeld(f"{actor.label} does not hold the role {listed} and so cannot give it.", missing, field=field)


def check_scopes(actor: Actor, names: Iterable[str], *, on: Any = None, field: str = "scope") -> None:
    """Raise `NotHeld` unless the actor holds every scope that `names` expand to."""
    access = access_of(actor, on)
    if access is None:
        return
    missing = core_scopes.registry.expand(names) - access.scopes
    if missing:
        listed = ", ".join(sorted(missing))
        raise NotHeld(f"{actor.label} does not hold {listed} and so cannot give it.", missing, field=field)


def check_role(actor: Actor, role: RoleRights, *, on: Any = None, field: str = "role", holds: bool = True) -> None:
    """Raise `NotHeld` unless the actor holds the role (with `holds`) and everything that it gives."""
    access = access_of(actor, on)
    if access is None:
        return
    if holds and role.name not in access.roles:
        raise NotHeld(
            f"{actor.label} does not hold the role {role.name!r} and so cannot give it.", [role.name], field=field
        )
    check_scopes(actor, role.scopes, on=on, field=field)
    check_permissions(actor, role.permissions - core_scopes.registry.permissions(role.scopes), field=field)


def check_permissions(actor: Actor, permissions: Iterable[str], *, field: str = "permissions") -> None:
    """Raise `NotHeld` unless the actor has every Django permission."""
    access = access_of(actor)
    if access is None or access.rights is None:
        return
    rights = access.rights
    missing = [name for name in permissions if not rights.has_permission(name)]
    if missing:
        listed = ", ".join(sorted(missing))
        raise NotHeld(
            f"{actor.label} does not have the permission {listed} and so cannot give it.", missing, field=field
        )
