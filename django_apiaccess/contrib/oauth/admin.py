"""Clients in the admin: registered, shown their secret once, changed, rotated, switched off."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from ...adminkit.base import Panel, Tool, admin_url
from ...adminkit.html import badge, codes, moment
from ...keys.admin_once import FormUsed, spend_form, with_open_form
from ...keys.models import ServiceAccount
from ...roles.admin import can_look_up_users
from ...roles.admin_rights import grants_table
from ...roles.models import Grant
from . import client_secrets
from .admin_consents import ConsentAdmin
from .admin_forms import FLOW, LIMITS, POWERS, PROOF, RIGHTS, WHO, ChangeClientForm, NewClientForm
from .admin_pages import ClientPages, used_message
from .models import OAuthClient

__all__ = ["ConsentAdmin", "OAuthClientAdmin"]
SHOWN = {"scopes": "scopes_shown", "default_scopes": "default_scopes_shown"}


@admin.register(OAuthClient)
class OAuthClientAdmin(ClientPages):
    """Clients. They are switched off, not deleted: their events and consents go on naming them."""

    list_display = ("name", "client_id", "state", "auth_method", "origin", "owner", "last_used")
    list_filter = ("is_active", "auth_method", "origin")
    list_select_related = ("owner",)
    search_fields = ("name", "client_id")
    readonly_fields = (
        "client_id",
        "state",
        "origin",
        "created_at",
        "last_used",
        "scopes_shown",
        "default_scopes_shown",
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        return ["owner"] if can_look_up_users(self.admin_site, request) else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs.setdefault("form", NewClientForm if obj is None else ChangeClientForm)
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sets = [
            (gettext_lazy("How it proves itself"), PROOF),
            (gettext_lazy("How it gets tokens"), FLOW),
            (gettext_lazy("What it may ask for"), RIGHTS),
            (gettext_lazy("Limits"), LIMITS),
            (gettext_lazy("Further powers"), POWERS),
        ]
        first: tuple[str, ...] = WHO
        if obj is not None:
            active = "is_active" if self.has_change_permission(request, obj) else "state"
            first = ("client_id", active, *WHO)
            sets.append((gettext_lazy("What became of it"), ("origin", "created_at", "last_used")))
            if not self.has_change_permission(request, obj):
                sets = [(title, tuple(SHOWN.get(name, name) for name in names)) for title, names in sets]
        return ((None, {"fields": first}), *((title, {"fields": names}) for title, names in sets))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        found = []
        account = obj.service_account
        if account is not None and self.allows(request, ServiceAccount, "view"):
            found.append(Tool(_("Service account"), admin_url(account, "change", account.pk), "smart_toy"))
        if account is not None and self.allows(request, Grant, "add"):
            found.append(Tool(_("Give it a role"), f"{admin_url(Grant, 'add')}?user={account.user_id}", "person_add"))
        if obj.auth_method in client_secrets.METHODS and self.may_rotate(request):
            found.append(Tool(_("Rotate the secret"), admin_url(obj, "rotate", obj.pk), "autorenew"))
        if obj.is_active and self.has_change_permission(request, obj):
            found.append(Tool(_("Switch off"), admin_url(obj, "off", obj.pk), "block"))
        return found

    def panels(self, request: HttpRequest, obj: Any) -> list[Panel]:
        found = []
        if obj.auth_method in client_secrets.METHODS:
            found.append(self.secrets_panel(request, obj))
        if obj.service_account is not None and self.allows(request, Grant, "view"):
            related = ("user", "group", "role", "scope", "content_type", "given_by")
            held = Grant.objects.not_ended().held_by(obj.service_account.user).select_related(*related)[:200]
            html = grants_table(held, empty=_("It holds nothing yet: give it a role."))
            found.append(
                Panel(_("Grants of %s") % obj.service_account, html, _("With client credentials it may do this."))
            )
        return found

    # -- the secret is shown once, in the answer to the POST that made the client

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Django's form, which works once."""
        buttons = {"show_save_and_continue": False, "show_save_and_add_another": False}
        try:
            return super().add_view(request, form_url, {**with_open_form(request, extra_context), **buttons})
        except FormUsed:
            messages.warning(request, used_message())
            listed = self.has_view_permission(request)
            return HttpResponseRedirect(admin_url(OAuthClient, "changelist") if listed else request.path)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            spend_form(request)
            obj.apiaccess_form = form
        super().save_model(request, obj, form, change)

    @method_decorator(sensitive_variables())
    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """The page with the secret, in place of Django's redirect; a client without one has its page."""
        text = obj.apiaccess_form.registered.secret
        return self.once_page(request, obj, text) if text else super().response_add(request, obj, post_url_continue)

    # -- columns

    @admin.display(description=gettext_lazy("state"), ordering="is_active")
    def state(self, obj: Any) -> Any:
        return badge(_("active"), "good") if obj.is_active else badge(_("off"), "bad")

    @admin.display(description=gettext_lazy("scopes"))
    def scopes_shown(self, obj: Any) -> Any:
        return codes(obj.scopes)

    @admin.display(description=gettext_lazy("default scopes"))
    def default_scopes_shown(self, obj: Any) -> Any:
        return codes(obj.default_scopes)

    @admin.display(description=gettext_lazy("last used"), ordering="last_used_at")
    def last_used(self, obj: Any) -> Any:
        return moment(obj.last_used_at, _("never"))
