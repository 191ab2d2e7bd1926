"""`manage.py rotate_client_secret`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from .. import arguments
from ..base import AccessCommand
from ..oauth import require_app
from ..output import cell


class Command(AccessCommand):
    """A new secret for an OAuth client."""

    name = "rotate_client_secret"
    help = "Gives an OAuth client a new secret, which goes to stdout once. The old one works for --grace more."
    example = """
manage.py rotate_client_secret importer --grace 24h
SECRET=$(manage.py rotate_client_secret app_3kTMd9 --grace 0)
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="CLIENT", help="Its client id, or its name.")
        parser.add_argument(
            "--grace",
            metavar="24h",
            help="How long the old secret works on (default: KEY_ROTATION_GRACE; 0: not at all).",
        )
        parser.add_argument("--reason", default="", metavar="TEXT", help="Why; it goes into the event.")

    def run(self, options: dict[str, Any]) -> None:
        require_app()
        from ...contrib.oauth import client_secrets, clients

        client = clients.named(options["client"])
        grace = arguments.length(options["grace"], "--grace") if options["grace"] is not None else None
        text, until = client_secrets.rotate(client, by=self.actor, grace=grace, reason=options["reason"])
        row = {"client_id": client.client_id, "client_secret": text, "old_secret_valid_until": until}
        self.note(
            f"New secret of {cell(client.name)}; the old one ends {cell(until)}. It is shown this once: copy it now."
        )
        self.print_one(row, text, options)
