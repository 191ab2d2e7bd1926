"""The pages of a client beside Django's own: a secret shown once, rotated, retired; the client switched off."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from ...adminkit.base import Panel, admin_url
from ...adminkit.html import badge, codes, exact, link, table
from ...authn.admin import ServiceModelAdmin, actor_of, record_refusal
from ...core.durations import parse_duration
from ...exceptions import InvalidChange
from ...keys.admin_forms import RotateForm
from ...keys.admin_once import FormUsed, open_form, spend_form
from . import client_secrets, clients
from .models import ClientSecret, OAuthClient


class ClientPages(ServiceModelAdmin):
    """Mixin with the pages. `rotate_oauthclient` opens those of secrets, `change_oauthclient` switches off."""

    def get_urls(self) -> list[Any]:
        wrap, name = self.admin_site.admin_view, "django_apiaccess_oauth_oauthclient_%s"
        return [
            path("<path:object_id>/off/", wrap(self.off_view), name=name % "off"),
            path("<path:object_id>/rotate/", wrap(self.rotate_view), name=name % "rotate"),
            path("<path:object_id>/retire/<int:secret_id>/", wrap(self.retire_view), name=name % "retire"),
            *super().get_urls(),
        ]

    def may_rotate(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("django_apiaccess_oauth.rotate_oauthclient"))

    def back_to(self, request: HttpRequest, client: OAuthClient) -> HttpResponse:
        """The client's page, for whoever may see it."""
        if self.has_view_permission(request, client):
            return HttpResponseRedirect(admin_url(client, "change", client.pk))
        return HttpResponseRedirect(reverse("admin:index"))

    # -- off

    def off_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then switches the client off: its sessions end."""
        client = self.object_or_404(request, object_id)
        self.require(self.has_change_permission(request, client))
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

    # -- secrets

    @method_decorator(sensitive_variables())
    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the grace, then shows the new secret once."""
        client: OAuthClient = self.object_or_404(request, object_id)
        self.require(self.may_rotate(request))
        if client.auth_method not in client_secrets.METHODS:
            messages.error(request, _("%s has no secret: it authenticates otherwise.") % client)
            return self.back_to(request, client)
        form = type("RotateForm", (RotateForm,), {"request": request})(
            request.POST if request.method == "POST" else None
        )
        if request.method == "POST" and form.is_valid():
            grace, reason = parse_duration(form.cleaned_data["grace"]), form.cleaned_data["reason"]
            try:
                with transaction.atomic():
                    spend_form(request)
                    text, until = client_secrets.rotate(client, by=actor_of(request), grace=grace, reason=reason)
                    self.log_change(request, client, _("Secret rotated."))
            except FormUsed:
                messages.warning(request, used_message())
                return self.back_to(request, client)
            except InvalidChange as error:
                record_refusal(request, error)
                form.show(error.message)
            else:
                return self.once_page(request, client, text, old_until=until)
        lead = _(
            "The client gets a new secret, which is shown once. The old one works on for the time that you choose."
        )
        return self.page(
            request, "rotate.html", title=_("Rotate the secret of %s") % client, obj=client, form=form, lead=lead,
            heading=_("The client"), facts=[(_("Client id"), codes([client.client_id])), (_("Scopes"), codes(client.scopes))],
            panels=[self.secrets_panel(request, client)], button=_("Rotate and show the new secret"),
            hidden=[("apiaccess_form", open_form(request))],
        )  # fmt: skip

    def retire_view(self, request: HttpRequest, object_id: str, secret_id: int) -> HttpResponse:
        """Asks, then ends a replaced secret before its grace is over."""
        client: OAuthClient = self.object_or_404(request, object_id)
        self.require(self.may_rotate(request))
        secret = ClientSecret.objects.filter(client=client, pk=secret_id).first()
        if secret is None:
            messages.error(request, _("There is no such secret any more."))
            return self.back_to(request, client)
        answer = self.ask_reason(
            request, title=_("Retire a secret of %s") % client, obj=client, items=[secret.public_id], button=_("Retire now"),
            required=False, lead=_("Programs that still send this secret are refused from the next request on."),
        )  # fmt: skip
        if isinstance(answer, HttpResponse):
            return answer
        try:
            client_secrets.retire(secret, by=actor_of(request), reason=answer)
            self.log_change(request, client, _("Secret retired."))
            messages.success(request, _("The secret has ended."))
        except InvalidChange as error:
            messages.error(request, error.message)
        return self.back_to(request, client)

    @sensitive_variables()
    def once_page(self, request: HttpRequest, client: OAuthClient, text: str, *, old_until: Any = None) -> HttpResponse:
        """The secret, in this answer and nowhere else."""
        page = self.page(
            request, "client_once.html", title=_("New secret of %s") % client, obj=client, text=text, client=client,
            token_url=token_url(request), old_until=old_until, old_until_now=old_until is not None and old_until <= timezone.now(),
        )  # fmt: skip
        page["Cache-Control"] = "no-store"
        page["Referrer-Policy"] = "no-referrer"
        rendered: HttpResponse = page.render()
        page.context_data = None  # what comes after (middleware, debug pages) has no business with it
        return rendered

    def secrets_panel(self, request: HttpRequest, client: OAuthClient) -> Panel:
        """The secrets that open something, with their ends."""
        rows = []
        for secret in client.secrets.usable()[:50]:
            replaced = secret.retired_at is not None
            act: Any = ""
            if replaced and self.may_rotate(request):
                act = link(admin_url(client, "retire", client.pk, secret.pk), _("Retire"))
            state = badge(_("in its grace"), "warn") if replaced else badge(_("current"), "good")
            rows.append([codes([secret.public_id]), state, exact(secret.created_at),
                         exact(secret.expires_at, _("when it is replaced")), act])  # fmt: skip
        columns = [_("Public id"), _("State"), _("Made"), _("Ends"), _("Action")]
        empty = _("It has none. Rotate to give it one.")
        return Panel(_("Secrets"), table(columns, rows, empty=empty, caption=_("Secrets")))


def used_message() -> str:
    """What is said of a form that came again."""
    return _(
        "Nothing was done: this form was sent before. A secret is shown once; if you did not note it down, rotate it."
    )


def token_url(request: HttpRequest) -> str:
    """The token endpoint, for the line to be tried; empty where it is not routed."""
    try:
        return request.build_absolute_uri(reverse("apiaccess-oauth-token"))
    except NoReverseMatch:
        return ""
