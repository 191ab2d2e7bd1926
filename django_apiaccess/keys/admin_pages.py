"""The pages of a key beside Django's own: rotate, revoke, find."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from ..adminkit.base import admin_url
from ..authn.admin import ServiceModelAdmin, actor_of, record_refusal
from ..core.durations import parse_duration
from ..exceptions import InvalidChange
from . import service
from .admin_columns import limits, old_secret_use, secrets_panel
from .admin_forms import RotateForm
from .admin_once import FormUsed, once_page, open_form, spend_form
from .admin_search import without_secrets
from .admin_use import narrow_page
from .models import APIKey


class KeyPages(ServiceModelAdmin):
    """Mixin with the pages; the permissions `rotate_apikey` and `revoke_apikey` open them."""

    def get_urls(self) -> list[Any]:
        wrap, name = self.admin_site.admin_view, "django_apiaccess_apikey_%s"
        return [
            path("find/", wrap(self.find_view), name=name % "find"),
            path("<path:object_id>/rotate/", wrap(self.rotate_view), name=name % "rotate"),
            path("<path:object_id>/narrow/", wrap(self.narrow_view), name=name % "narrow"),
            path("<path:object_id>/revoke/", wrap(self.revoke_view), name=name % "revoke"),
            *super().get_urls(),
        ]

    def has_rotate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may("rotate", request)

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may("revoke", request)

    def _may(self, verb: str, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(f"{self.opts.app_label}.{get_permission_codename(verb, self.opts)}"))

    def back_to(self, request: HttpRequest, key: APIKey) -> HttpResponse:
        """The key's page, for whoever may see it."""
        if self.has_view_permission(request, key):
            return HttpResponseRedirect(admin_url(APIKey, "change", key.pk))
        return HttpResponseRedirect(admin_url(APIKey, "changelist"))

    # -- rotate

    @method_decorator(sensitive_variables())
    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for the grace, then shows the new secret once."""
        key: APIKey = self.object_or_404(request, object_id)
        self.require(self.has_rotate_permission(request, key))
        if key.status != APIKey.Status.ACTIVE:
            messages.error(request, _("This key is %s; it cannot be rotated. Make a new one.") % key.status.label)
            return self.back_to(request, key)
        form = type("RotateForm", (RotateForm,), {"request": request})(
            request.POST if request.method == "POST" else None
        )
        if request.method == "POST" and form.is_valid():
            try:
                with transaction.atomic():
                    spend_form(request)
                    grace = parse_duration(form.cleaned_data["grace"])
                    issued = service.rotate(key, by=actor_of(request), grace=grace, reason=form.cleaned_data["reason"])
                    self.log_change(request, key, _("Rotated."))
            except FormUsed as error:
                messages.warning(request, _("Nothing was done: %s") % error.message)
                return self.back_to(request, key)
            except InvalidChange as error:
                record_refusal(request, error)
                form.show(error.message)
            else:
                return once_page(self, request, issued, rotated=True)
        lead = _("The key gets a new secret, which is shown once. Name, scopes, limits and history stay.")
        hidden = [("apiaccess_form", open_form(request))]
        return self.page(
            request, "rotate.html", title=_("Rotate %s") % key, obj=key, form=form, lead=lead, facts=limits(key),
            panels=[secrets_panel(key)], warning=old_secret_use(key), button=_("Rotate and show the new secret"), hidden=hidden,
        )  # fmt: skip

    # -- revoke

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ends one key, with a reason."""
        key: APIKey = self.object_or_404(request, object_id)
        self.require(self.has_revoke_permission(request, key))
        if key.revoked_at is not None:
            messages.info(request, _("This key was revoked before."))
            return self.back_to(request, key)
        answer = self.ask_reason(
            request, obj=key, title=_("Revoke %s") % key, lead=self.revocation_lead(), button=_("Revoke for good"),
            items=[f"{label}: {value}" for label, value in [(_("Name"), key.name), (_("Principal"), key.principal)]],
        )  # fmt: skip
        if isinstance(answer, HttpResponse):
            return answer
        self._revoke(request, APIKey.objects.filter(pk=key.pk), answer)
        return self.back_to(request, key)

    @admin.action(description=gettext_lazy("Revoke the selected keys"), permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[APIKey]) -> Any:
        """Ends many keys, with one reason."""
        chosen = queryset.filter(revoked_at=None)
        count = chosen.count()
        if not count:
            messages.warning(request, _("All of these keys were revoked before."))
            return None
        hidden: list[tuple[str, Any]] = [("action", "revoke_selected")]
        hidden.append(("select_across", request.POST.get("select_across", "0")))
        box = admin.helpers.ACTION_CHECKBOX_NAME
        hidden += [(box, pk) for pk in request.POST.getlist(box)]
        shown = [f"{key.name} ({key.principal})" for key in chosen.select_related("principal")[:50]]
        if count > len(shown):
            shown.append(_("and %d more") % (count - len(shown)))
        answer = self.ask_reason(
            request,
            title=_("Revoke %d keys") % count,
            lead=self.revocation_lead(),
            items=shown,
            button=_("Revoke for good"),
            hidden=hidden,
        )
        if isinstance(answer, HttpResponse):
            return answer
        self._revoke(request, chosen, answer)
        return None

    def _revoke(self, request: HttpRequest, keys: QuerySet[APIKey], reason: str) -> None:
        with transaction.atomic():
            for key in keys[:1000]:
                self.log_change(request, key, _("Revoked."))
            count = service.revoke(
                APIKey.objects.filter(pk__in=keys.order_by().values("pk")), reason=reason, by=actor_of(request)
            )
        messages.success(request, _("Keys revoked: %d. They are refused from the next request on.") % count)

    @staticmethod
    def revocation_lead() -> str:
        return _(
            "It is refused from the next request on, and cannot be brought back. Keys that were issued through it end too."
        )

    # -- narrow

    def narrow_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Takes the scopes away that the key did not use."""
        key: APIKey = self.object_or_404(request, object_id)
        self.require(self.has_change_permission(request, key))
        return narrow_page(self, request, key)

    # -- find

    @method_decorator((sensitive_post_parameters(), require_POST))
    def find_view(self, request: HttpRequest) -> HttpResponse:
        """The search for a pasted key: the text comes in the body, only its public id goes into the address."""
        self.require(self.has_view_or_change_permission(request))
        query = {"q": without_secrets(request.POST.get("q", ""))[:200]}
        return HttpResponseRedirect(f"{admin_url(APIKey, 'changelist')}?{urlencode(query)}")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list. A key that a browser without scripts put into the address is taken out of it, with a warning."""
        sent = request.GET.get("q", "")
        clean = without_secrets(sent) if self.has_view_or_change_permission(request) else sent
        if clean != sent:
            query = request.GET.copy()
            query["q"] = clean[:200]
            messages.warning(
                request,
                _(
                    "The whole key was part of this page's address, which servers may have logged. Rotate it if it still matters."
                ),
            )
            return HttpResponseRedirect(f"{admin_url(APIKey, 'changelist')}?{query.urlencode()}")
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response
