"""What a principal holds now, and the ceiling that a credential puts on its `has_perm`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import models
from django.db.models import Case, Q, When
from django.db.models.functions import Cast
from django.utils import timezone

from ..core import scopes as core_scopes
from ..core.access import Access, CredentialRef
from .models import Grant
from .policy import GrantRow, Held, Policy, Right, active_rights, current_policy
from .querysets import GrantQuerySet, object_key, of_model


def grant_rows(user: Any) -> list[GrantRow]:
    """The grants of `user`, direct and through groups: one query."""
    held = Grant.objects.not_ended().held_by(user)
    rows = held.values_list("role_id", "scope_id", "content_type_id", "starts_at", "ends_at")
    return [(role, scope, content_type is not None, starts, ends) for role, scope, content_type, starts, ends in rows]


def held_by(user: Any, *, at: datetime | None = None, policy: Policy | None = None) -> Held:
    """What `user` holds at a moment (now): a principal that is not active holds nothing."""
    policy = policy or current_policy()
    if not user.is_active:
        return policy.held(())
    rights = active_rights(grant_rows(user), at or timezone.now())
    return policy.held(rights, superuser=bool(getattr(user, "is_superuser", False)))


class PrincipalRights:
    """The answers of one principal, for one access (the `Rights` of `core.access`).

    `granted` are the scopes that the credential was granted, expanded; None: the credential carries everything. `uses` is told of the
    scopes that opened a permission (see `Access.uses`).
    """

    at: datetime | None = None
    """The moment for which grants on single objects are asked; None: now."""

    def __init__(
        self,
        principal: Any,
        policy: Policy,
        held: Held,
        granted: frozenset[str] | None,
        uses: Callable[[str], None] | None = None,
    ) -> None:
        self.principal = principal
        self.policy = policy
        self.held = held
        self.granted = granted
        self.uses = uses

    @cached_property
    def opened(self) -> frozenset[str] | None:
        """The Django permissions that the credential's scopes open; None: all."""
        if self.granted is None:
            return None
        effective = self.granted & (self.held.scopes | self.held.object_scopes)
        return core_scopes.registry.permissions(effective)

    def opens(self, permission: str) -> bool:
        """Whether `permission` is within the ceiling."""
        return self.opened is None or permission in self.opened

    def has_permission(self, permission: str) -> bool:
        if not self.opens(permission):
            return False
        has_perm = getattr(self.principal, "has_perm", None)  # a user model need not have it
        return permission in self.held.permissions if has_perm is None else bool(has_perm(permission))

    def covers_role(self, role: str, scopes: frozenset[str]) -> bool:
        if self.granted is None:
            return True
        rights = self.policy.role(role)
        if rights is None or not (rights.scopes or rights.permissions):
            return False  # nothing that a credential could have been granted, so nothing that covers it
        return rights.scopes <= scopes and rights.permissions <= core_scopes.registry.permissions(scopes)

    def scopes_covering(self, role: str, scopes: frozenset[str]) -> frozenset[str]:
        rights = self.policy.role(role)
        if rights is None:
            return frozenset()
        return scopes & rights.scopes.union(*(core_scopes.registry.opening(name) for name in rights.permissions))

    def scopes_opening(self, permission: str) -> frozenset[str]:
        if self.granted is None:
            return frozenset()
        return core_scopes.registry.opening(permission) & self.granted & (self.held.scopes | self.held.object_scopes)

    def note(self, permission: str) -> None:
        """Tell whoever records it that the permission was had."""
        if self.uses is not None:
            for name in self.scopes_opening(permission):
                self.uses(name)

    def objects_with_scope(self, model: Any, scope: str) -> Any:
        giving = Q(role__in=self.policy.roles_giving_scope(scope)) | Q(scope__in=self.policy.scopes_giving(scope))
        return self._objects(model, giving)

    def objects_with_role(self, model: Any, role: str) -> Any:
        return self._objects(model, Q(role__in=self.policy.roles_including(role)))

    def _objects(self, model: Any, giving: Q) -> Any:
        grants = GrantQuerySet(Grant).active(self.at).held_by(self.principal).filter(giving).on_model(model).order_by()
        column = _key_column(model)
        # The condition anew inside CASE: PostgreSQL may cast before it joins, and the keys of other models need not be numbers.
        key = Case(When(of_model(model), then=Cast("object_id", output_field=column)), output_field=column)
        return grants.values_list(key)

    def on(self, obj: Any) -> tuple[frozenset[str], frozenset[str]]:
        held = self.held_on(obj)
        return held.scopes, held.roles

    def held_on(self, obj: Any) -> Held:
        """What the principal holds on `obj` alone: one query a object, remembered for this access."""
        key = (obj._meta.label, object_key(obj))
        found = self._on_objects.get(key)
        if found is None:
            rows = (
                Grant.objects.active(self.at).held_by(self.principal).on_object(obj).values_list("role_id", "scope_id")
            )
            rights: Iterable[Right] = [(role, scope, False) for role, scope in rows]
            found = self._on_objects[key] = self.policy.held(rights)
        return found

    @cached_property
    def _on_objects(self) -> dict[tuple[str, str], Held]:
        return {}


def _key_column(model: type[models.Model]) -> models.Field[Any, Any]:
    """What a grant's `object_id` is cast to, to be compared with the primary key of `model`."""
    pk_field: Any = model._meta.pk
    while pk_field.remote_field is not None:  # multi-table inheritance: the parent's key
        pk_field = pk_field.target_field
    if isinstance(pk_field, models.AutoField | models.IntegerField):
        return models.BigIntegerField()
    if isinstance(pk_field, models.UUIDField):
        return models.UUIDField()
    return models.CharField(max_length=64)


def rights_of(user: Any) -> PrincipalRights:
    """The rights of `user` without any credential's ceiling, remembered on the object as Django does with its permissions."""
    found = user.__dict__.get("_apiaccess_rights")
    if found is None:
        policy = current_policy()
        found = PrincipalRights(user, policy, held_by(user, policy=policy), None)
        user.__dict__["_apiaccess_rights"] = found
    return found  # type: ignore[no-any-return]


def build_access(
    principal: Any,
    credential: CredentialRef,
    *,
    policy: Policy,
    held: Held,
    granted: frozenset[str] | None,
    **facts: Any,
) -> Access:
    """The `Access` of a verified credential: granted ∩ held, wherever it comes from. `granted` None: an unscoped credential."""
    expanded = None if granted is None else core_scopes.registry.expand(granted)
    rights = PrincipalRights(principal, policy, held, expanded)
    return Access(
        principal=principal,
        credential=credential,
        scopes=held.scopes if expanded is None else held.scopes & expanded,
        roles=held.roles,
        object_scopes=held.object_scopes if expanded is None else held.object_scopes & expanded,
        object_roles=held.object_roles,
        scoped=expanded is not None,
        rights=rights,
        **facts,
    )


def access_of_user(user: Any, *, kind: str = "session", at: datetime | None = None, **facts: Any) -> Access:
    """The `Access` of a user who came without a scoped credential of ours: all that the user holds at a moment (now)."""
    policy = current_policy()
    held = held_by(user, at=at, policy=policy)
    credential = CredentialRef(kind, str(user.pk), user.get_username())
    return build_access(user, credential, policy=policy, held=held, granted=None, **facts)
