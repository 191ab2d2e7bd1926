"""Second factors in the admin: who has which, and taking them away from somebody who lost them, with a reason."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..adminkit.base import Panel, ReadOnly, Tool, admin_url
from ..adminkit.html import NOTHING, badge, exact, link, moment
from ..authn.admin import ServiceModelAdmin, actor_of
from ..exceptions import InvalidChange
from ..mfa import overview, policy
from ..mfa.admin_owners import (
    NAMES,
    FactorFilter,
    StaffFilter,
    WithFactors,
    devices_panel,
    factors_cell,
    factors_panel,
    owner_model,
)
from ..mfa.models import MFADuty, TrustedDevice
from ..tokens.models import TokenSession
from . import administration

NAMED = 50
"""People that the page asking for a reason lists by name."""
SecondFactors: Any = owner_model()


@admin.register(SecondFactors)
class SecondFactorsAdmin(ReadOnly, ServiceModelAdmin):
    """Everybody who can log in, with what they have. No seed, no code and no whole phone number is ever shown."""

    list_display = ("person", "staff", "factors", "recovery_codes", "last_used")
    list_filter = (FactorFilter, StaffFilter)
    actions = ("reset_selected",)
    fields = ("person", "staff", "active", "wanted", "last_log_in_shown")
    readonly_fields = fields

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (get_user_model().USERNAME_FIELD,)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return (get_user_model().USERNAME_FIELD,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        everybody: QuerySet[Any] = super().get_queryset(request).filter(service_account=None)
        return everybody

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return type("FactorsList", (WithFactors, super().get_changelist(request, **kwargs)), {})

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Django's list, under a title that says what it is."""
        return super().changelist_view(request, {"title": _("Who has which second factors"), **(extra_context or {})})

    def get_urls(self) -> list[Any]:
        reset = self.admin_site.admin_view(self.reset_view)
        return [
            path("<path:object_id>/reset/", reset, name="django_apiaccess_secondfactors_reset"),
            *super().get_urls(),
        ]

    # -- permissions

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(f"{self.opts.app_label}.view_second_factors"))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_reset_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(f"{self.opts.app_label}.reset_second_factors"))

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        if self.has_reset_permission(request, obj) and not administration.why_not(obj, actor_of(request)):
            return [Tool(_("Reset second factors"), admin_url(SecondFactors, "reset", obj.pk), "lock_reset")]
        return []

    def panels(self, request: HttpRequest, obj: Any) -> list[Panel]:
        found = [factors_panel(overview.owners([obj.pk])[obj.pk])]
        if self.allows(request, TrustedDevice, "view"):
            found.append(devices_panel(obj))
        if self.allows(request, TokenSession, "view"):
            number = TokenSession.objects.filter(user=obj.pk).live().count()
            query = urlencode({"q": obj.get_username(), "state": "live"})
            where = f"{admin_url(TokenSession, 'changelist')}?{query}"
            found.append(Panel(_("Token sessions"), link(where, _("Sessions that live: %d") % number)))
        return found

    # -- resetting

    def reset_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Takes one person's factors away, with a reason."""
        person = self.object_or_404(request, object_id)
        self.require(self.has_reset_permission(request, person))
        problem = administration.why_not(person, actor_of(request))
        if problem:
            messages.error(request, _("Nothing was changed: %s") % problem)
            return self._back_to(request, person)
        title = _("Reset the second factors of %s") % person
        answer = self._reason(request, title=title, items=[described(person)], obj=person)
        if isinstance(answer, HttpResponse):
            return answer
        self._reset(request, [person.pk], answer)
        return self._back_to(request, person)

    @admin.action(description=gettext_lazy("Reset second factors of the selected people"), permissions=["reset"])
    def reset_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Takes the factors of many people away, with one reason: of all of them, or of nobody."""
        people = list(queryset)
        box = admin.helpers.ACTION_CHECKBOX_NAME
        hidden = [("action", "reset_selected"), ("select_across", request.POST.get("select_across", "0"))]
        hidden += [(box, pk) for pk in request.POST.getlist(box)]
        shown = [described(person) for person in people[:NAMED]]
        if len(people) > len(shown):
            shown.append(_("and %d more") % (len(people) - len(shown)))
        title = _("Reset the second factors of %d people") % len(people)
        answer = self._reason(request, title=title, items=shown, hidden=hidden)
        if isinstance(answer, HttpResponse):
            return answer
        self._reset(request, [person.pk for person in people], answer)
        return None

    def _reason(self, request: HttpRequest, **page: Any) -> Any:
        lead = _(
            "Factors, recovery codes and trusted devices are taken away, every session ends, and the person is told. The password alone "
            "opens the account then, or leads to enrolment where a factor is wanted: make sure that you talk to the right person."
        )
        return self.ask_reason(request, lead=lead, button=_("Reset"), **page)

    def _reset(self, request: HttpRequest, ids: list[Any], reason: str) -> None:
        done = []
        try:
            with transaction.atomic():
                for user in get_user_model()._default_manager.filter(pk__in=ids).order_by("pk"):
                    done.append(administration.reset(user, by=actor_of(request), reason=reason))
                    self.log_change(request, user, _("Reset the second factors."))
        except InvalidChange as error:
            messages.error(request, _("Nothing was changed: %s") % error.message)
            return
        messages.success(request, _("People whose second factors were reset: %d.") % len(done))
        if any(one.django_sessions is None for one in done):
            messages.warning(
                request,
                _("Their Django sessions could not be found, and go on as they are until their passwords change."),
            )

    def _back_to(self, request: HttpRequest, person: Any) -> HttpResponse:
        if self.has_view_permission(request, person):
            return HttpResponseRedirect(admin_url(SecondFactors, "change", person.pk))
        return HttpResponseRedirect(admin_url(SecondFactors, "changelist"))

    # -- columns

    @admin.display(description=gettext_lazy("user"))
    def person(self, obj: Any) -> Any:
        return obj.get_username()

    @admin.display(description=gettext_lazy("staff"))
    def staff(self, obj: Any) -> Any:
        if getattr(obj, "is_superuser", False):
            return badge(_("superuser"), "warn")
        return badge(_("staff")) if getattr(obj, "is_staff", False) else NOTHING

    @admin.display(description=gettext_lazy("second factors"))
    def factors(self, obj: Any) -> Any:
        return factors_cell(obj.apiaccess_owner)

    @admin.display(description=gettext_lazy("recovery codes"))
    def recovery_codes(self, obj: Any) -> Any:
        return obj.apiaccess_owner.recovery_codes or NOTHING

    @admin.display(description=gettext_lazy("last used"))
    def last_used(self, obj: Any) -> Any:
        return moment(obj.apiaccess_owner.last_used_at)

    @admin.display(description=gettext_lazy("last log-in"))
    def last_log_in_shown(self, obj: Any) -> Any:
        return exact(getattr(obj, "last_login", None), _("never"))

    @admin.display(description=gettext_lazy("active"))
    def active(self, obj: Any) -> Any:
        return badge(_("yes"), "good") if obj.is_active else badge(_("no: cannot log in"), "bad")

    @admin.display(description=gettext_lazy("wanted by the policy"))
    def wanted(self, obj: Any) -> Any:
        """Looked up, never begun: only a log-in starts the grace."""
        if not policy.is_required(obj):
            return badge(_("no"))
        duty = MFADuty.objects.filter(user=obj.pk).first()
        return badge(_("yes"), "warn") if duty is None else exact(policy.ends(duty))


def described(person: Any) -> str:
    """One line that says whose factors go, and which."""
    owner = overview.owners([person.pk])[person.pk]
    types = ", ".join(str(NAMES[kind]) for kind in owner.types) or _("no second factor")
    return f"{person.get_username()}: {types}"
