"""Filters of the list of keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .breadth import over_privileged
from .models import APIKey
from .narrowing import unused_scopes

UNUSED: Final = timedelta(days=90)
SOON: Final = timedelta(days=14)


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
            ("unused-scopes", _("has unused scopes")),
            ("leaked", _("leaked, still open")),
            ("legacy", _("imported, not rotated yet")),
        ]

    def queryset(  # noqa: PLR0911 - a line for each
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any]:
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
            case "unused-scopes":
                return queryset.filter(pk__in=[pk for pk, _seen in unused_scopes()])
            case "leaked" | "legacy" as which:
                return getattr(keys.usable(), which)()  # type: ignore[no-any-return]
        return queryset
