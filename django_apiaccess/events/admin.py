"""The audit log in the admin: to read, never to write."""

from __future__ import annotations

import json
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..adminkit.base import AccessModelAdmin, ReadOnly, admin_url
from ..adminkit.html import NOTHING, badge, codes, exact, link
from .models import Event
from .tags import Action

TONES = {Event.Outcome.SUCCESS: "good", Event.Outcome.DENIED: "warn", Event.Outcome.FAILED: "bad"}


class ActionFilter(admin.SimpleListFilter):
    """What happened."""

    title = gettext_lazy("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(action.value, action.value) for action in Action]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class ActorFilter(admin.SimpleListFilter):
    """People, commands, the app itself; or the one actor that a line of the list was clicked for."""

    title = gettext_lazy("actor")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        found = [
            ("user", _("people and their credentials")),
            ("command", _("commands")),
            ("system", _("the app itself")),
        ]
        found.append(("anonymous", _("unknown callers")))
        one = request.GET.get(self.parameter_name, "")
        if ":" in one:
            kind, _colon, identifier = one.partition(":")
            label = (
                Event.objects.filter(actor_kind=kind, actor_id=identifier).values_list("actor_label", flat=True).first()
            )
            found.append((one, label or one))
        return found

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        kind, colon, identifier = (self.value() or "").partition(":")
        if not kind:
            return queryset
        if kind == "anonymous":
            return queryset.filter(actor_kind__in=["", "anonymous"])
        return queryset.filter(actor_kind=kind, actor_id=identifier) if colon else queryset.filter(actor_kind=kind)


@admin.register(Event)
class EventAdmin(ReadOnly, AccessModelAdmin):
    """Who did what, on what, from where, and how it ended."""

    list_display = ("when", "action", "ended", "reason", "actor", "about")
    list_display_links = ("when",)
    list_filter = ("outcome", ActorFilter, ActionFilter)
    date_hierarchy = "at"
    search_fields = (
        "action", "reason", "actor_label", "target_label", "target_id__exact", "credential_label", "credential_id__exact",
        "request_id__exact", "address",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": ("time", "action", "ended", "reason", "count")}),
        (gettext_lazy("Who"), {"fields": ("actor", "credential")}),
        (gettext_lazy("On what"), {"fields": ("on_what",)}),
        (gettext_lazy("From where"), {"fields": ("address", "asked", "request_id")}),
        (gettext_lazy("Details"), {"fields": ("pretty",)}),
    )

    @admin.display(description=gettext_lazy("time"), ordering="at")
    def when(self, obj: Any) -> Any:
        local = timezone.localtime(obj.at)
        return format_html('<span class="aa-time">{}<br>{}</span>', f"{local:%Y-%m-%d}", f"{local:%H:%M:%S}")

    @admin.display(description=gettext_lazy("time"), ordering="at")
    def time(self, obj: Any) -> Any:
        return exact(obj.at)

    @admin.display(description=gettext_lazy("outcome"), ordering="outcome")
    def ended(self, obj: Any) -> Any:
        word = badge(obj.get_outcome_display(), TONES.get(obj.outcome, "neutral"))
        return format_html("{} × {}", word, obj.count) if obj.count > 1 else word

    @admin.display(description=gettext_lazy("actor"), ordering="actor_label")
    def actor(self, obj: Any) -> Any:
        if not obj.actor_label:
            return NOTHING
        query = urlencode({"actor": f"{obj.actor_kind}:{obj.actor_id}"})
        shown = link(f"{admin_url(Event, 'changelist')}?{query}", obj.actor_label)
        return shown if obj.actor_kind == "user" else format_html("{} {}", obj.actor_kind, shown)

    @admin.display(description=gettext_lazy("credential"))
    def credential(self, obj: Any) -> Any:
        if not obj.credential_kind:
            return NOTHING
        url = self._page("apikey", obj.credential_id) if obj.credential_kind == "api_key" else ""
        return format_html("{} {}", obj.credential_kind, link(url, obj.credential_label or obj.credential_id))

    @admin.display(description=gettext_lazy("on"), ordering="target_label")
    def on_what(self, obj: Any) -> Any:
        if not obj.target_label and not obj.target_kind:
            return NOTHING
        return format_html("{} {}", obj.target_kind, link(self._page(obj.target_kind, obj.target_id), obj.target_label))

    @admin.display(description=gettext_lazy("on"), ordering="target_label")
    def about(self, obj: Any) -> Any:
        """The object, or the endpoint of a refused request."""
        return self.on_what(obj) if obj.target_kind or obj.target_label else self.asked(obj)

    @admin.display(description=gettext_lazy("request"))
    def asked(self, obj: Any) -> Any:
        return codes([f"{obj.method} {obj.path}".strip()]) if obj.path else NOTHING

    @admin.display(description=gettext_lazy("details"))
    def pretty(self, obj: Any) -> Any:
        text = json.dumps(obj.details, indent=2, sort_keys=True, ensure_ascii=False, default=str)
        return format_html('<pre class="aa-json">{}</pre>', text) if obj.details else NOTHING

    @staticmethod
    def _page(kind: str, identifier: str) -> str:
        """The change page of what the event names; Django answers politely where it is gone."""
        try:
            model = apps.get_model("django_apiaccess", kind)
        except (LookupError, ValueError):
            return ""
        return admin_url(model, "change", identifier) if identifier else ""
