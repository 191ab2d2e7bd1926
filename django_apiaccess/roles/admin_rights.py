"""Effective rights as a table: what a credential was granted, what its principal holds now, what is left of both, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..adminkit.base import admin_url
from ..adminkit.html import NOTHING, badge, codes, exact, link, table
from ..core import scopes as core_scopes
from .models import Grant
from .policy import Held
from .provenance import DIRECT, Kind, Source, provenance
from .rights import held_by


class Rights:
    """What one principal holds at this moment, with the sources of each right."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self.held: Held = held_by(user)
        self.sources = provenance(user)

    def of(self, kind: Kind, name: str) -> list[Source]:
        """Every way in which a right is held."""
        return [source for source in self.sources if source.kind == kind and source.name == name]

    def names(self, kind: Kind) -> list[str]:
        """The rights of a kind, on everything or on single objects."""
        return sorted({source.name for source in self.sources if source.kind == kind})


def key_rights_table(rights: Rights, granted: frozenset[str]) -> SafeString:
    """One row a scope that the key or its principal has. `granted`: the names that the key carries."""
    held = rights.held
    known = held.scopes | held.object_scopes
    expanded = core_scopes.registry.expand(granted)
    undeclared = {name for name in granted if not core_scopes.registry.knows(name)}
    columns = [
        _("Scope"),
        _("Key has it"),
        _("Principal holds it"),
        _("Effective"),
        _("Comes from"),
        _("Opens permissions"),
    ]
    effective = expanded & known
    rows = [
        [
            scope_cell(name),
            key_cell(granted, name) if name in expanded | undeclared else badge(_("no")),
            held_cell(held, name, yes=_("yes")),
            held_cell(held, name, yes=_("yes")) if name in effective else badge(_("no")),
            sources_cell(rights.of("scope", name)),
            opens_cell(name),
        ]
        for name in sorted(expanded | known | undeclared, key=lambda name: (name not in effective, name))
    ]
    return table(
        columns, rows, empty=_("The key has no scope, and its principal holds none."), caption=_("Effective rights")
    )


def scopes_table(rights: Rights) -> SafeString:
    """One row a scope that the principal holds."""
    columns = [_("Scope"), _("Held now"), _("Comes from"), _("Opens permissions")]
    rows = [
        [scope_cell(name), held_cell(rights.held, name), sources_cell(rights.of("scope", name)), opens_cell(name)]
        for name in rights.names("scope")
    ]
    return table(columns, rows, empty=_("This principal holds no scope."), caption=_("Scopes"))


def roles_table(rights: Rights) -> SafeString:
    """One row a role that is held."""
    rows = [
        [
            name,
            badge(_("on everything"), "good") if name in rights.held.roles else badge(_("on single objects"), "warn"),
            sources_cell(rights.of("role", name)),
        ]
        for name in rights.names("role")
    ]
    columns = [_("Role"), _("Held now"), _("Comes from")]
    return table(columns, rows, empty=_("This principal holds no role."), caption=_("Roles"))


def permissions_table(rights: Rights) -> SafeString:
    """Django permissions by scopes, by roles and by Django itself."""
    rows = [[codes([name]), sources_cell(rights.of("permission", name))] for name in rights.names("permission")]
    return table([_("Django permission"), _("Comes from")], rows, empty=_("None."), caption=_("Permissions"))


def scope_cell(name: str) -> SafeString:
    declared = core_scopes.registry.get(name)
    description = declared.description if declared else _("not declared any more: opens nothing")
    return format_html('<code class="aa-code">{}</code> <span class="aa-quiet aa-below">{}</span>', name, description)


def held_cell(held: Held, name: str, *, yes: str = "") -> SafeString:
    """Whether the principal holds a scope."""
    if name in held.scopes:
        return badge(yes or _("on everything"), "good")
    if name in held.object_scopes:
        return badge(_("on single objects"), "warn")
    return badge(_("no"), "bad")


def key_cell(granted: frozenset[str], name: str) -> SafeString:
    """By its own name or through another one."""
    if name in granted:
        return badge(_("yes"), "good")
    through = [given for given in granted if name in core_scopes.registry.expand((given,))]
    return format_html('{} <span class="aa-quiet">{} {}</span>', badge(_("yes"), "good"), _("through"), codes(through))


def opens_cell(name: str) -> SafeString | str:
    declared = core_scopes.registry.get(name)
    return codes(declared.permissions) if declared else NOTHING


def sources_cell(sources: Iterable[Source]) -> SafeString | str:
    """`group staff → role manager → role fulfilment, on shop.order:5, until ..., grant 7`, one a line."""
    lines = [format_html("<li>{}</li>", source_line(source)) for source in sources]
    if not lines:
        return NOTHING
    return format_html('<ul class="aa-list">{}</ul>', format_html_join("", "{}", ((line,) for line in lines)))


def source_line(source: Source) -> SafeString:
    """The way from what was granted to what gives the right, and which grant it is."""
    steps = source.via[1:] if source.via[0] == DIRECT and len(source.via) > 1 else source.via
    way = format_html_join(
        format_html(' <span aria-label="{}">→</span> ', _("gives")), "{}", ((step,) for step in steps)
    )
    notes: list[Any] = []
    if source.on is not None:
        notes.append(_("on %s") % source.on)
    if source.until is not None:
        notes.append(format_html("{} {}", _("until"), exact(source.until)))
    if source.grant_id is not None:
        notes.append(link(admin_url(Grant, "change", source.grant_id), _("grant %s") % source.grant_id))
    if not notes:
        return way
    return format_html(
        '{} <span class="aa-quiet">({})</span>', way, format_html_join(", ", "{}", ((note,) for note in notes))
    )


def grants_table(grants: Iterable[Grant], *, empty: str) -> SafeString:
    """Grants as rows: who, what, on what, when, by whom and why."""
    columns = [_("Grant"), _("To"), _("On"), _("From"), _("Until"), _("Given by"), _("Reason")]
    return table(columns, _grant_rows(grants), empty=empty, caption=_("Grants"))


def _grant_rows(grants: Iterable[Grant]) -> Iterator[list[Any]]:
    for grant in grants:
        yield [
            link(admin_url(grant, "change", grant.pk), grant.right),
            grant.holder,
            grant.target,
            exact(grant.starts_at, _("at once")),
            exact(grant.ends_at, _("until it is taken back")),
            grant.given_by or NOTHING,
            grant.reason or NOTHING,
        ]
