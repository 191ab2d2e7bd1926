"""`manage.py show_access`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.base import CommandParser

from ...access.inventory import Endpoint, endpoints
from ..base import AccessCommand
from ..output import Column

COLUMNS = (
    Column("method", whole=True),
    Column("path", whole=True),
    Column("asks", "asks for"),
    Column("view"),
)


class Command(AccessCommand):
    """Every endpoint and what it asks."""

    name = "show_access"
    formats = False
    help = "Lists every endpoint of the project and what it asks of a caller, as its code declares it."
    example = """
manage.py show_access
manage.py show_access --undeclared
manage.py show_access --format markdown > docs/access.md
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--format",
            choices=["table", "json", "markdown"],
            default="table",
            help="How rows are printed: table (the default), json or markdown.",
        )
        parser.add_argument(
            "--undeclared",
            action="store_true",
            help="Only endpoints that declare nothing, or that HasAccess does not surely guard.",
        )
        parser.add_argument("--all", action="store_true", help="Also views that are none of DRF's, as the admin's.")

    def run(self, options: dict[str, Any]) -> None:
        found = endpoints()
        shown = [endpoint for endpoint in found if endpoint.is_drf or options["all"]]
        if options["undeclared"]:
            shown = [endpoint for endpoint in shown if stands_out(endpoint)]
        rows = [as_row(endpoint) for endpoint in shown]
        if options["format"] == "markdown":
            self.stdout.write(markdown(shown))
        elif options["format"] == "json":
            self.print_rows(COLUMNS, rows, options)
        else:
            marked = [{**row, "asks": asks_for(endpoint)} for row, endpoint in zip(rows, shown, strict=True)]
            self.print_rows(COLUMNS, marked, options)
            self.tell(found, shown)

    def tell(self, found: Sequence[Endpoint], shown: Sequence[Endpoint]) -> None:
        """What the table does not show by itself."""
        undeclared = sum(stands_out(endpoint) and not endpoint.unknown for endpoint in found if endpoint.is_drf)
        if undeclared:
            self.note(f"{undeclared} without a declaration that counts: scoped credentials are refused there.")
        hidden = sum(not endpoint.is_drf for endpoint in found) - sum(not endpoint.is_drf for endpoint in shown)
        if hidden:
            self.note(f"{hidden} views are none of DRF's and not shown; --all shows them.")


def stands_out(endpoint: Endpoint) -> bool:
    """Whether somebody should look at it: nothing declared, or nobody there to ask for what is."""
    return not (endpoint.declared and endpoint.guarded)


def asks_for(endpoint: Endpoint) -> str:
    """What it asks, in words; in capitals what somebody should look at."""
    if endpoint.problem:
        return f"BAD DECLARATION: {endpoint.problem}"
    if not endpoint.is_drf:
        return "(not a DRF view)"
    if endpoint.unknown:
        return f"UNKNOWN: {endpoint.unknown}"
    if not endpoint.guarded:
        return f"UNGUARDED{f': {endpoint.requirement} counts for unscoped callers only' if endpoint.declared else ''}"
    return "UNDECLARED" if endpoint.requirement is None else str(endpoint.requirement)


def as_row(endpoint: Endpoint) -> dict[str, Any]:
    """One endpoint as plain data."""
    return {
        "path": endpoint.path,
        "method": endpoint.method,
        "view": endpoint.view,
        "action": endpoint.action,
        "requirement": None if endpoint.requirement is None else str(endpoint.requirement),
        "scopes": list(endpoint.scopes),
        "roles": list(endpoint.roles),
        "public": endpoint.public,
        "declared": endpoint.declared,
        "guarded": endpoint.guarded,
        "unknown": endpoint.unknown,
        "drf": endpoint.is_drf,
    }


def markdown(shown: Iterable[Endpoint]) -> str:
    """A table for a page of documentation."""
    lines = ["| method | path | asks for | view |", "|---|---|---|---|"]
    for endpoint in shown:
        asks = asks_for(endpoint).replace("|", "\\|")
        asks = f"**{asks}**" if endpoint.is_drf and stands_out(endpoint) else f"`{asks}`"
        lines.append(f"| {endpoint.method} | `{endpoint.path}` | {asks} | `{endpoint.view}` |")
    return "\n".join(lines)
