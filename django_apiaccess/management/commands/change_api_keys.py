"""`manage.py change_api_keys`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...keys import service
from ...keys.models import APIKey
from .. import arguments, selection
from ..base import AccessCommand
from ..output import count


class Command(AccessCommand):
    """Change limits of keys."""

    name = "change_api_keys"
    help = (
        "Changes how long keys live, from where they may be used, how often, and for what, from the next request on. What is not named "
        "stays. Either all of the keys are changed or none."
    )
    example = """
manage.py change_api_keys 12 --expires 90d
manage.py change_api_keys 12 17 --network 203.0.113.0/24 --network 2001:db8::/32
manage.py change_api_keys 12 --scope orders:read --rate 100/min
"""

    def add_arguments(self, parser: CommandParser) -> None:
        selection.add_key_ids(parser)
        parser.add_argument("--expires", metavar="WHEN", help=f"When they end: {arguments.DATE_HELP}.")
        parser.add_argument(
            "--network", action="append", metavar="CIDR", help="From where they may be used; may be repeated."
        )
        parser.add_argument("--rate", metavar="RATE", help="How often at most, as 100/min.")
        parser.add_argument(
            "--scope", action="append", metavar="SCOPE", help="What they may be used for; may be repeated."
        )

    def run(self, options: dict[str, Any]) -> None:
        fields: dict[str, Any] = {}
        if options["expires"] is not None:
            fields["expires_at"] = arguments.moment(options["expires"], "--expires", whole_day=True)
        if options["network"]:
            fields["networks"] = " ".join(arguments.words(options["network"]))
        if options["rate"] is not None:
            fields["rate"] = options["rate"]
        if options["scope"]:
            fields["scopes"] = arguments.words(options["scope"])
        if not options["key_id"] or not fields:
            raise CommandError(
                "Say which keys and what to change: KEY_ID ... with --expires, --network, --rate or --scope."
            )
        ids = selection.key_ids(options["key_id"])
        service.change_many(APIKey.objects.filter(pk__in=ids), by=self.actor, **fields)
        rows = list(selection.rows(APIKey.objects.filter(pk__in=ids)))
        self.print_rows(selection.COLUMNS, rows, options)
        self.note(f"{count(len(rows), 'key')} changed.")
