"""`AccessBackend`: makes `user.has_perm` and `User.objects.with_perm` see roles and scopes."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet

from .keys.models import ServiceAccount
from .roles.models import Grant
from .roles.policy import current_policy
from .roles.rights import rights_of


class AccessBackend(BaseBackend):
    """Put it first in AUTHENTICATION_BACKENDS. It logs nobody in; it forbids that anybody logs in as a service account."""

    def authenticate(self, request: Any, username: str | None = None, **credentials: Any) -> None:
        """Always None, or `PermissionDenied` (which ends Django's search) for the name of a service account."""
        model = get_user_model()
        name = username if username is not None else credentials.get(model.USERNAME_FIELD)
        if name is not None and ServiceAccount.objects.filter(**{f"user__{model.USERNAME_FIELD}": name}).exists():
            model().set_password(credentials.get("password"))  # the work of a hash, as for every other name
            raise PermissionDenied("Nobody logs in as a service account: it uses its API keys.")

    def get_user(self, user_id: Any) -> Any:
        """The user of a session. Django's test client opens one with the first backend (`force_login`); none is a service account's."""
        user = get_user_model()._default_manager.filter(pk=user_id, service_account=None).first()
        return user if getattr(user, "is_active", user is not None) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Permissions from roles and scopes held on everything, and with `obj` also from those held on it."""
        if not user_obj.is_active or user_obj.is_anonymous:
            return set()
        rights = rights_of(user_obj)
        permissions = set(rights.held.permissions)
        if obj is not None:
            permissions |= rights.held_on(obj).permissions
        return permissions

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if not user_obj.is_active or user_obj.is_anonymous:
            return False
        rights = rights_of(user_obj)
        if perm in rights.held.permissions:
            return True
        return obj is not None and perm in rights.held_on(obj).permissions

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return any(perm.startswith(f"{app_label}.") for perm in self.get_all_permissions(user_obj))

    def with_perm(
        self, perm: Any, is_active: bool | None = True, include_superusers: bool = True, obj: Any = None
    ) -> QuerySet[Any]:
        """Users who have `perm` through a role or scope, in one query; as Django's `ModelBackend.with_perm`."""
        if not isinstance(perm, str):
            perm = f"{perm.content_type.app_label}.{perm.codename}"
        elif "." not in perm:
            raise ValueError("Permission name should be in the form app_label.permission_codename.")
        policy = current_policy()
        giving = Q(role__in=policy.roles_giving_permission(perm)) | Q(scope__in=policy.scopes_opening(perm))
        grants = Grant.objects.active().filter(giving)
        grants = grants.on_everything() if obj is None else grants.filter(_everything_or(obj))
        model = get_user_model()
        condition = Q(Exists(grants.filter(user=OuterRef("pk"))))
        if hasattr(model, "groups"):
            related = model._meta.get_field("groups").related_query_name()
            condition |= Q(Exists(grants.filter(**{f"group__{related}": OuterRef("pk")})))
        if include_superusers and hasattr(model, "is_superuser"):
            condition |= Q(is_superuser=True)
        users = model._default_manager.filter(condition)
        return users if is_active is None else users.filter(is_active=is_active)


def _everything_or(obj: Any) -> Q:
    return Q(content_type=None) | Q(pk__in=Grant.objects.on_object(obj).values("pk"))
