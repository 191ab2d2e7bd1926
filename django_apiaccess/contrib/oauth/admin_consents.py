"""Consents in the admin: to look at, and to take back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ...adminkit.base import AccessModelAdmin, ReadOnly, Tool, admin_url
from ...adminkit.html import badge, codes
from ...authn.admin import actor_of
from . import consents
from .models import Consent


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

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """On no page of its own; with its user, by whoever might take it back."""
        match = request.resolver_match
        own = match is not None and (match.url_name or "").startswith("django_apiaccess_oauth_consent_")
        return not own and self.may_revoke(request)

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
