"""`manage.py rotate_client_secret`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from .....management import arguments
from .....management.base import AccessCommand
from .....management.output import cell
from ... import client_secrets, clients


class Command(AccessCommand):
    """A new secret for a client; the old one works on for a while."""

    name = "rotate_client_secret"
    help = (
        "Gives an OAuth client a new secret. The secret alone goes to stdout, once; everything else goes to stderr. "
        "Until the grace ends the old secret works too."
    )
    example = """
manage.py rotate_client_secret warehouse --grace 24h
manage.py rotate_client_secret app_0123456789abcdefABCDEF --grace 0 --reason "It was in a log" --format json
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="CLIENT", help="Its client id, or its name where no other has it.")
        parser.add_argument(
            "--grace",
            metavar="24h",
            help="How long the old secret works on; 0: it ends now. Default: KEY_ROTATION_GRACE.",
        )
        parser.add_argument("--reason", default="", metavar="TEXT", help="Why, for the event.")

    def run(self, options: dict[str, Any]) -> None:
        client = clients.named(options["client"])
        grace = None if options["grace"] is None else arguments.length(options["grace"], "--grace")
        text, until = client_secrets.rotate(client, by=self.actor, grace=grace, reason=options["reason"])
        self.note(
            f"New secret of {cell(client.name)}. The old one works until {cell(until)}. It is shown this once: copy it now."
        )
        row = {"client_id": client.client_id, "client_secret": text, "old_secret_valid_until": until}
        self.print_one(row, text, options)
