"""API keys and service accounts in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from ..adminkit.base import DeletedOnlyWithItsUser, Panel, Tool, admin_url
from ..adminkit.html import codes, exact, moment
from ..roles.admin import can_look_up_users
from ..roles.admin_explain import explain_tools
from ..roles.models import Grant
from .admin_accounts import ServiceAccountAdmin
from .admin_columns import rights_panel, secrets_panel, status_badge
from .admin_filters import AttentionFilter, StatusFilter
from .admin_forms import ChangeKeyForm, NewKeyForm
from .admin_once import FormUsed, once_page, spend_form, with_open_form
from .admin_pages import KeyPages
from .admin_use import use_panel
from .approvals.admin import KeyRequestAdmin, approval_fieldset, asked_in_place_of, to_request
from .models import APIKey

__all__ = ["APIKeyAdmin", "KeyRequestAdmin", "ServiceAccountAdmin"]


@admin.register(APIKey)
class APIKeyAdmin(DeletedOnlyWithItsUser, KeyPages):
    """Keys: made, shown once, rotated, revoked. They are not deleted by hand: a revoked key explains the events that name it."""

    list_display = ("name", "owner", "status_shown", "scopes_short", "last_used", "expires", "created")
    list_filter = (StatusFilter, AttentionFilter)
    list_select_related = ("principal",)
    actions = ("revoke_selected",)
    search_help_text = gettext_lazy(
        "Name, principal, or the key itself: of a pasted key only its public id is searched for."
    )
    readonly_fields = (
        "owner", "status_shown", "scopes_shown", "expires_shown", "made", "issued_via", "bound", "used", "last_used_from", "use_count",
        "revoked", "revoked_reason",
    )  # fmt: skip

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("name", f"principal__{get_user_model().USERNAME_FIELD}", "secrets__public_id__exact")

    def get_queryset(self, request: HttpRequest) -> QuerySet[APIKey]:
        rows: Any = super().get_queryset(request)
        return rows.telling_leaks().select_related("principal", "created_by", "issued_via")  # type: ignore[no-any-return]

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        return ["principal"] if can_look_up_users(self.admin_site, request) else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A revoked key stays as it was."""
        return (obj is None or obj.revoked_at is None) and bool(super().has_change_permission(request, obj))

    # -- forms

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs.setdefault("form", NewKeyForm if obj is None else ChangeKeyForm)
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        limits = gettext_lazy("Limits")
        if obj is None:
            return (
                (None, {"fields": ("principal", "name")}),
                (gettext_lazy("What it may do"), {"fields": ("scopes",)}),
                (gettext_lazy("How long"), {"fields": ("lifetime", "expires_at")}),
                (limits, {"fields": ("networks", "origins", "rate", "on_leak")}),
                *approval_fieldset(),
            )
        facts = ["made", "issued_via", "used", "last_used_from", "use_count"]
        if obj.dpop_jkt:
            facts.insert(2, "bound")
        if obj.revoked_at is not None:
            facts = ["revoked", "revoked_reason", *facts]
        may = self.has_change_permission(request, obj)
        return (
            (None, {"fields": ("name", "owner", "status_shown")}),
            (gettext_lazy("What it may do"), {"fields": ("scopes" if may else "scopes_shown",)}),
            (limits, {"fields": ("networks", "origins", "rate", "expires_at" if may else "expires_shown", "on_leak")}),
            *(approval_fieldset() if may else ()),
            (gettext_lazy("What became of it"), {"fields": facts}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        found = []
        if self.allows(request, Grant, "view"):
            found.append(Tool(_("Rights of %s") % obj.principal, admin_url(Grant, "rights", obj.principal_id), "badge"))
        found += explain_tools(request, "key", obj.pk)
        if obj.status == APIKey.Status.ACTIVE and self.has_rotate_permission(request, obj):
            found.append(Tool(_("Rotate"), admin_url(APIKey, "rotate", obj.pk), "autorenew"))
        if obj.revoked_at is None and self.has_revoke_permission(request, obj):
            found.append(Tool(_("Revoke"), admin_url(APIKey, "revoke", obj.pk), "block"))
        return found

    def panels(self, request: HttpRequest, obj: Any) -> list[Panel]:
        may = self.has_change_permission(request, obj)
        return [rights_panel(obj), use_panel(obj, may_narrow=may), secrets_panel(obj)]

    # -- the key is shown once, in the answer to the POST that made it

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Django's form, which works once."""
        buttons = {"show_save_and_continue": False, "show_save_and_add_another": False}
        context = {**with_open_form(request, extra_context), **buttons}
        try:
            return super().add_view(request, form_url, context)
        except FormUsed as error:
            messages.warning(request, _("No key was made: %s") % error.message)
            listed = self.has_view_permission(request)
            return HttpResponseRedirect(admin_url(APIKey, "changelist") if listed else request.path)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            spend_form(request)
        obj.apiaccess_form = form
        super().save_model(request, obj, form, change)
        obj.apiaccess_form = form

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's; a key that was asked for is none yet."""
        return super().log_addition(request, obj, message) if obj.pk is not None else None

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's; what was asked for is not changed yet."""
        return super().log_change(request, obj, message) if asked_in_place_of(obj) is None else None

    @method_decorator(sensitive_variables())
    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """The page with the key, in place of Django's redirect; where it was asked for, the page of the request."""
        asked = asked_in_place_of(obj)
        if asked is not None:
            return to_request(request, asked)
        return once_page(self, request, obj.apiaccess_form.issued, rotated=False)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Django's; where more was asked for, the page of the request."""
        asked = asked_in_place_of(obj)
        return super().response_change(request, obj) if asked is None else to_request(request, asked)

    # -- columns

    @admin.display(description=gettext_lazy("principal"), ordering="principal")
    def owner(self, obj: Any) -> Any:
        return str(obj.principal)

    @admin.display(description=gettext_lazy("status"), ordering="expires_at")
    def status_shown(self, obj: Any) -> Any:
        return status_badge(obj)

    @admin.display(description=gettext_lazy("scopes"))
    def scopes_short(self, obj: Any) -> Any:
        return codes(obj.scopes, most=2)

    @admin.display(description=gettext_lazy("scopes"))
    def scopes_shown(self, obj: Any) -> Any:
        return codes(obj.scopes)

    @admin.display(description=gettext_lazy("last used"), ordering="last_used_at")
    def last_used(self, obj: Any) -> Any:
        return moment(obj.last_used_at, _("never"))

    @admin.display(description=gettext_lazy("expires"), ordering="expires_at")
    def expires(self, obj: Any) -> Any:
        return moment(obj.expires_at, _("never"))

    @admin.display(description=gettext_lazy("expires"))
    def expires_shown(self, obj: Any) -> Any:
        return exact(obj.expires_at, _("never"))

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, obj: Any) -> Any:
        return moment(obj.created_at)

    @admin.display(description=gettext_lazy("created"))
    def made(self, obj: Any) -> Any:
        return format_html("{} {} {}", exact(obj.created_at), _("by"), obj.created_by or _("a command or an import"))

    @admin.display(description=gettext_lazy("bound key"))
    def bound(self, obj: Any) -> Any:
        return format_html("{} {}", codes([obj.dpop_jkt]), _("It works only with a DPoP proof of this public key."))

    @admin.display(description=gettext_lazy("last used"))
    def used(self, obj: Any) -> Any:
        return exact(obj.last_used_at, _("never"))

    @admin.display(description=gettext_lazy("revoked"))
    def revoked(self, obj: Any) -> Any:
        return exact(obj.revoked_at)
