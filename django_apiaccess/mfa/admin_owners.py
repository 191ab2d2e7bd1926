"""What the admin shows of somebody's second factors: the model that its list is of, filters, columns and panels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.apps.registry import Apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..adminkit.base import Panel
from ..adminkit.html import NOTHING, badge, exact, table
from . import overview
from .models import TrustedDevice
from .overview import Owned, Owner

NAMES: Final = {
    "totp": gettext_lazy("authenticator app"),
    "webauthn": gettext_lazy("passkey"),
    "sms": gettext_lazy("phone"),
    "other": gettext_lazy("of another plugin"),
}


def owner_model() -> type[Any]:
    """A proxy of the project's user model, for the admin only, so that the list of factors is a list of people.

    It stands in a registry of its own: the project's migrations, content types and relations never see it.
    """
    registry = Apps()
    registry.app_configs = apps.app_configs
    user: Any = get_user_model()
    words = {
        "verbose_name": gettext_lazy("person and their second factors"),
        "verbose_name_plural": gettext_lazy("people and their second factors"),
    }
    options = {"apps": registry, "app_label": "django_apiaccess", "proxy": True, "default_permissions": (), **words}
    made: type[Any] = type(user)("SecondFactors", (user,), {"__module__": __name__, "Meta": type("Meta", (), options)})
    return made


if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
else:
    ChangeList = object


class WithFactors(ChangeList):
    """Mixin of a list of people: what those of the page have, in a few statements for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        people: Any = list(self.result_list)
        found = overview.owners([person.pk for person in people])
        for person in people:
            person.apiaccess_owner = found[person.pk]
        self.result_list = people


class FactorFilter(admin.SimpleListFilter):
    """Who has a second factor, and of which type."""

    title = gettext_lazy("second factor")
    parameter_name = "factor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        types = [(kind, NAMES[kind]) for kind in overview.TYPES]
        return [("with", _("with")), ("without", _("without")), *types, ("suspended", _("suspended passkey"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == "with":
            return queryset.filter(overview.with_factor())
        if value == "without":
            return queryset.exclude(overview.with_factor())
        if value == "suspended":
            return queryset.filter(overview.with_suspended())
        return queryset.filter(overview.with_type(value)) if value in overview.TYPES else queryset


class StaffFilter(admin.SimpleListFilter):
    """Staff and superusers, or everybody else."""

    title = gettext_lazy("staff")
    parameter_name = "staff"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("staff and superusers")), ("no", _("everybody else"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "yes":
            return queryset.filter(overview.staff())
        return queryset.exclude(overview.staff()) if self.value() == "no" else queryset


def factors_cell(owner: Owner) -> SafeString:
    """The types, each with how many there are."""
    cells = []
    for kind in owner.types:
        number = sum(factor.type == kind and factor.confirmed for factor in owner.factors)
        words = NAMES[kind] if number == 1 else f"{number} × {NAMES[kind]}"
        cells.append(badge(words, "warn" if owner.types == ["sms"] or kind == "other" else "good"))
    if any(is_suspended(factor) for factor in owner.factors):
        cells.append(badge(_("suspended passkey"), "bad"))
    return format_html_join(" ", "{}", ((cell,) for cell in cells)) if cells else badge(_("none"), "bad")


def is_suspended(factor: Owned) -> bool:
    """Whether it is a passkey that two devices seemed to hold."""
    return factor.type == "webauthn" and not factor.confirmed


def factors_panel(owner: Owner) -> Panel:
    """One row a factor. What its owner has to keep secret is not in it."""
    rows = [
        [
            NAMES[factor.type],
            factor.name or NOTHING,
            factor.hint or NOTHING,
            exact(factor.created_at),
            exact(factor.last_used_at, _("never")),
            _state(factor),
        ]
        for factor in owner.factors
    ]
    columns = [_("Kind"), _("Name"), _("Hint"), _("Added"), _("Last used"), _("State")]
    html = table(columns, rows, empty=_("There is none."), caption=_("Second factors"))
    codes = _("Unused recovery codes: %d") % owner.recovery_codes
    return Panel(_("Second factors"), format_html('{}<p class="aa-note-line">{}</p>', html, codes))


def devices_panel(user: Any) -> Panel:
    """Where the person is not asked for a second factor at log-in."""
    from .trusted import devices_of

    devices: list[TrustedDevice] = list(devices_of(user)[:50])
    rows = [
        [
            device.name or NOTHING,
            exact(device.created_at),
            device.created_from or NOTHING,
            exact(device.last_used_at, _("never")),
            exact(device.expires_at),
        ]
        for device in devices
    ]
    columns = [_("Device"), _("Trusted since"), _("From"), _("Last used"), _("Until")]
    return Panel(_("Trusted devices"), table(columns, rows, empty=_("There is none."), caption=_("Trusted devices")))


def _state(factor: Owned) -> SafeString:
    if factor.confirmed:
        return badge(_("in use"), "good")
    return badge(_("suspended: copied?"), "bad") if is_suspended(factor) else badge(_("not confirmed"))
