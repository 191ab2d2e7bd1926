"""Service accounts in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Count, Max, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..adminkit.base import DeletedOnlyWithItsUser, Panel, Tool, admin_url
from ..adminkit.html import badge, codes, link, moment, table
from ..authn.admin import ServiceModelAdmin
from ..roles.admin import can_look_up_users
from ..roles.admin_rights import grants_table
from ..roles.models import Grant
from .admin_columns import status_badge
from .admin_forms import ChangeServiceAccountForm, NewServiceAccountForm
from .models import APIKey, ServiceAccount


@admin.register(ServiceAccount)
class ServiceAccountAdmin(DeletedOnlyWithItsUser, ServiceModelAdmin):
    """Service accounts. They are made inactive, not deleted: their events and their keys' history go on naming them."""

    list_display = ("name", "state", "owner", "purpose", "keys", "last_used", "created_at")
    list_select_related = ("user", "owner")
    list_filter = (("user__is_active", admin.BooleanFieldListFilter),)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("name", "purpose", f"owner__{get_user_model().USERNAME_FIELD}")

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        return ["owner"] if can_look_up_users(self.admin_site, request) else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[ServiceAccount]:
        rows: QuerySet[ServiceAccount] = super().get_queryset(request)
        usable = Q(user__api_keys__revoked_at=None) & (
            Q(user__api_keys__expires_at=None) | Q(user__api_keys__expires_at__gt=timezone.now())
        )
        return rows.annotate(
            usable_keys=Count("user__api_keys", filter=usable), used_last=Max("user__api_keys__last_used_at")
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs.setdefault("form", NewServiceAccountForm if obj is None else ChangeServiceAccountForm)
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("name", "owner", "purpose")}),)
        if self.has_change_permission(request, obj):
            return ((None, {"fields": ("name", "owner", "purpose", "active", "created_at")}),)
        return ((None, {"fields": ("name", "owner", "purpose", "state", "created_at")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("name", "created_at", "state")

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        found = []
        if self.allows(request, Grant, "view"):
            found.append(Tool(_("Effective rights"), admin_url(Grant, "rights", obj.user_id), "badge"))
        if self.allows(request, Grant, "add"):
            found.append(Tool(_("Give a role"), f"{admin_url(Grant, 'add')}?user={obj.user_id}", "person_add"))
        if self.allows(request, APIKey, "add"):
            found.append(Tool(_("New API key"), f"{admin_url(APIKey, 'add')}?principal={obj.user_id}", "key"))
        return found

    def panels(self, request: HttpRequest, obj: Any) -> list[Panel]:
        found = []
        if self.allows(request, APIKey, "view"):
            rows = [
                [link(admin_url(APIKey, "change", key.pk), key.name), status_badge(key), codes(key.scopes, most=4),
                 moment(key.last_used_at, _("never")), moment(key.expires_at, _("never"))]
                for key in obj.user.api_keys.select_related("principal")[:200]
            ]  # fmt: skip
            columns = [_("Name"), _("Status"), _("Scopes"), _("Last used"), _("Expires")]
            found.append(Panel(_("API keys"), table(columns, rows, empty=_("It has no key."), caption=_("API keys"))))
        if self.allows(request, Grant, "view"):
            related = ("user", "group", "role", "scope", "content_type", "given_by")
            grants = Grant.objects.not_ended().held_by(obj.user).select_related(*related)[:200]
            found.append(Panel(_("Grants"), grants_table(grants, empty=_("It holds nothing yet: give it a role."))))
        return found

    @admin.display(description=gettext_lazy("state"), ordering="user__is_active")
    def state(self, obj: Any) -> Any:
        return badge(_("active"), "good") if obj.user.is_active else badge(_("inactive"), "bad")

    @admin.display(description=gettext_lazy("usable keys"), ordering="usable_keys")
    def keys(self, obj: Any) -> Any:
        return obj.usable_keys

    @admin.display(description=gettext_lazy("last used"), ordering="used_last")
    def last_used(self, obj: Any) -> Any:
        return moment(obj.used_last, _("never"))
