"""Rights that nobody has: of a principal made up, and of a real one after a change. Only in memory, nothing is written."""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q

from ..core import scopes as core_scopes
from ..core.access import Access
from ..roles.ceiling import put_ceiling
from ..roles.policy import Held, Policy, current_policy
from ..roles.querysets import object_key
from ..roles.rights import PrincipalRights

EMPTY: Final = Held(frozenset(), frozenset(), frozenset())
CACHES: Final = ("_perm_cache", "_user_perm_cache", "_group_perm_cache", "_apiaccess_rights")
"""What Django's back-end and ours remember on a user object."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What would be given on top of what there is. `scope` and `roles` go to the principal, on `on` alone where that is named."""

    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    key_scopes: frozenset[str] = frozenset()
    acr: str = ""
    fresh: bool = False
    on: Any = field(default=None, compare=False)

    def __bool__(self) -> bool:
        return bool(self.scopes or self.roles or self.key_scopes or self.acr or self.fresh)

    def held(self, policy: Policy) -> Held:
        """What the scopes and roles give."""
        roles = [found for found in map(policy.role, self.roles) if found is not None]
        scopes = core_scopes.registry.expand(self.scopes).union(*(role.scopes for role in roles))
        permissions = core_scopes.registry.permissions(scopes).union(*(role.permissions for role in roles))
        return Held(scopes, frozenset().union(*(role.roles for role in roles)), permissions)


class ImaginedRights(PrincipalRights):
    """Rights with more, on one object alone, than the database says."""

    on_object: Any = None
    extra: Held = EMPTY

    def imagine(self, on: Any, extra: Held) -> Self:
        """Let `extra` be held on the object `on`."""
        self.on_object, self.extra = on, extra
        return self

    def held_on(self, obj: Any) -> Held:
        found = super().held_on(obj)
        same = self.on_object is not None and (type(obj), object_key(obj)) == (
            type(self.on_object),
            object_key(self.on_object),
        )
        return _sum(found, self.extra) if same else found

    def objects_with_scope(self, model: Any, scope: str) -> Any:
        return self._with_imagined(model, super().objects_with_scope(model, scope), scope in self.extra.scopes)

    def objects_with_role(self, model: Any, role: str) -> Any:
        return self._with_imagined(model, super().objects_with_role(model, role), role in self.extra.roles)

    def _with_imagined(self, model: Any, found: Any, reached: bool) -> Any:
        if not reached or not isinstance(self.on_object, model):
            return found
        return model._base_manager.filter(Q(pk__in=found) | Q(pk=self.on_object.pk)).values("pk")


def _sum(one: Held, other: Held) -> Held:
    scopes, roles = one.scopes | other.scopes, one.roles | other.roles
    return Held(
        scopes,
        roles,
        one.permissions | other.permissions,
        (one.object_scopes | other.object_scopes) - scopes,
        (one.object_roles | other.object_roles) - roles,
    )


def amended(access: Access, changes: Changes) -> Access:
    """`access` as it would be after `changes`, with a principal object of its own."""
    before: Any = access.rights
    more, only = changes.held(before.policy), EMPTY
    if changes.on is not None:
        more, only = Held(frozenset(), frozenset(), frozenset(), more.scopes, more.roles), more
    held, granted = _sum(before.held, more), before.granted
    if granted is not None:
        granted |= core_scopes.registry.expand(changes.key_scopes)
    principal = fresh_copy(access.principal)
    whole = ImaginedRights(principal, before.policy, held, None).imagine(changes.on, only)
    rights = ImaginedRights(principal, before.policy, held, granted).imagine(changes.on, only)
    whole.at = rights.at = before.at
    lend(principal, whole, rights if access.scoped else None)
    return replace(
        access,
        principal=principal,
        scopes=_within(held.scopes, granted),
        roles=held.roles,
        object_scopes=_within(held.object_scopes, granted),
        object_roles=held.object_roles,
        rights=rights,
        acr=changes.acr or access.acr,
        auth_time=datetime.now(UTC) if changes.fresh or changes.acr else access.auth_time,
    )


def _within(names: frozenset[str], granted: frozenset[str] | None) -> frozenset[str]:
    return names if granted is None else names & granted


def fresh_copy(user: Any) -> Any:
    """The user as an object of its own that remembers no rights. It is for asking, not for saving."""
    found = copy.copy(getattr(user, "_wrapped", user)) if user.pk is not None else user
    for name in (*CACHES, *(name for name in list(found.__dict__) if callable(found.__dict__[name]))):
        found.__dict__.pop(name, None)
    return found


def lend(user: Any, rights: PrincipalRights, within: PrincipalRights | None) -> None:
    """Make `user` answer by these rights, `within` what a credential opens."""
    user.__dict__["_apiaccess_rights"] = rights
    if within is not None:
        put_ceiling(user, within)


def nobody(name: str) -> Any:
    """A user who is in no database: active, without any right, with a primary key that no row has."""
    model = get_user_model()
    field = model._meta.pk
    while field.remote_field is not None:
        field = field.target_field  # type: ignore[attr-defined]
    pk: Any = -1 if isinstance(field, models.IntegerField) else uuid.uuid4()
    if not isinstance(field, models.IntegerField | models.UUIDField):
        pk = pk.hex[: field.max_length or 32]
    user = model(pk=pk, **{model.USERNAME_FIELD: name})
    user._state.adding = False
    return user


def rights_of_roles(
    user: Any,
    roles: frozenset[str],
    scopes: frozenset[str],
    granted: frozenset[str] | None,
    *,
    on: Any = None,
    policy: Policy | None = None,
) -> tuple[ImaginedRights, ImaginedRights]:
    """What somebody with these roles and scopes holds, on `on` alone where that is named; and what is left of it within `granted`."""
    policy = policy or current_policy()
    more = Changes(scopes, roles).held(policy)
    held = more if on is None else Held(frozenset(), frozenset(), frozenset(), more.scopes, more.roles)
    extra = EMPTY if on is None else more
    within = None if granted is None else core_scopes.registry.expand(granted)
    whole, left = ImaginedRights(user, policy, held, None), ImaginedRights(user, policy, held, within)
    return whole.imagine(on, extra), left.imagine(on, extra)
