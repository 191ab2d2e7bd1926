"""`manage.py ungrant`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...roles import names, service
from ...roles.models import Grant
from .. import arguments
from ..base import AccessCommand
from ..output import Column
from .grant import add_right, holder

COLUMNS = (Column("id", whole=True), Column("holder"), Column("right"), Column("on"), Column("from"), Column("until"))
SHOWN = 10


class Command(AccessCommand):
    """Take a role or a scope back."""

    name = "ungrant"
    help = "Takes back what grant gave, from the next request on. Without --on: the grants on everything, not those on single objects."
    example = """
manage.py ungrant --user finn --role manager --reason "Moved to the warehouse"
manage.py ungrant --user finn --scope orders:read --on shop.Order:7
"""

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_principal(parser, what="who loses it", group=True)
        add_right(parser)
        parser.add_argument("--reason", default="", metavar="TEXT", help="Why; kept in the event.")

    def run(self, options: dict[str, Any]) -> None:
        who = holder(options)
        right = {"role": names.role(options["role"])} if options["role"] else {"scope__name": options["scope"]}
        held = Grant.objects.filter(**who).select_related("user", "group", "role", "scope", "content_type")
        if options["on"]:
            found = held.filter(**right).on_object(arguments.object_named(options["on"]))
        else:
            found = held.filter(**right).on_everything()
        rows = list(found)
        if not rows:
            raise CommandError(self._nothing(options, held.not_ended().order_by("pk"), who))
        taken = [
            {
                "id": row.pk,
                "holder": row.holder,
                "right": row.right,
                "on": row.target,
                "from": row.starts_at,
                "until": row.ends_at,
            }
            for row in rows
        ]
        service.ungrant(rows, by=self.actor, reason=(options["reason"] or "").strip()[:255])
        self.note("Taken back:")
        self.print_rows(COLUMNS, taken, options)

    @staticmethod
    def _nothing(options: dict[str, Any], held: Any, who: dict[str, Any]) -> str:
        name = str(next(iter(who.values())))
        wanted, target = options["role"] or options["scope"], options["on"] or "everything"
        listed = [f"{row.right} on {row.target}" for row in held[: SHOWN + 1]]
        more = ", ..." if len(listed) > SHOWN else ""
        holds = (
            f" It holds by grants of its own: {', '.join(listed[:SHOWN])}{more}."
            if listed
            else " It has no grants of its own."
        )
        hint = names.nearest(f"{wanted}", {row.role.name if row.role else row.scope.name for row in held[:1000]})
        unlike = "" if hint == f" Did you mean {wanted!r}?" else hint
        group = "" if options["group"] else " What comes through a group is taken from the group: --group."
        return f"{name} has no grant of {wanted!r} on {target}.{unlike}{holds}{group}"
