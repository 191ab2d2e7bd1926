"""What role pages and the page of a user's rights show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..adminkit.base import Panel, admin_url
from ..adminkit.html import badge, codes, link, table
from ..core import scopes as core_scopes
from .admin_rights import Rights, grants_table, permissions_table, roles_table, scopes_table
from .models import Grant, Role
from .service import rights_of_role

MOST = 200
"""Rows of a list on a page; the changelist has them all."""


def role_tree_panel(role: Role) -> Panel:
    """From whom the role inherits, down to the last, and who inherits from it."""
    roles = {row.pk: row for row in Role.objects.prefetch_related("parents", "scopes")}
    tree = format_html('<ul class="aa-tree">{}</ul>', _branch(roles, role.pk, frozenset()))
    heirs = [row for row in roles.values() if any(parent.pk == role.pk for parent in row.parents.all())]
    if heirs:
        names = format_html_join(", ", "{}", ((link(admin_url(heir, "change", heir.pk), heir),) for heir in heirs))
        html = format_html("{}<p>{} {}</p>", tree, _("Inherited by:"), names)
    else:
        html = format_html('{}<p class="aa-quiet">{}</p>', tree, _("No role inherits from it."))
    return Panel(_("Inheritance"), html, _("A role gives everything that the roles below it give."))


def _branch(roles: Mapping[int, Role], pk: int, above: frozenset[int]) -> SafeString:
    role = roles.get(pk)
    if role is None or pk in above:
        return SafeString("")
    parents = [parent.pk for parent in role.parents.all()]
    inner = format_html_join("", "{}", ((_branch(roles, parent, above | {pk}),) for parent in parents))
    nested = format_html("<ul>{}</ul>", inner) if inner else ""
    name = link(admin_url(role, "change", pk), role) if above else format_html("<strong>{}</strong>", role)
    own = [scope.name for scope in role.scopes.all()]
    gives = codes(own) if own else format_html('<span class="aa-quiet">{}</span>', _("no scopes of its own"))
    return format_html("<li>{} {}{}</li>", name, gives, nested)


def role_gives_panel(role: Role) -> Panel:
    """The sum: scopes and permissions, inheritance and implication followed."""
    rights = rights_of_role(role)
    beside = rights.permissions - core_scopes.registry.permissions(rights.scopes)
    rows = [[codes([name]), codes(core_scopes.registry.permissions((name,)))] for name in sorted(rights.scopes)]
    html = table([_("Scope"), _("Opens Django permissions")], rows, empty=_("It gives no scope."), caption=_("Scopes"))
    if beside:
        html = format_html("{}<p>{} {}</p>", html, _("Django permissions beside those:"), codes(beside))
    return Panel(_("Gives in all"), html)


def holders_panel(role: Role) -> Panel:
    """Grants of the role and of the roles that inherit from it."""
    from .policy import current_policy

    including = current_policy().roles_including(role.name)
    grants = Grant.objects.not_ended().filter(role__in=including)
    related = ("user", "group", "role", "scope", "content_type", "given_by")
    shown = grants.select_related(*related)[:MOST]
    html = grants_table(shown, empty=_("Nobody has it."))
    return Panel(
        _("Who has it"), html, _("Grants of this role, and of roles that inherit from it. The first %d.") % MOST
    )


def user_panels(rights: Rights) -> list[Panel]:
    """The page of a user's rights."""
    related = ("user", "group", "role", "scope", "content_type", "given_by")
    grants = list(Grant.objects.not_ended().held_by(rights.user).select_related(*related))
    now = timezone.now()
    later = [grant for grant in grants if grant.starts_at is not None and grant.starts_at > now]
    running = [grant for grant in grants if grant not in later]
    panels = [
        Panel(_("Who"), who(rights)),
        Panel(_("Roles"), roles_table(rights)),
        Panel(_("Scopes"), scopes_table(rights)),
        Panel(_("Django permissions"), permissions_table(rights), permissions_note(rights)),
        Panel(_("Grants in force"), grants_table(running, empty=_("None."))),
    ]
    if later:
        panels.append(Panel(_("Grants that begin later"), grants_table(later, empty=_("None."))))
    return panels


def permissions_note(rights: Rights) -> str:
    """What the table of permissions leaves out."""
    if getattr(rights.user, "is_superuser", False):
        return _(
            "A superuser has every permission of Django without any credential; a key or token opens those of its scopes."
        )
    return ""


def who(rights: Rights) -> SafeString:
    """The principal in a few words."""
    user: Any = rights.user
    facts: list[Any] = [badge(_("active"), "good") if user.is_active else badge(_("not active: holds nothing"), "bad")]
    if hasattr(user, "service_account"):
        account = user.service_account
        facts.append(link(admin_url(account, "change", account.pk), _("service account")))
    if getattr(user, "is_superuser", False):
        facts.append(badge(_("superuser: holds every scope"), "warn"))
    groups = user.groups.all() if hasattr(user, "groups") else ()
    html = format_html("<p><strong>{}</strong> {}</p>", user, format_html_join(" ", "{}", ((fact,) for fact in facts)))
    return format_html("{}<p>{} {}</p>", html, _("Groups:"), ", ".join(str(group) for group in groups) or _("none"))
