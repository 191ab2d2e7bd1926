"""What several rules about roles ask: each role's rights, how powerful it is, and roles as subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...audit.finding import Subject
from ...audit.many import page_of
from ...core import scopes as core_scopes
from ..models import Role, Scope
from ..policy import Policy, compile_policy

FEW: Final = 5
"""A project that declares no more scopes has no role with too many: somebody runs the whole shop."""
OURS: Final = frozenset({"keys:approve", "oauth:register", "tokens:introspect"})
"""Scopes that this app declares itself: a project's widest role need not give them, and no endpoint of the project need ask for them."""
GIVING: Final = frozenset(
    {
        *(f"auth.{verb}_{name}" for verb in ("add", "change") for name in ("user", "group", "permission")),
        *(
            f"django_apiaccess.{verb}_{name}"
            for verb in ("add", "change")
            for name in ("role", "grant", "separationofduty")
        ),
    }
)
"""Django permissions with which somebody gives rights to others, or to themselves. A project's own user model has further ones."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Every role as it is: the compiled policy, and what each has by itself."""

    policy: Policy
    own_scopes: dict[int, frozenset[str]]
    own_permissions: dict[int, frozenset[str]]
    children: dict[int, frozenset[int]]
    parents: dict[int, frozenset[int]]


def roles() -> Roles:
    """A fact of the run: eight statements, whatever the number of roles."""
    policy = compile_policy(None)
    scopes: dict[int, set[str]] = {}
    names = dict(Scope.objects.values_list("pk", "name"))
    for role, scope in Role.scopes.through._default_manager.values_list("role_id", "scope_id"):
        scopes.setdefault(role, set()).add(names[scope])
    permissions: dict[int, set[str]] = {}
    links = Role.permissions.through._default_manager.values_list(
        "role_id", "permission__content_type__app_label", "permission__codename"
    )
    for role, app, codename in links:
        permissions.setdefault(role, set()).add(f"{app}.{codename}")
    children: dict[int, set[int]] = {}
    parents: dict[int, set[int]] = {}
    for child, parent in Role.parents.through._default_manager.values_list("from_role_id", "to_role_id"):
        children.setdefault(parent, set()).add(child)
        parents.setdefault(child, set()).add(parent)

    return Roles(
        policy,
        {role: frozenset(found) for role, found in scopes.items()},
        {role: frozenset(found) for role, found in permissions.items()},
        {role: frozenset(found) for role, found in children.items()},
        {role: frozenset(found) for role, found in parents.items()},
    )


def role_subject(pk: int, name: str) -> Subject:
    """A role, by its name."""
    return Subject("role", name, name, page_of(Role, pk))


def gives_everything(scopes: frozenset[str]) -> bool:
    """Whether these are all the scopes that the project declares, where that is many."""
    declared = core_scopes.registry.names() - OURS
    return len(declared) > FEW and declared <= scopes


def power(all_: Roles, pk: int) -> str:
    """Why a role is powerful, in words; empty for one that is not. What it inherits counts."""
    role = all_.policy.by_role[pk]
    giving = sorted(role.permissions & giving_permissions())
    if giving:
        return f"lets its holders give rights ({giving[0]})"
    if gives_everything(role.scopes):
        return "gives every declared scope"
    line = {other for other, found in all_.policy.by_role.items() if found.name in role.roles}
    wild = sorted(name for other in line for name in all_.own_scopes.get(other, ()) if name.endswith(":*"))
    return f"gives {wild[0]}" if wild else ""


def giving_permissions() -> frozenset[str]:
    """`GIVING`, with those of the project's user model."""
    from django.contrib.auth import get_user_model

    meta = get_user_model()._meta
    return GIVING | {f"{meta.app_label}.{verb}_{meta.model_name}" for verb in ("add", "change")}
