"""Token sessions in the admin: to look at, and to end with a reason."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..adminkit.base import ReadOnly, Tool, admin_url
from ..adminkit.html import NOTHING, badge, codes, exact, moment
from ..authn.admin import ServiceModelAdmin, actor_of
from ..roles.admin_explain import explain_tools
from . import ending
from .models import TokenSession

NAMED = 50
"""Sessions that the page asking for a reason lists by name."""


class StateFilter(admin.SimpleListFilter):
    """Going on, ended by somebody, or over by the clock."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("live", _("active")), ("ended", _("ended")), ("over", _("expired or unused for too long"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "ended":
            return queryset.filter(revoked_at__isnull=False)
        live = TokenSession.objects.live()
        if self.value() == "live":
            return queryset.filter(pk__in=live.values("pk"))
        if self.value() == "over":
            return queryset.filter(revoked_at=None).exclude(pk__in=live.values("pk"))
        return queryset


@admin.register(TokenSession)
class TokenSessionAdmin(ReadOnly, ServiceModelAdmin):
    """Where people are logged in. No token and no digest is ever shown: the rows of refresh tokens have no page."""

    list_display = ("owner", "device_shown", "created", "last_used", "last_used_from", "ends", "state")
    list_filter = (StateFilter, "client_id")
    actions = ("end_selected",)
    readonly_fields = (
        "owner", "device_shown", "state", "sid", "client_id", "scopes", "methods", "auth_time_shown", "created_shown",
        "created_from", "used", "last_used_from", "ends_shown", "ended", "revoked_reason",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": ("owner", "device_shown", "state", "sid", "client_id", "scopes")}),
        (gettext_lazy("How it began"), {"fields": ("methods", "auth_time_shown", "created_shown", "created_from")}),
        (
            gettext_lazy("What became of it"),
            {"fields": ("used", "last_used_from", "ends_shown", "ended", "revoked_reason")},
        ),
    )

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (f"user__{get_user_model().USERNAME_FIELD}", "device", "sid__exact")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        live = TokenSession.objects.live().filter(pk=OuterRef("pk"))
        found: QuerySet[Any] = rows.select_related("user").annotate(is_live=Exists(live))
        return found

    def get_urls(self) -> list[Any]:
        end = self.admin_site.admin_view(self.end_view)
        return [path("<path:object_id>/end/", end, name="django_apiaccess_tokensession_end"), *super().get_urls()]

    # -- permissions

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(f"{self.opts.app_label}.revoke_tokensession"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A session goes with its user, whoever may delete that one; no page of its own deletes it."""
        match = request.resolver_match
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        return match is not None and not (match.url_name or "").startswith(own)

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        return {**super().get_model_perms(request), "delete": False}

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        found = explain_tools(request, "session", obj.sid)
        if obj.revoked_at is None and self.has_revoke_permission(request, obj):
            found.append(Tool(_("End this session"), admin_url(TokenSession, "end", obj.pk), "logout"))
        return found

    # -- ending

    def end_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ends one session, with a reason."""
        session: TokenSession = self.object_or_404(request, object_id)
        self.require(self.has_revoke_permission(request, session))
        if session.revoked_at is not None:
            messages.info(request, _("This session ended before."))
        else:
            title = _("End the session of %s") % session
            answer = self._reason(request, title=title, items=[described(session)], obj=session)
            if isinstance(answer, HttpResponse):
                return answer
            self._end(request, TokenSession.objects.filter(pk=session.pk), answer)
        if self.has_view_permission(request, session):
            return HttpResponseRedirect(admin_url(TokenSession, "change", session.pk))
        return HttpResponseRedirect(admin_url(TokenSession, "changelist"))

    @admin.action(description=gettext_lazy("End the selected sessions"), permissions=["revoke"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[TokenSession]) -> Any:
        """Ends many sessions, with one reason."""
        chosen = queryset.filter(revoked_at=None)
        count = chosen.count()
        if not count:
            messages.warning(request, _("All of these sessions ended before."))
            return None
        box = admin.helpers.ACTION_CHECKBOX_NAME
        hidden = [("action", "end_selected"), ("select_across", request.POST.get("select_across", "0"))]
        hidden += [(box, pk) for pk in request.POST.getlist(box)]
        shown = [described(session) for session in chosen.select_related("user")[:NAMED]]
        if count > len(shown):
            shown.append(_("and %d more") % (count - len(shown)))
        answer = self._reason(request, title=_("End %d sessions") % count, items=shown, hidden=hidden)
        if isinstance(answer, HttpResponse):
            return answer
        self._end(request, chosen, answer)
        return None

    def _reason(self, request: HttpRequest, **page: Any) -> Any:
        lead = _(
            "Whoever is logged in there has to log in again: access and refresh tokens are refused from the next request on."
        )
        return self.ask_reason(request, lead=lead, button=_("End"), **page)

    def _end(self, request: HttpRequest, sessions: QuerySet[TokenSession], reason: str) -> None:
        ids = list(sessions.order_by().values_list("pk", flat=True))
        with transaction.atomic():
            for session in TokenSession.objects.filter(pk__in=ids[: ending.BATCH]).select_related("user"):
                self.log_change(request, session, _("Ended."))
            count = ending.end(TokenSession.objects.filter(pk__in=ids), reason=reason, by=actor_of(request))
        messages.success(request, _("Sessions ended: %d. Their tokens are refused from the next request on.") % count)

    # -- columns

    @admin.display(description=gettext_lazy("user"), ordering="user")
    def owner(self, obj: Any) -> Any:
        return str(obj.user)

    @admin.display(description=gettext_lazy("device"), ordering="device")
    def device_shown(self, obj: Any) -> Any:
        return obj.device or NOTHING

    @admin.display(description=gettext_lazy("state"))
    def state(self, obj: Any) -> Any:
        if obj.revoked_at is not None:
            return badge(_("ended"), "bad")
        if not obj.is_live:
            return badge(_("expired") if obj.expires_at <= timezone.now() else _("unused for too long"))
        return badge(_("user inactive"), "bad") if not obj.user.is_active else badge(_("active"), "good")

    @admin.display(description=gettext_lazy("scopes"))
    def scopes(self, obj: Any) -> Any:
        return codes(obj.scope)

    @admin.display(description=gettext_lazy("methods"))
    def methods(self, obj: Any) -> Any:
        return codes(obj.amr.split())

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, obj: Any) -> Any:
        return moment(obj.created_at)

    @admin.display(description=gettext_lazy("last used"), ordering="last_used_at")
    def last_used(self, obj: Any) -> Any:
        return moment(obj.last_used_at, _("never"))

    @admin.display(description=gettext_lazy("ends"), ordering="expires_at")
    def ends(self, obj: Any) -> Any:
        return moment(obj.expires_at)

    @admin.display(description=gettext_lazy("authenticated"))
    def auth_time_shown(self, obj: Any) -> Any:
        return exact(obj.auth_time)

    @admin.display(description=gettext_lazy("created"))
    def created_shown(self, obj: Any) -> Any:
        return exact(obj.created_at)

    @admin.display(description=gettext_lazy("last used"))
    def used(self, obj: Any) -> Any:
        return exact(obj.last_used_at, _("never"))

    @admin.display(description=gettext_lazy("ends at the latest"))
    def ends_shown(self, obj: Any) -> Any:
        return exact(obj.expires_at)

    @admin.display(description=gettext_lazy("ended"))
    def ended(self, obj: Any) -> Any:
        return exact(obj.revoked_at)


def described(session: TokenSession) -> str:
    """One line that tells a session from another."""
    return f"{session} ({session.last_used_from or session.created_from or NOTHING})"
