"""What follows from changes that do not pass through a service: generations move on, and no cycle or conflict gets in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete

from ..conf import access_settings
from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..exceptions import DutiesConflict, RoleCycle
from . import separation
from .generations import bump
from .kin import connect_kin
from .models import Generation, Grant, Role, Scope
from .policy import ancestors, role_edges
from .service import described

POST_M2M = ("post_add", "post_remove", "post_clear")
HARMLESS_USER_FIELDS = frozenset({"last_login", "first_name", "last_name", "email"})


class GroupDutiesConflict(DutiesConflict, PermissionDenied):
    """A group that would bring two exclusive roles together; Django's admin shows it as a 403 page."""


def policy_changed(**kwargs: Any) -> None:
    """A role, a scope or a permission changed."""
    bump(Generation.POLICY)


def role_link_changed(action: str, **_kwargs: Any) -> None:
    """A role got or lost scopes or permissions."""
    if action in POST_M2M:
        bump(Generation.POLICY)


def parents_changed(action: str, instance: Any, **_kwargs: Any) -> None:
    """A role inherits otherwise. The generations are bumped first: their row locks make such changes and grants wait for each other."""
    if action.startswith("pre_"):
        bump(Generation.POLICY)
        bump(Generation.CREDENTIALS)
    elif action == "post_add":
        refuse_cycle()
        separation.check()


def refuse_cycle() -> None:
    """Raise `RoleCycle` when a role inherits from itself."""
    edges = role_edges()
    for role, parents in edges.items():
        if any(role in ancestors(edges, parent) for parent in parents):
            line = sorted(Role.objects.filter(pk__in=ancestors(edges, role)).values_list("name", flat=True))
            raise RoleCycle(f"Roles cannot inherit in a circle: {', '.join(line)}.", field="parents")


def credentials_changed(**kwargs: Any) -> None:
    """A grant or a principal changed: tell the processes that cache, if the project lets them."""
    fields = kwargs.get("update_fields")
    if fields and frozenset(fields) <= HARMLESS_USER_FIELDS:
        return
    if access_settings.CACHE_SECONDS or access_settings.STATELESS_SECONDS:
        bump(Generation.CREDENTIALS)


def credential_changed(**_kwargs: Any) -> None:
    """One credential changed, of which the shared cache is told by itself, or knows nothing."""
    if access_settings.CACHE_SECONDS:
        bump(Generation.CREDENTIALS, sessions=False)


def membership_changed(action: str, instance: Any, reverse: bool, pk_set: set[Any] | None, **_kwargs: Any) -> None:
    """A user joined or left a group."""
    if action == "pre_add":
        bump(Generation.CREDENTIALS)  # the lock of grants and separations, also of one that is just being made
    if action == "post_add" and pk_set:
        users = pk_set if reverse else [instance.pk]
        separation.check(users, error=GroupDutiesConflict)
    if action in POST_M2M and (access_settings.CACHE_SECONDS or access_settings.STATELESS_SECONDS):
        bump(Generation.CREDENTIALS)


def generation_loaded(instance: Generation, raw: bool, **_kwargs: Any) -> None:
    """A fixture brought a generation's old value: some process may hold other content under that name."""
    if raw:
        bump(instance.name)


def grant_deleted(instance: Grant, **_kwargs: Any) -> None:
    """A grant went with its user, group, role or object. `ungrant` deletes without this signal and writes its own event."""
    changed(
        Action.GRANT_TAKEN, instance, by=Actor.system(), reason="deleted with what it belongs to", **described(instance)
    )


def connect() -> None:
    """Called once, when the app is ready."""
    policy_models: tuple[type[models.Model], ...] = (Role, Scope)
    for model in policy_models + (Permission,):  # noqa: RUF005 - mypy joins the types of a display too widely
        for signal in (post_save, post_delete):
            connect_kin(signal, policy_changed, model, uid=f"django_apiaccess.policy.{model.__name__}")
    for through in (Role.scopes.through, Role.permissions.through):
        m2m_changed.connect(role_link_changed, sender=through, dispatch_uid=f"django_apiaccess.{through.__name__}")
    m2m_changed.connect(parents_changed, sender=Role.parents.through, dispatch_uid="django_apiaccess.parents")
    post_save.connect(generation_loaded, sender=Generation, dispatch_uid="django_apiaccess.generation")
    connect_kin(pre_delete, grant_deleted, Grant, uid="django_apiaccess.grant_deleted")
    user_model = get_user_model()
    for model in (Grant, user_model):
        for signal in (post_save, post_delete):
            connect_kin(signal, credentials_changed, model, uid=f"django_apiaccess.credentials.{model.__name__}")
    if hasattr(user_model, "groups"):
        m2m_changed.connect(
            membership_changed, sender=user_model.groups.through, dispatch_uid="django_apiaccess.groups"
        )
