"""How a request for a key is shown to who decides on it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ...adminkit.base import Panel
from ...adminkit.html import badge, codes, table
from ...core import scopes as core_scopes
from ...roles.rights import held_by
from .models import KeyRequest
from .policy import guarded_scopes

TONES = {"pending": "warn", "approved": "good", "claimed": "neutral", "refused": "bad"}


class StateFilter(admin.SimpleListFilter):
    """Waiting, approved, ... expired."""

    title = gettext_lazy("status")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(str(state.value), state.label) for state in KeyRequest.Status]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.in_state(value) if value in KeyRequest.Status.values else queryset  # type: ignore[attr-defined]


def state_badge(request: KeyRequest) -> SafeString:
    """What became of it, in a word."""
    return badge(request.state.label, TONES.get(request.state.value, "neutral"))


def facts(request: KeyRequest) -> list[str]:
    """What is asked for, line by line."""
    end = date_format(localtime(request.expires_at), "DATETIME_FORMAT") if request.expires_at else _("never")
    pairs = [
        (_("Requester"), request.requester.get_username()),
        (_("Principal"), request.principal.get_username()),
        (_("Scopes"), " ".join(sorted(request.scopes)) or _("none: it opens nothing")),
        (_("Networks"), request.networks or _("any")),
        (_("Expires"), end),
        (_("Justification"), request.justification),
    ]
    return [f"{label}: {value}" for label, value in pairs]


def scopes_panel(request: KeyRequest, reader: Any) -> Panel:
    """Every scope that it would open, what each means, which are why it needs approval, and whether the reader holds it."""
    registry = core_scopes.registry
    guarded, held = guarded_scopes(request.scopes), held_by(reader).scopes
    rows = []
    for name in sorted(registry.expand(request.scopes)):
        declared = registry.get(name)
        why = badge(_("guarded"), "warn") if name in guarded else ""
        mine = badge(_("yes"), "good") if name in held else badge(_("no"), "bad")
        rows.append([codes([name]), declared.description if declared else "", why, mine])
    columns = [_("Scope"), _("What it opens"), _("Why"), _("You hold it")]
    note = _("As asked for: %s") % " ".join(sorted(request.scopes))
    return Panel(_("What it would open"), table(columns, rows, empty=_("Nothing."), caption=_("Scopes")), note)


def before_panel(request: KeyRequest) -> Panel:
    """What changes on a key that there is."""
    before: dict[str, Any] = request.before or {}
    now = {
        "name": request.name,
        "scopes": " ".join(sorted(request.scopes)),
        "networks": request.networks,
        "origins": request.origins,
        "rate": request.rate,
        "on_leak": request.on_leak,
        "expires_at": request.expires_at.isoformat() if request.expires_at else None,
    }
    rows = [
        [name, before.get(name) or "–", value or "–"]
        for name, value in now.items()
        if (before.get(name) or None) != (value or None)
    ]
    columns = [_("What"), _("Before"), _("Asked for")]
    return Panel(_("What changes"), table(columns, rows, empty=_("Nothing."), caption=_("What changes")))
