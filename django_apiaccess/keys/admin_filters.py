"""Filters of the list of keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..core import scopes as core_scopes
from ..roles.models import Grant
from ..roles.policy import Held, Right, active_rights, current_policy
from .models import APIKey

UNUSED: Final = timedelta(days=90)
SOON: Final = timedelta(days=14)
BATCH: Final = 500


class StatusFilter(admin.SimpleListFilter):
    """What became of it."""

    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(APIKey.Status.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        if self.value() == APIKey.Status.ACTIVE:
            return queryset.usable(now)  # type: ignore[attr-defined, no-any-return]
        if self.value() == APIKey.Status.EXPIRED:
            return queryset.filter(revoked_at=None, expires_at__lte=now)
        return queryset.filter(revoked_at__isnull=False) if self.value() == APIKey.Status.REVOKED else queryset


class AttentionFilter(admin.SimpleListFilter):
    """Keys that somebody should look at. Of usable keys only."""

    title = gettext_lazy("needs attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("unused", _("unused for %d days") % UNUSED.days),
            ("never", _("never used")),
            ("expiring", _("expires within %d days") % SOON.days),
            ("over", _("over-privileged")),
            ("leaked", _("leaked, still open")),
            ("legacy", _("imported, not rotated yet")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        keys: Any = queryset
        match self.value():
            case "unused":
                return keys.unused_for(UNUSED)  # type: ignore[no-any-return]
            case "never":
                return keys.usable().filter(last_used_at=None)  # type: ignore[no-any-return]
            case "expiring":
                return keys.expiring_within(SOON)  # type: ignore[no-any-return]
            case "over":
                return queryset.filter(pk__in=list(over_privileged()))
            case "leaked" | "legacy" as which:
                return getattr(keys.usable(), which)()  # type: ignore[no-any-return]
        return queryset


def over_privileged() -> Iterator[int]:
    """Ids of usable keys that are wider than they should be, in a few queries a `BATCH` of principals.

    A key is too wide when it has a scope that its principal does not hold now (it would come alive with the next role), or when it is a
    superuser's with a wildcard (it grows with every scope that is declared).
    """
    rows: dict[Any, list[tuple[int, frozenset[str]]]] = {}
    for pk, principal, scopes in APIKey.objects.usable().order_by().values_list("pk", "principal_id", "scopes"):
        rows.setdefault(principal, []).append((pk, scopes))
    principals = list(rows)
    for start in range(0, len(principals), BATCH):
        batch = principals[start : start + BATCH]
        for principal, (held, superuser) in _held(batch).items():
            for pk, scopes in rows[principal]:
                beyond = core_scopes.registry.expand(scopes) - held.scopes - held.object_scopes
                if beyond or (superuser and any(name.endswith(":*") for name in scopes)):
                    yield pk


def _held(principals: list[Any]) -> dict[Any, tuple[Held, bool]]:
    """What many principals hold now, and whether they are superusers: as `held_by`, for all at once."""
    model: Any = get_user_model()
    policy, now = current_policy(), timezone.now()
    rights: dict[Any, set[Right]] = {principal: set() for principal in principals}
    columns = ("role_id", "scope_id", "content_type_id", "starts_at", "ends_at")
    grants = Grant.objects.active(now)
    owners = [("user_id", grants.filter(user__in=principals))]
    if hasattr(model, "groups"):
        member = f"group__{model._meta.get_field('groups').related_query_name()}"
        owners.append((member, grants.filter(Q(**{f"{member}__in": principals}))))
    for owner, found in owners:
        for principal, role, scope, kind, starts, ends in found.order_by().values_list(owner, *columns):
            if principal in rights:
                rights[principal] |= active_rights([(role, scope, kind is not None, starts, ends)], now)
    users = model._default_manager.in_bulk(principals)
    return {
        pk: (
            policy.held(
                rights[pk] if user.is_active else (),
                superuser=user.is_active and bool(getattr(user, "is_superuser", False)),
            ),
            bool(getattr(user, "is_superuser", False)),
        )
        for pk, user in users.items()
    }
