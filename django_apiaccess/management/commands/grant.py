"""`manage.py grant`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ...roles import names, service
from ...roles.models import Grant
from .. import arguments
from ..base import AccessCommand
from ..output import cell


def add_right(parser: CommandParser) -> None:
    """`--role`, `--scope`, `--on`."""
    right = parser.add_mutually_exclusive_group(required=True)
    right.add_argument("--role", metavar="R", help="The role.")
    right.add_argument("--scope", metavar="S", help="The scope, or resource:* for all of a resource.")
    parser.add_argument("--on", metavar="app.Model:pk", help="On this one object only. Default: on everything.")


def holder(options: dict[str, Any]) -> dict[str, Any]:
    """`user` or `group`, as the options name it."""
    return {"group": names.group(options["group"])} if options["group"] else {"user": arguments.principal(options)}


class Command(AccessCommand):
    """Give a role or a scope."""

    name = "grant"
    help = "Gives a role or a scope to a user, a group or a service account: on everything or on one object, for ever or for a time."
    example = """
manage.py grant --user mara --role manager --reason "Runs the shop"
manage.py grant --user finn --scope orders:read --on shop.Order:7 --until 14d
manage.py grant --group packers --role fulfilment --from 2030-01-01 --until 2030-06-30
manage.py grant --service-account warehouse --scope "orders:*"
"""

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_principal(parser, what="who gets it", group=True)
        add_right(parser)
        parser.add_argument(
            "--from", dest="starts", metavar="WHEN", help="From when: a date (its beginning), a time, or a duration."
        )
        parser.add_argument(
            "--until", metavar="WHEN", help=f"Until when: {arguments.DATE_HELP}. Default: until it is taken back."
        )
        parser.add_argument("--reason", default="", metavar="TEXT", help="Why; kept with the grant.")

    def run(self, options: dict[str, Any]) -> None:
        starts, until = options["starts"], options["until"]
        target = arguments.object_named(options["on"]) if options["on"] else None
        before = Grant.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        given = service.grant(
            by=self.actor,
            **holder(options),
            role=options["role"],
            scope=options["scope"],
            on=target,
            starts_at=None if starts is None else arguments.moment(starts, "--from", whole_day=False),
            ends_at=None if until is None else arguments.moment(until, "--until", whole_day=True),
            reason=(options["reason"] or "").strip()[:255],
        )
        row = {
            "id": given.pk,
            "holder": given.holder,
            "right": given.right,
            "on": given.target,
            "from": given.starts_at,
            "until": given.ends_at,
            "reason": given.reason,
            "new": given.pk > before,
        }
        times = "".join(f" {word} {cell(row[word])}" for word in ("from", "until") if row[word])
        verb = "now holds" if row["new"] else "holds already"
        self.print_one(row, f"{given.holder} {verb} {given.right} on {given.target}{times}.", options)
