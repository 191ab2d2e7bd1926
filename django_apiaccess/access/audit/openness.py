"""Endpoints that anybody reaches, by accident or wider than was meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...audit.finding import Finding, Severity
from ...audit.rules import rule
from ...audit.run import Audit
from ..inventory import Endpoint
from .opening import Opening, allows_anybody, openings
from .views import by_path, declare_line, drf_endpoints, endpoint_subject, is_safe, is_written_here, names_of


def _open(audit: Audit, *, safe: bool) -> Iterator[list[Endpoint]]:
    opened = audit.fact(openings, audit)
    found = [endpoint for endpoint, answer in opened.items() if answer is Opening.OPEN and is_safe(endpoint) is safe]
    yield from by_path(found)


def _of_a_package(audit: Audit, group: list[Endpoint]) -> Finding:
    message = f"is open to anybody; it is a view of a package ({group[0].view}). Is that meant?"
    fix = (
        f"class {group[0].view.rpartition('.')[2]}({group[0].view}):\n    access = PUBLIC  # and route this one instead"
    )
    return audit.found(endpoint_subject(group), message, severity=Severity.LOW, fix=fix)


def open_by_view(audit: Audit) -> dict[str, list[Endpoint]]:
    """Everything that is open, by view: one declaration mends it all."""
    found: dict[str, list[Endpoint]] = {}
    for endpoint, answer in audit.fact(openings, audit).items():
        if answer is Opening.OPEN:
            found.setdefault(endpoint.view, []).append(endpoint)
    return found


def _fix(audit: Audit, group: list[Endpoint]) -> str:
    line = declare_line([*group, *audit.fact(open_by_view, audit)[group[0].view]])
    if line.startswith("@"):
        return line
    return f"permission_classes = [HasAccess]\n{line}  # or access = PUBLIC, to open it on purpose"


@rule(
    "endpoints.public-by-accident",
    Severity.HIGH,
    title="Endpoints open to anybody without saying so",
    why="Nothing distinguishes a view that is public on purpose from one that somebody forgot to close. PUBLIC says which it is.",
    fix="permission_classes = [HasAccess]\naccess = PUBLIC",
    references=("ASVS 8.2.1", "ASVS 8.1.1", "API5:2023", "CWE-306"),
)
def public_by_accident(audit: Audit) -> Iterator[Finding]:
    for group in _open(audit, safe=True):
        if not is_written_here(group[0]):
            yield _of_a_package(audit, group)
        elif allows_anybody(group[0]):
            classes = names_of(group[0].permissions)
            yield audit.found(
                endpoint_subject(group),
                f"anybody reads it: its permission classes are {classes}",
                fix=_fix(audit, group),
            )
        else:
            classes = names_of(group[0].permissions)
            yield audit.found(
                endpoint_subject(group),
                f"anybody reads it: {classes} lets a request without a credential pass, and nothing declares it public",
                severity=Severity.MEDIUM,
                fix=_fix(audit, group),
            )


@rule(
    "endpoints.unsafe-open",
    Severity.CRITICAL,
    title="Anybody may change something",
    why="A method that changes data takes requests without any credential, and nobody declared that.",
    fix='permission_classes = [HasAccess]\naccess = {"write": "things:write"}',
    references=("ASVS 8.2.1", "API5:2023", "CWE-306"),
)
def unsafe_open(audit: Audit) -> Iterator[Finding]:
    for group in _open(audit, safe=False):
        classes = names_of(group[0].permissions)
        if not is_written_here(group[0]):
            yield _of_a_package(audit, group)
        else:
            severity = Severity.CRITICAL if allows_anybody(group[0]) else Severity.HIGH
            yield audit.found(
                endpoint_subject(group),
                f"takes changes from anybody: its permission classes are {classes}",
                severity=severity,
                fix=_fix(audit, group),
            )


@rule(
    "endpoints.public-writes",
    Severity.HIGH,
    title="PUBLIC opens writing too",
    why="access = PUBLIC on a whole view opens every method of it. Mostly only reading was meant.",
    fix='access = {"read": PUBLIC, "write": "things:write"}',
    references=("ASVS 8.2.1", "API5:2023", "CWE-732"),
)
def public_writes(audit: Audit) -> Iterator[Finding]:
    public = [endpoint for endpoint in drf_endpoints(audit) if endpoint.guarded and endpoint.public]
    reading = {endpoint.cls for endpoint in public if is_safe(endpoint)}
    for group in by_path(endpoint for endpoint in public if not is_safe(endpoint)):
        first = group[0]
        by_method = isinstance(getattr(first.cls, "access", None), Mapping)
        if by_method or first.cls not in reading:
            message = "takes changes from anybody, which is declared"
            yield audit.found(
                endpoint_subject(group),
                message,
                severity=Severity.INFO,
                fix="Nothing, if it is meant. Else name a scope.",
            )
        else:
            word = declare_line(group).partition('"write": ')[2].rstrip("}")
            fix = f'access = {{"read": PUBLIC, "write": {word}}}'
            yield audit.found(endpoint_subject(group), "access = PUBLIC lets anybody change it", fix=fix)
