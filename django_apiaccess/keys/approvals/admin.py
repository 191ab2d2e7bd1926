"""Requests for keys in the admin: to decide on, to withdraw, to claim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from ...adminkit.base import AccessModelAdmin, GoesWithItsUser, Panel, ReadOnly, Tool, admin_url
from ...adminkit.html import NOTHING, codes, exact, link, moment
from ...authn.admin import actor_of, record_refusal
from ...exceptions import InvalidChange
from ..admin_once import FormUsed, once_page, open_form, spend_form
from ..models import APIKey
from . import policy, service
from .admin_shown import StateFilter, before_panel, facts, scopes_panel, state_badge
from .deciders import PERMISSION, involved
from .models import KeyRequest


def approval_fieldset() -> tuple[Any, ...]:
    """Where the forms of keys ask what a key is for; nothing without a policy."""
    if not policy.active():
        return ()
    return ((gettext_lazy("Where another person must approve"), {"fields": ("justification",)}),)


def asked_in_place_of(key: Any) -> KeyRequest | None:
    """The request that a form made in place of what it was sent for."""
    return getattr(getattr(key, "apiaccess_form", None), "asked", None)


def to_request(request: HttpRequest, asked: KeyRequest) -> HttpResponse:
    """To the page of a request that was just made."""
    messages.warning(request, _("Another person must approve this. It was asked for, and nothing was changed yet."))
    return HttpResponseRedirect(admin_url(KeyRequest, "change", asked.pk))


@admin.register(KeyRequest)
class KeyRequestAdmin(GoesWithItsUser, ReadOnly, AccessModelAdmin):
    """Requests. Who may decide or view sees all of them; who may make keys sees their own."""

    list_display = ("name", "state_shown", "requester", "principal", "scopes_short", "asked", "until")
    list_filter = (StateFilter,)
    list_select_related = ("requester", "principal", "decided_by", "key")
    search_fields = ("name", "justification")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("name", "state_shown", "justification", "requester", "principal", "key_shown")}),
        (gettext_lazy("What is asked for"), {"fields": ("networks", "origins", "rate", "dpop_jkt", "expires")}),
        (
            gettext_lazy("What became of it"),
            {"fields": ("made", "decide_until", "decided_by", "decided", "reason", "claim_until", "claimed")},
        ),
    )

    def get_urls(self) -> list[Any]:
        wrap, name = self.admin_site.admin_view, "django_apiaccess_keyrequest_%s"
        views = {verb: getattr(self, f"{verb}_view") for verb in ("approve", "refuse", "withdraw", "claim")}
        return [
            *(path(f"<path:object_id>/{verb}/", wrap(view), name=name % verb) for verb, view in views.items()),
            *super().get_urls(),
        ]

    # -- who sees what

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(PERMISSION))

    def sees_all(self, request: HttpRequest) -> bool:
        """Whether the person sees requests of others."""
        return self.has_decide_permission(request) or bool(super().has_view_permission(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if self.sees_all(request):
            return True
        mine = obj is None or obj.requester_id == request.user.pk
        return mine and any(request.user.has_perm(f"django_apiaccess.{verb}_apikey") for verb in ("add", "change"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[KeyRequest]:
        rows: QuerySet[KeyRequest] = super().get_queryset(request)
        return rows if self.sees_all(request) else rows.filter(requester=request.user.pk)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(name for _title, options in self.fieldsets for name in options["fields"])

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        found = []
        if obj.state == KeyRequest.Status.PENDING and self._may_decide(request, obj):
            found.append(Tool(_("Approve"), admin_url(obj, "approve", obj.pk), "check"))
            found.append(Tool(_("Refuse"), admin_url(obj, "refuse", obj.pk), "block"))
        if obj.requester_id == request.user.pk:
            if obj.state == KeyRequest.Status.APPROVED:
                found.append(Tool(_("Claim"), admin_url(obj, "claim", obj.pk), "key"))
            if obj.status in {KeyRequest.Status.PENDING, KeyRequest.Status.APPROVED}:
                found.append(Tool(_("Withdraw"), admin_url(obj, "withdraw", obj.pk), "undo"))
        return found

    def _may_decide(self, request: HttpRequest, obj: KeyRequest) -> bool:
        return self.has_decide_permission(request) and request.user.pk not in involved(obj)

    def panels(self, request: HttpRequest, obj: Any) -> list[Panel]:
        found = [scopes_panel(obj, request.user)]
        return [before_panel(obj), *found] if obj.widens else found

    # -- decide

    def approve_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks once more, then approves."""
        lead = _(
            "Approve it only if you would answer for it: the event names you. The requester gets the key, you do not see it."
        )
        return self._decide(
            request, object_id, service.approve, title=_("Approve %s"), lead=lead, button=_("Approve"), required=False,
            danger=False, done=_("Approved. The requester was told."),
        )  # fmt: skip

    def refuse_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks why, then refuses."""
        return self._decide(
            request, object_id, service.refuse, title=_("Refuse %s"), lead=_("The requester reads the reason."),
            button=_("Refuse"), done=_("Refused. The requester was told."),
        )  # fmt: skip

    def _decide(
        self, request: HttpRequest, object_id: str, step: Callable[..., Any], *, title: str, done: str, **ask: Any
    ) -> HttpResponse:
        self.require(self.has_decide_permission(request))
        row = self.object_or_404(request, object_id)
        answer = self.ask_reason(request, title=title % row, obj=row, items=facts(row), **ask)
        if isinstance(answer, HttpResponse):
            return answer
        return self._do(request, row, lambda: step(row, by=actor_of(request), reason=answer), done)

    def withdraw_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks once more, then withdraws."""
        row = self.object_or_404(request, object_id)
        self.require(row.requester_id == request.user.pk)
        answer = self.ask_reason(
            request, title=_("Withdraw %s") % row, obj=row, items=facts(row), lead="", button=_("Withdraw"), required=False,
        )  # fmt: skip
        if isinstance(answer, HttpResponse):
            return answer
        return self._do(request, row, lambda: service.withdraw(row, by=actor_of(request)), _("Withdrawn."))

    def _do(self, request: HttpRequest, row: KeyRequest, step: Callable[[], Any], done: str) -> HttpResponse:
        try:
            with transaction.atomic():
                step()
                self.log_change(request, row, done)
            messages.success(request, done)
        except InvalidChange as error:
            messages.error(request, _("Nothing was changed: %s") % error.message)
        return HttpResponseRedirect(admin_url(row, "change", row.pk))

    # -- claim

    @method_decorator(sensitive_variables())
    def claim_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks once more, then makes the key and shows it once; or makes the change."""
        row = self.object_or_404(request, object_id)
        self.require(row.requester_id == request.user.pk)
        if request.method != "POST":
            lead = _("The key is made now and shown once.") if not row.widens else _("The key is changed now.")
            hidden = [("apiaccess_form", open_form(request))]
            return self.page(
                request, "ask.html", title=_("Claim %s") % row, obj=row, lead=lead, items=facts(row), button=_("Claim"), hidden=hidden,
            )  # fmt: skip
        try:
            with transaction.atomic():
                spend_form(request)
                issued = service.claim(row, by=actor_of(request))
                self.log_change(request, row, _("Claimed."))
        except FormUsed as error:
            messages.warning(request, _("Nothing was done: %s") % error.message)
        except InvalidChange as error:
            record_refusal(request, error)
            messages.error(request, _("Nothing was changed: %s") % error.message)
        else:
            if issued.text:
                keys = self.admin_site._registry.get(APIKey, self)  # noqa: SLF001 - its page leads on to the key
                return once_page(keys, request, issued, rotated=False)  # type: ignore[arg-type]
            messages.success(request, _("The key was changed."))
        return HttpResponseRedirect(admin_url(row, "change", row.pk))

    # -- columns

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state_shown(self, obj: Any) -> Any:
        return state_badge(obj)

    @admin.display(description=gettext_lazy("scopes"))
    def scopes_short(self, obj: Any) -> Any:
        return codes(obj.scopes, most=2)

    @admin.display(description=gettext_lazy("requested"), ordering="requested_at")
    def asked(self, obj: Any) -> Any:
        return moment(obj.requested_at)

    @admin.display(description=gettext_lazy("until"), ordering="decide_by")
    def until(self, obj: Any) -> Any:
        return moment(obj.claim_by or obj.decide_by)

    @admin.display(description=gettext_lazy("key"))
    def key_shown(self, obj: Any) -> Any:
        return NOTHING if obj.key is None else link(admin_url(APIKey, "change", obj.key_id), obj.key)

    @admin.display(description=gettext_lazy("expires"))
    def expires(self, obj: Any) -> Any:
        return exact(obj.expires_at, _("never"))

    @admin.display(description=gettext_lazy("requested"))
    def made(self, obj: Any) -> Any:
        return exact(obj.requested_at)

    @admin.display(description=gettext_lazy("decide until"))
    def decide_until(self, obj: Any) -> Any:
        return exact(obj.decide_by)

    @admin.display(description=gettext_lazy("decided"))
    def decided(self, obj: Any) -> Any:
        return exact(obj.decided_at)

    @admin.display(description=gettext_lazy("claim until"))
    def claim_until(self, obj: Any) -> Any:
        return exact(obj.claim_by)

    @admin.display(description=gettext_lazy("claimed"))
    def claimed(self, obj: Any) -> Any:
        return exact(obj.claimed_at)
