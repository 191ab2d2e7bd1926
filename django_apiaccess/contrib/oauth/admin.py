"""Clients and consents in the admin: to look at, to switch off, to take back. Clients are made and rotated by the commands."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ...adminkit.base import AccessModelAdmin, ReadOnly, Tool, admin_url
from ...adminkit.html import badge, codes, moment
from ...authn.admin import actor_of, record_refusal
from ...exceptions import InvalidChange
from . import clients, consents
from .models import Consent, OAuthClient


@admin.register(OAuthClient)
class OAuthClientAdmin(ReadOnly, AccessModelAdmin):
    """Clients. Whoever may change them may switch one off."""

    list_display = ("name", "client_id", "state", "auth_method", "origin", "owner", "last_used")
    list_filter = ("is_active", "auth_method", "origin")
    list_select_related = ("owner",)
    search_fields = ("name", "client_id")
    fields = (
        "name", "client_id", "state", "description", "homepage", "owner", "origin", "auth_method", "grant_types", "redirect_uris",
        "scopes_shown", "audiences", "service_account", "dpop_required", "par_required", "may_introspect", "trusted", "created_at",
        "last_used",
    )  # fmt: skip
    readonly_fields = fields

    def get_urls(self) -> list[Any]:
        name = "django_apiaccess_oauth_oauthclient_off"
        return [
            path("<path:object_id>/off/", self.admin_site.admin_view(self.off_view), name=name),
            *super().get_urls(),
        ]

    def may_switch(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("django_apiaccess_oauth.change_oauthclient"))

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        if not obj.is_active or not self.may_switch(request):
            return []
        return [Tool(_("Switch off"), admin_url(OAuthClient, "off", obj.pk), "block")]

    def off_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then switches the client off: its sessions end."""
        self.require(self.may_switch(request))
        client = self.object_or_404(request, object_id)
        answer = self.ask_reason(
            request, title=_("Switch off %s") % client, obj=client, items=[client.client_id], button=_("Switch off"), required=False,
            lead=_("It gets no tokens, and those that it has are refused from the next request on."),
        )  # fmt: skip
        if isinstance(answer, HttpResponse):
            return answer
        try:
            clients.change(client, by=actor_of(request), is_active=False)
            self.log_change(request, client, _("Switched off."))
            messages.success(request, _("The client %s is off.") % client)
        except InvalidChange as error:
            record_refusal(request, error)
            messages.error(request, error.message)
        return HttpResponseRedirect(admin_url(OAuthClient, "changelist"))

    @admin.display(description=gettext_lazy("state"), ordering="is_active")
    def state(self, obj: Any) -> Any:
        return badge(_("active"), "good") if obj.is_active else badge(_("off"), "bad")

    @admin.display(description=gettext_lazy("scopes"))
    def scopes_shown(self, obj: Any) -> Any:
        return codes(obj.scopes)

    @admin.display(description=gettext_lazy("last used"), ordering="last_used_at")
    def last_used(self, obj: Any) -> Any:
        return moment(obj.last_used_at, _("never"))


@admin.register(Consent)
class ConsentAdmin(ReadOnly, AccessModelAdmin):
    """What people allowed. The permission `revoke_consent` takes it back."""

    list_display = ("client", "user", "scopes_shown", "state", "granted_at", "last_used_at")
    list_select_related = ("client", "user")
    search_fields = ("client__name", "client__client_id")
    fields = (
        "client",
        "user",
        "scopes_shown",
        "resource",
        "state",
        "granted_at",
        "last_used_at",
        "revoked_at",
        "revoked_reason",
    )
    readonly_fields = fields

    def get_urls(self) -> list[Any]:
        name = "django_apiaccess_oauth_consent_revoke"
        return [
            path("<path:object_id>/revoke/", self.admin_site.admin_view(self.revoke_view), name=name),
            *super().get_urls(),
        ]

    def may_revoke(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("django_apiaccess_oauth.revoke_consent"))

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        if obj.revoked_at is not None or not self.may_revoke(request):
            return []
        return [Tool(_("Revoke"), admin_url(Consent, "revoke", obj.pk), "block")]

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the reason, then takes the consent back."""
        self.require(self.may_revoke(request))
        consent = self.object_or_404(request, object_id)
        answer = self.ask_reason(
            request, title=_("Revoke a consent"), obj=consent, items=[consent], button=_("Revoke"),
            lead=_("The tokens that came of it are refused from the next request on. The client must ask again."),
        )  # fmt: skip
        if isinstance(answer, HttpResponse):
            return answer
        if consents.revoke(Consent.objects.filter(pk=consent.pk), reason=answer, by=actor_of(request)):
            self.log_change(request, consent, _("Revoked."))
            messages.success(request, _("The consent was taken back."))
        return HttpResponseRedirect(admin_url(Consent, "changelist"))

    @admin.display(description=gettext_lazy("state"), ordering="revoked_at")
    def state(self, obj: Any) -> Any:
        return badge(_("given"), "good") if obj.revoked_at is None else badge(_("revoked"), "bad")

    @admin.display(description=gettext_lazy("scopes"))
    def scopes_shown(self, obj: Any) -> Any:
        return codes(obj.scopes)
