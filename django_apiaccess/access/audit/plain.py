"""Django views beside the API that nothing guards and that give or change what the API guards."""

from __future__ import annotations

from collections.abc import Iterator

from ...audit.finding import Finding, Severity
from ...audit.rules import rule
from ...audit.run import Audit
from ..inventory import Endpoint
from . import source
from .pages import asks_for_session, is_csrf_exempt, is_generic, is_guarded, names_in, takes_changes
from .views import all_endpoints, by_path, endpoint_subject, is_written_here, resource_of


def own_pages(audit: Audit) -> list[Endpoint]:
    """Views of the project's own code that DRF did not make."""
    return [each for each in audit.fact(all_endpoints) if not each.is_drf and is_written_here(each)]


def open_pages(audit: Audit) -> list[Endpoint]:
    """Those that nothing seems to guard."""
    return [endpoint for endpoint in audit.fact(own_pages, audit) if not is_guarded(endpoint)]


def _guard(group: list[Endpoint], verb: str) -> str:
    """The decorator that closes a page, filled in for its path."""
    app, word = group[0].view.partition(".")[0], resource_of(group[0])
    wanted = f'permission_required("{app}.{verb}_{word.removesuffix("s")}", raise_exception=True)'
    return f'@method_decorator({wanted}, name="dispatch")' if group[0].cls else f"@{wanted}"


def _changes(endpoint: Endpoint, names: set[str]) -> bool:
    if is_generic(endpoint, "edit.CreateView", "edit.UpdateView", "edit.DeleteView"):
        return True
    return bool(names & source.WRITES and names & source.ROWS)


def _gives_rows(names: set[str]) -> bool:
    return bool(names & source.ANSWERS and names & source.ROWS)


def open_writing(audit: Audit) -> list[list[Endpoint]]:
    """Open pages that change rows, or that another site's page may post to, by path."""
    found = []
    for group in by_path(audit.fact(open_pages, audit)):
        names = names_in(group[0])
        posted = is_csrf_exempt(group[0]) and takes_changes(group[0])
        if posted or _changes(group[0], names):
            found.append(group)
    return found


def open_reading(audit: Audit) -> list[list[Endpoint]]:
    """Open pages that give rows of the database as data, by path."""
    writing = {group[0].path for group in audit.fact(open_writing, audit)}
    groups = by_path(audit.fact(open_pages, audit))
    return [group for group in groups if group[0].path not in writing and _gives_rows(names_in(group[0]))]


@rule(
    "endpoints.plain-writes",
    Severity.HIGH,
    title="A Django view changes data for anybody",
    why="HasAccess guards DRF views only. This one is none of them, nothing in its code asks who is calling, and it takes changes.",
    fix="@permission_required('app.change_thing', raise_exception=True)  # or make it a DRF view that declares access",
    references=("ASVS 8.2.1", "API5:2023", "CWE-306", "CWE-352"),
)
def plain_writes(audit: Audit) -> Iterator[Finding]:
    for group in audit.fact(open_writing, audit):
        exempt = is_csrf_exempt(group[0])
        said = (
            "takes changes from anybody, and is exempt from CSRF protection" if exempt else "changes rows for anybody"
        )
        yield audit.found(
            endpoint_subject(group),
            said,
            fix=_guard(group, "change"),
            severity=Severity.HIGH if exempt else Severity.MEDIUM,
            csrf_exempt=exempt,
        )


@rule(
    "endpoints.plain-reads",
    Severity.MEDIUM,
    title="A Django view gives data to anybody",
    why="It answers with rows of the database, and nothing in its code asks who is calling: the API beside it is guarded for nothing.",
    fix="@permission_required('app.view_thing', raise_exception=True)  # or make it a DRF view that declares access",
    references=("ASVS 8.2.1", "API5:2023", "CWE-306"),
)
def plain_reads(audit: Audit) -> Iterator[Finding]:
    for group in audit.fact(open_reading, audit):
        yield audit.found(endpoint_subject(group), "gives rows of the database to anybody", fix=_guard(group, "view"))


@rule(
    "endpoints.csrf-exempt",
    Severity.HIGH,
    title="A view for logged-in people is exempt from CSRF protection",
    why="The browser sends the session cookie along with what any web page makes it post; csrf_exempt lets that pass.",
    fix="Remove @csrf_exempt. For programs make it a DRF view: authentication_classes = [AccessAuthentication].",
    references=("ASVS 3.5.1", "CWE-352"),
)
def csrf_exempt(audit: Audit) -> Iterator[Finding]:
    for group in by_path(audit.fact(own_pages, audit)):
        if is_csrf_exempt(group[0]) and takes_changes(group[0]) and asks_for_session(group[0]):
            yield audit.found(endpoint_subject(group), "takes changes by the session cookie without a CSRF token")
