"""Code of views that goes round the ceiling of a credential: it asks the user's own rights, not those of the request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ...audit.finding import Finding, Severity
from ...audit.rules import rule
from ...audit.run import Audit
from . import source
from .views import by_view, drf_endpoints, is_written_here, node_of, view_subject

CALLS: Final = {
    "get_objects_for_user": "request.auth.queryset(queryset, scope)",
    "ObjectPermissionChecker": "request.auth.has(...) and GrantedObjectsFilter",
    "get_perms": "request.auth.has(...)",
    "get_user_perms": "request.auth.has(...)",
    "get_objects_for_group": "request.auth.queryset(queryset, scope)",
}
ATTRIBUTES: Final = {"is_superuser": "request.auth.has(...)", "is_staff": "request.auth.has(HasRole(...))"}


@rule(
    "endpoints.ceiling-bypassed",
    Severity.LOW,
    title="View code that asks the user's rights, not the credential's",
    why="A key for orders:read in the hands of a superuser passes `if user.is_superuser`. request.auth knows what the key may do.",
    fix='request.auth.has("orders:read")',
    references=("ASVS 8.2.1", "API5:2023", "CWE-863"),
)
def ceiling_bypassed(audit: Audit) -> Iterator[Finding]:
    found = [each for each in drf_endpoints(audit) if each.takes_credentials and is_written_here(each)]
    for group in by_view(found):
        node = node_of(group[0])
        if node is None:
            continue
        seen = [(name, line, CALLS[name]) for name, line in source.calls(node) if name in CALLS]
        seen += [(name, line, ATTRIBUTES[name]) for name, line in source.attributes(node) if name in ATTRIBUTES]
        for name, line, instead in {name: (name, line, instead) for name, line, instead in reversed(seen)}.values():
            subject = replace(view_subject(group), line=line)
            yield audit.found(
                subject,
                f"asks {name} in line {line}, which no credential narrows",
                fix=f"Ask {instead} instead.",
                aspect=name,
            )
