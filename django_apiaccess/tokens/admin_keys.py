"""Signing keys in the admin, to look at, rotate and distrust; and links to identities of trusted issuers."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..adminkit.base import AccessModelAdmin, ReadOnly, Tool, admin_url
from ..adminkit.html import badge, codes, exact, moment
from ..authn.admin import RehearsedModelForm, ServiceModelAdmin, actor_of
from ..conf import access_settings
from ..exceptions import InvalidChange
from ..roles.admin import can_look_up_users
from . import identities, ring
from .models import LinkedIdentity, SigningKey

TONES = {
    SigningKey.State.NEXT: "neutral",
    SigningKey.State.ACTIVE: "good",
    SigningKey.State.RETIRING: "warn",
    SigningKey.State.RETIRED: "neutral",
}


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnly, AccessModelAdmin):
    """Keys that sign access tokens. The private half is nowhere to be seen; the permission `rotate_signingkey` opens the tools."""

    list_display = ("kid_shown", "algorithm", "state", "published", "signs", "verifies")
    fields = ("kid_shown", "algorithm", "state", "created_at", "signs_from", "verifies_until", "public")
    readonly_fields = fields

    def get_urls(self) -> list[Any]:
        wrap, name = self.admin_site.admin_view, "django_apiaccess_signingkey_%s"
        return [
            path("<path:object_id>/rotate/", wrap(self.rotate_view), name=name % "rotate"),
            path("<path:object_id>/compromised/", wrap(self.compromised_view), name=name % "compromised"),
            *super().get_urls(),
        ]

    def has_rotate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("django_apiaccess.rotate_signingkey"))

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        if not self.has_rotate_permission(request):
            return []
        found = [Tool(_("Publish the next key"), admin_url(SigningKey, "rotate", obj.pk), "autorenew")]
        if not obj.compromised:
            found.append(Tool(_("Compromised"), admin_url(SigningKey, "compromised", obj.pk), "gpp_bad"))
        return found

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then publishes the next key."""
        self.require(self.has_rotate_permission(request))
        key = self.object_or_404(request, object_id)
        answer = self.ask_reason(
            request, title=_("Publish the next signing key"), obj=key, items=[], button=_("Publish"), required=False,
            lead=_("It signs in ten minutes, when others that keep our key set have it. Nobody is logged out."),
        )  # fmt: skip
        if isinstance(answer, HttpResponse):
            return answer
        made, fresh = ring.rotate(by=actor_of(request))
        if fresh:
            messages.success(request, _("The key %s is published.") % made.kid)
        else:
            messages.info(request, _("The key %s is published already; no other was made.") % made.kid)
        return HttpResponseRedirect(admin_url(SigningKey, "changelist"))

    def compromised_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the reason, then distrusts the key."""
        self.require(self.has_rotate_permission(request))
        key = self.object_or_404(request, object_id)
        answer = self.ask_reason(
            request, title=_("Distrust a signing key"), obj=key, items=[key], button=_("Distrust for good"),
            lead=_(
                "Every token that it signed is refused from the next request on. Sessions go on: clients refresh. It cannot be undone."
            ),
        )  # fmt: skip
        if isinstance(answer, HttpResponse):
            return answer
        try:
            ring.compromise(key.kid, by=actor_of(request), reason=answer)
            messages.success(request, _("The key %s is trusted no more.") % key.kid)
        except InvalidChange as error:
            messages.error(request, error.message)
        return HttpResponseRedirect(admin_url(SigningKey, "changelist"))

    @admin.display(description=gettext_lazy("key id"), ordering="number")
    def kid_shown(self, obj: Any) -> Any:
        return codes([obj.kid])

    @admin.display(description=gettext_lazy("state"))
    def state(self, obj: Any) -> Any:
        if obj.compromised:
            return badge(_("compromised"), "bad")
        state = obj.state()
        return badge(state.label, TONES[state])

    @admin.display(description=gettext_lazy("published"), ordering="created_at")
    def published(self, obj: Any) -> Any:
        return moment(obj.created_at)

    @admin.display(description=gettext_lazy("signs from"), ordering="signs_from")
    def signs(self, obj: Any) -> Any:
        return moment(obj.signs_from)

    @admin.display(description=gettext_lazy("verifies until"), ordering="verifies_until")
    def verifies(self, obj: Any) -> Any:
        return moment(obj.verifies_until, _("its successor comes"))

    @admin.display(description=gettext_lazy("public key"))
    def public(self, obj: Any) -> Any:
        return format_html('<pre class="aa-json">{}</pre>', json.dumps(obj.public_jwk, indent=2, sort_keys=True))


class LinkForm(RehearsedModelForm):
    """A new link; what the service refuses is an error of the field."""

    class Meta:
        model = LinkedIdentity
        fields = ("user", "issuer", "subject")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [str(entry.get("issuer")) for entry in access_settings.TRUSTED_ISSUERS]
        label = _("issuer") if known else _("issuer (TRUSTED_ISSUERS is empty)")
        self.fields["issuer"] = forms.ChoiceField(choices=[(name, name) for name in known], label=label)

    def clean(self) -> Any:
        cleaned = super().clean()
        if not self.errors:
            self.rehearse(self.write)
        return cleaned

    def write(self) -> LinkedIdentity:
        """Link. Raises `InvalidChange`."""
        return identities.link(
            **{name: self.cleaned_data[name] for name in self.Meta.fields}, by=actor_of(self.request)
        )


@admin.register(LinkedIdentity)
class LinkedIdentityAdmin(ServiceModelAdmin):
    """Links are made and taken away, not changed: an event tells of each."""

    list_display = ("subject", "issuer", "user", "created")
    list_filter = ("issuer",)
    list_select_related = ("user",)
    fields = ("user", "issuer", "subject")
    form = LinkForm

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("subject__exact", f"user__{get_user_model().USERNAME_FIELD}")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("user")

    def get_autocomplete_fields(self, request: HttpRequest) -> Any:
        return ["user"] if can_look_up_users(self.admin_site, request) else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        identities.unlink(obj, by=actor_of(request))

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, obj: Any) -> Any:
        return exact(obj.created_at)
