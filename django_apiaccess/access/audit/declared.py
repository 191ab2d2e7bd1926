"""Views that say nothing, or that nothing asks."""

from __future__ import annotations

from collections.abc import Iterator

from ...audit import places
from ...audit.finding import Finding, Severity
from ...audit.rules import rule
from ...audit.run import Audit
from ...authn.checks import drf
from ..inventory import guards_by_default
from .opening import Opening, openings
from .views import (
    HAS_ACCESS,
    by_path,
    declare_line,
    drf_endpoints,
    endpoint_subject,
    is_a,
    is_written_here,
    names_of,
)


@rule(
    "endpoints.undeclared",
    Severity.LOW,
    title="Endpoints that declare no access",
    why="HasAccess closes what nobody declared, so they answer 403 to everybody. Somebody will open them in a hurry.",
    fix='access = {"read": "things:read", "write": "things:write"}',
    references=("ASVS 8.1.1", "API9:2023", "CWE-862"),
)
def undeclared(audit: Audit) -> Iterator[Finding]:
    found = [each for each in drf_endpoints(audit) if each.problem or (each.guarded and not each.declared)]
    for group in by_path(found):
        said = next((endpoint.problem for endpoint in group if endpoint.problem), "")
        if said:
            yield audit.found(endpoint_subject(group), said, severity=Severity.MEDIUM, fix=declare_line(group))
        elif not is_written_here(group[0]) and is_a(group[0].cls, "rest_framework.routers.APIRootView"):
            fix = "router.include_root_view = False  # or a SimpleRouter instead of the DefaultRouter"
            yield audit.found(endpoint_subject(group), "is DRF's own list of routes, closed to everybody", fix=fix)
        else:
            yield audit.found(
                endpoint_subject(group), "declares no access and is closed to everybody", fix=declare_line(group)
            )


@rule(
    "endpoints.unguarded",
    Severity.MEDIUM,
    title="Endpoints that ask for no declared access",
    why="Their permission classes know no scopes: whoever passes them needs no right of this API, and keys are refused there.",
    fix="permission_classes = [HasAccess]",
    references=("ASVS 8.2.1", "API5:2023", "CWE-285"),
)
def unguarded(audit: Audit) -> Iterator[Finding]:
    opened = audit.fact(openings, audit)
    found = [
        endpoint
        for endpoint in drf_endpoints(audit)
        if opened.get(endpoint) in {Opening.CLOSED, Opening.UNKNOWN} and is_written_here(endpoint)
    ]
    for group in by_path(found):
        classes = names_of(group[0].permissions)
        mixed = " Combine HasAccess with &, not with |." if "OperandHolder" in classes or "|" in classes else ""
        fix = f"permission_classes = [HasAccess]\n{declare_line(group)}"
        yield audit.found(
            endpoint_subject(group), f"is guarded by {_said(group[0].permissions)} alone.{mixed}", fix=fix
        )


@rule(
    "endpoints.not-answerable",
    Severity.HIGH,
    title="Endpoints of which nobody can tell what they ask",
    why="A view that replaces a step in which DRF asks its permissions, or a class that replaces HasAccess's answer, may let anybody in.",
    fix="Call super() first in the method, on every way, and let get_permissions need no more than self.request",
    references=("ASVS 8.2.1", "ASVS 8.3.1", "API5:2023", "CWE-285"),
)
def not_answerable(audit: Audit) -> Iterator[Finding]:
    found = [endpoint for endpoint in drf_endpoints(audit) if endpoint.unknown]
    for group in by_path(found):
        said = f"{group[0].unknown}: whether it is guarded shows in a live request only"
        severity = Severity.HIGH if is_written_here(group[0]) else Severity.LOW
        yield audit.found(endpoint_subject(group), said, severity=severity)


def _said(permissions: tuple[object, ...]) -> str:
    """Permission classes for a person; a composition has no name of its own."""
    return ", ".join(getattr(each, "__name__", "a composition of classes") for each in permissions) or "nothing"


@rule(
    "endpoints.default-permission",
    Severity.HIGH,
    title="Views without permission classes ask for no declared access",
    why="HasAccess is not in DEFAULT_PERMISSION_CLASSES: a view whose author forgets permission_classes is not closed.",
    fix=f'REST_FRAMEWORK = {{..., "DEFAULT_PERMISSION_CLASSES": ["{HAS_ACCESS}"]}}',
    references=("ASVS 8.2.1", "API5:2023", "CWE-1188"),
)
def default_permission(audit: Audit) -> Iterator[Finding]:
    if guards_by_default():
        return
    classes = drf("DEFAULT_PERMISSION_CLASSES")
    wide = not classes or all(is_a(each, "rest_framework.permissions.AllowAny") for each in classes)
    yield audit.found(
        places.setting('REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"]'),
        f"is {_said(tuple(classes))}" + (": such a view is open to anybody" if wide else ""),
        severity=Severity.HIGH if wide else Severity.MEDIUM,
    )
