"""Scopes that no endpoint asks for, and scopes that endpoints ask for and nobody holds."""

from __future__ import annotations

from collections.abc import Iterator

from ...audit.finding import Finding, Severity, Subject
from ...audit.rules import rule
from ...audit.run import Audit
from ...core import scopes as core_scopes
from ...roles.audit.facts import OURS
from ...roles.models import Grant
from ...roles.policy import Held, current_policy
from .heat import who_reaches_what
from .views import all_endpoints, drf_endpoints


def held_by_anybody() -> Held:
    """What grants that are in force give, taken together: one query for the kinds of grants, whatever their number."""
    rights = Grant.objects.active().order_by().values_list("role_id", "scope_id", "content_type_id").distinct()
    return current_policy().held({(role, scope, content_type is not None) for role, scope, content_type in rights})


@rule(
    "endpoints.scope-unheld",
    Severity.LOW,
    title="Endpoints that nobody may use",
    why="They ask for a scope that no grant in force gives to anybody. Superusers pass, so work gets done with superusers' keys.",
    fix="manage.py grant --user USER --role ROLE",
    references=("ASVS 8.1.1", "CWE-732"),
)
def scope_unheld(audit: Audit) -> Iterator[Finding]:
    audit.fact(who_reaches_what, audit)
    if not Grant.objects.exists():
        return  # the database of a test run, which says nothing
    held = audit.fact(held_by_anybody)
    asking: dict[str, list[str]] = {}
    for endpoint in drf_endpoints(audit):
        for name in endpoint.scopes:
            asking.setdefault(name, []).append(f"{endpoint.method} {endpoint.path}")
    for name, endpoints in sorted(asking.items()):
        if name not in held.scopes | held.object_scopes and name in core_scopes.registry:
            more = f" and {len(endpoints) - 1} more" if len(endpoints) > 1 else ""
            yield audit.found(
                Subject("scope", name),
                f"nobody but superusers holds it, and {endpoints[0]}{more} asks for it",
                fix=f"manage.py grant --user USER --scope {name}",
                endpoints=endpoints[:20],
            )


@rule(
    "endpoints.scope-unused",
    Severity.INFO,
    title="Scopes that no endpoint asks for",
    why="A right that opens nothing is granted without thought. The day an endpoint asks for it, all its holders come in.",
    fix="Remove its declare_scope(...), or declare the endpoint that it was meant for.",
    references=("ASVS 8.1.1",),
)
def scope_unused(audit: Audit) -> Iterator[Finding]:
    asked = frozenset().union(*(endpoint.scopes for endpoint in audit.fact(all_endpoints)))
    for declaration in core_scopes.registry:
        if declaration.name in OURS:
            continue
        opens = core_scopes.registry.expand((declaration.name,))
        if not (opens & asked or declaration.permissions):
            yield audit.found(
                Subject("scope", declaration.name, path=""),
                "no endpoint asks for it",
                fix=f"Remove declare_scope({declaration.name!r}, ...), or let an endpoint ask for it.",
            )
