"""Trusted devices in the admin: to look at, and to end with a reason."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..adminkit.base import ReadOnly
from ..adminkit.html import NOTHING, badge, exact, moment
from ..authn.admin import ServiceModelAdmin, actor_of
from . import trusted
from .models import TrustedDevice

NAMED = 50
"""Devices that the page asking for a reason lists by name."""


class StateFilter(admin.SimpleListFilter):
    """Trusted, ended by somebody, or over by the clock."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("live", _("trusted")), ("ended", _("ended")), ("over", _("expired"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        if self.value() == "ended":
            return queryset.filter(revoked_at__isnull=False)
        if self.value() == "live":
            return queryset.filter(revoked_at=None, expires_at__gt=now)
        if self.value() == "over":
            return queryset.filter(revoked_at=None, expires_at__lte=now)
        return queryset


@admin.register(TrustedDevice)
class TrustedDeviceAdmin(ReadOnly, ServiceModelAdmin):
    """Devices that are not asked for a second factor at log-in. No digest and no mark is ever shown."""

    list_display = ("owner", "device_shown", "since", "created_from", "last_used", "until", "state")
    list_filter = (StateFilter,)
    actions = ("end_selected",)
    readonly_fields = (
        "owner", "device_shown", "state", "since_shown", "created_from", "used", "until_shown", "ended",
    )  # fmt: skip
    fields = readonly_fields

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (f"user__{get_user_model().USERNAME_FIELD}", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("user")

    # -- permissions

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(f"{self.opts.app_label}.revoke_trusteddevice"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A device goes with its user, whoever may delete that one; no page of its own deletes it."""
        match = request.resolver_match
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        return match is not None and not (match.url_name or "").startswith(own)

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        return {**super().get_model_perms(request), "delete": False}

    # -- ending

    @admin.action(description=gettext_lazy("Trust the selected devices no more"), permissions=["revoke"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[TrustedDevice]) -> Any:
        """Ends the trust in many devices, with one reason."""
        chosen = queryset.filter(revoked_at=None)
        count = chosen.count()
        if not count:
            messages.warning(request, _("None of these devices is trusted any more."))
            return None
        box = admin.helpers.ACTION_CHECKBOX_NAME
        hidden = [("action", "end_selected"), ("select_across", request.POST.get("select_across", "0"))]
        hidden += [(box, pk) for pk in request.POST.getlist(box)]
        shown = [f"{device} ({device.user})" for device in chosen[:NAMED]]
        if count > len(shown):
            shown.append(_("and %d more") % (count - len(shown)))
        answer = self.ask_reason(
            request,
            title=_("End the trust in %d devices") % count,
            lead=_("Whoever logs in there next is asked for a second factor. Sessions that run go on."),
            items=shown,
            button=_("End"),
            hidden=hidden,
        )
        if isinstance(answer, HttpResponse):
            return answer
        with transaction.atomic():
            ended = trusted.end_trust(chosen, by=actor_of(request), reason=answer)
        messages.success(request, _("Devices that are trusted no more: %d.") % ended)
        return None

    # -- columns

    @admin.display(description=gettext_lazy("user"), ordering="user")
    def owner(self, obj: Any) -> Any:
        return str(obj.user)

    @admin.display(description=gettext_lazy("device"), ordering="name")
    def device_shown(self, obj: Any) -> Any:
        return obj.name or NOTHING

    @admin.display(description=gettext_lazy("state"))
    def state(self, obj: Any) -> Any:
        if obj.revoked_at is not None:
            return badge(_("ended"), "bad")
        return badge(_("expired")) if obj.expires_at <= timezone.now() else badge(_("trusted"), "good")

    @admin.display(description=gettext_lazy("trusted since"), ordering="created_at")
    def since(self, obj: Any) -> Any:
        return moment(obj.created_at)

    @admin.display(description=gettext_lazy("last used"), ordering="last_used_at")
    def last_used(self, obj: Any) -> Any:
        return moment(obj.last_used_at, _("never"))

    @admin.display(description=gettext_lazy("until"), ordering="expires_at")
    def until(self, obj: Any) -> Any:
        return moment(obj.expires_at)

    @admin.display(description=gettext_lazy("trusted since"))
    def since_shown(self, obj: Any) -> Any:
        return exact(obj.created_at)

    @admin.display(description=gettext_lazy("last used"))
    def used(self, obj: Any) -> Any:
        return exact(obj.last_used_at, _("never"))

    @admin.display(description=gettext_lazy("trusted until"))
    def until_shown(self, obj: Any) -> Any:
        return exact(obj.expires_at)

    @admin.display(description=gettext_lazy("ended"))
    def ended(self, obj: Any) -> Any:
        return exact(obj.revoked_at)
