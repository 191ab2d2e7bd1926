"""Scopes in the admin: declared in code, so only to look at. Here features meet: scopes, roles, grants, endpoints."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import get_resolver
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..adminkit.base import Panel, ReadOnly, Tool, admin_url
from ..adminkit.html import NOTHING, badge, codes, link, table
from ..core import scopes as core_scopes
from ..roles.admin_explain import may_explain, tester_url
from ..roles.admin_rights import grants_table
from ..roles.models import Grant, Role, Scope
from ..roles.policy import current_policy
from .admin_tester import TesterPages
from .inventory import Endpoint, endpoints


@admin.register(Scope)
class ScopeAdmin(ReadOnly, TesterPages):
    """Scopes: what each opens, which endpoints ask for it, who has it."""

    list_display = ("name", "description", "declared", "implies", "opens", "asked_by", "in_roles")
    search_fields = ("name", "description")
    fields = ("name", "description", "declared", "implies", "opens")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Scope]:
        rows: QuerySet[Scope] = super().get_queryset(request)
        return rows.annotate(role_count=Count("roles", distinct=True))

    def tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        return [Tool(_("Access tester"), tester_url(), "rule")] if may_explain(request) else []

    def panels(self, request: HttpRequest, obj: Any) -> list[Panel]:
        found = [endpoints_panel(obj.name), roles_panel(obj.name)]
        if self.allows(request, Grant, "view"):
            related = ("user", "group", "role", "scope", "content_type", "given_by")
            giving = (
                Q(scope__in=current_policy().scopes_giving(obj.name)) if not obj.name.endswith(":*") else Q(scope=obj)
            )
            grants = Grant.objects.not_ended().filter(giving).select_related(*related)[:200]
            found.append(
                Panel(_("Granted directly"), grants_table(grants, empty=_("Nobody has it but through roles.")))
            )
        return found

    @admin.display(description=gettext_lazy("declared"))
    def declared(self, obj: Any) -> Any:
        if core_scopes.registry.knows(obj.name):
            return badge(_("wildcard: now and later"), "warn") if obj.name.endswith(":*") else badge(_("yes"), "good")
        return badge(_("not any more: opens nothing"), "bad")

    @admin.display(description=gettext_lazy("brings along"))
    def implies(self, obj: Any) -> Any:
        return codes(core_scopes.registry.expand((obj.name,)) - {obj.name})

    @admin.display(description=gettext_lazy("opens Django permissions"))
    def opens(self, obj: Any) -> Any:
        return codes(core_scopes.registry.permissions((obj.name,)))

    @admin.display(description=gettext_lazy("asked for by"))
    def asked_by(self, obj: Any) -> Any:
        count = len(asking(obj.name))
        return ngettext("%d endpoint", "%d endpoints", count) % count if count else NOTHING

    @admin.display(description=gettext_lazy("in roles"), ordering="role_count")
    def in_roles(self, obj: Any) -> Any:
        return obj.role_count or NOTHING


@lru_cache(maxsize=1)
def _endpoints(resolver: Any) -> tuple[Endpoint, ...]:
    return tuple(endpoints())


def asking(name: str) -> list[Endpoint]:
    """Endpoints whose requirement names the scope; for a wildcard, any scope that it stands for."""
    wanted = core_scopes.registry.expand((name,)) if name.endswith(":*") else frozenset((name,))
    return [endpoint for endpoint in _endpoints(get_resolver()) if not wanted.isdisjoint(endpoint.scopes)]


def endpoints_panel(name: str) -> Panel:
    """Which endpoints ask for the scope, with all that they ask."""
    rows = [[endpoint.method, codes([endpoint.path]), str(endpoint.requirement)] for endpoint in asking(name)]
    html = table(
        [_("Method"), _("Path"), _("Asks for")], rows, empty=_("No endpoint asks for it."), caption=_("Endpoints")
    )
    return Panel(_("Endpoints that ask for it"), html)


def roles_panel(name: str) -> Panel:
    """Roles that give the scope, by their own or by what they inherit."""
    policy = current_policy()
    wanted = core_scopes.registry.expand((name,))
    own = set(Role.objects.filter(scopes__name=name).values_list("pk", flat=True))
    rows = [
        [link(admin_url(Role, "change", pk), role.name), _("by its own") if pk in own else _("inherited or implied")]
        for pk, role in sorted(policy.by_role.items(), key=lambda item: item[1].name)
        if wanted and wanted <= role.scopes
    ]
    html = table([_("Role"), _("How")], rows, empty=_("No role gives it."), caption=_("Roles"))
    return Panel(_("Roles that give it"), html)
