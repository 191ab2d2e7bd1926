"""`manage.py list_access`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from ...access.holders import Holders
from ...access.reach import Asked, asked_at, endpoint_rows, rights_rows
from ...core.access import Access
from ...core.requirement import HasRole, HasScope
from ...keys.credential import access_of_row
from ...roles import names
from ...roles.rights import access_of_user
from .. import arguments, asking
from ..base import AccessCommand
from ..output import Column

WHO = (
    Column("kind", whole=True),
    Column("id", whole=True),
    Column("name"),
    Column("principal"),
    Column("on"),
    Column("needs"),
    Column("paths"),
)
WHAT = (
    Column("kind", whole=True),
    Column("name", whole=True),
    Column("on"),
    Column("until"),
    Column("needs"),
    Column("path"),
)


class Command(AccessCommand):
    """Who can, and what can they."""

    name = "list_access"
    help = (
        "Lists who has a scope or a role or may call an endpoint (people, service accounts, keys, token sessions), or what somebody may "
        "do; each with the ways on which they have it. The number of statements does not grow with the number of users or keys."
    )
    example = """
manage.py list_access --scope orders:refund
manage.py list_access --endpoint "POST /api/orders/{id}/refund/" --format json
manage.py list_access --user mara
manage.py list_access --key 17
"""

    def add_arguments(self, parser: CommandParser) -> None:
        asked = arguments.add_principal(parser, what="whose rights and endpoints are listed")
        asked.add_argument("--key", metavar="ID", help="API key whose effective rights and endpoints are listed.")
        asked.add_argument("--scope", metavar="S", help="Who has this scope, on everything or on single objects.")
        asked.add_argument("--role", metavar="R", help="Who has this role, by inheritance too.")
        asked.add_argument(
            "--endpoint",
            metavar="LINE",
            help="Who may call it: 'GET /api/orders/', or a path as show_access writes it.",
        )

    def run(self, options: dict[str, Any]) -> None:
        asked = wanted(options)
        if asked is not None:
            holders = Holders(asked.requirement, timezone.now(), asked.single_objects)
            rows: Iterable[dict[str, Any]] = (holder.as_dict() for holder in holders)
            self._print(WHO, rows, options, "Nobody can.")
            return
        access = access_asked(options)
        self._print(WHAT, [*rights_rows(access), *endpoint_rows(access)], options, "Nothing.")

    def _print(
        self, columns: tuple[Column, ...], rows: Iterable[dict[str, Any]], options: dict[str, Any], none: str
    ) -> None:
        if options["format"] == "table":
            rows = [{**row, "paths": "; ".join(row["paths"])} if "paths" in row else row for row in rows]
            if not rows:
                self.note(none)
                return
        self.print_rows(columns, rows, options)


def wanted(options: dict[str, Any]) -> Asked | None:
    """What is asked for whose holders are wanted; None: somebody's reach is. Raises `UnknownName`."""
    if options.get("scope"):
        (name,) = names.scope_names([options["scope"]])
        return Asked(HasScope(name), single_objects=True)
    if options.get("role"):
        return Asked(HasRole(names.role(options["role"]).name), single_objects=True)
    return asked_at(options["endpoint"]) if options.get("endpoint") else None


def access_asked(options: dict[str, Any]) -> Access:
    """The access of the principal or key. Raises `UnknownName`; a key that may not be used is an error too, for it can nothing."""
    user = arguments.principal(options)
    if user is not None:
        return access_of_user(user, can_step_up=not hasattr(user, "service_account"))
    row, now = asking.key_row(options["key"]), timezone.now()
    return access_of_row(row, now)
