"""`manage.py list_api_keys`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Q
from django.utils import timezone

from ...keys.models import APIKey
from .. import arguments, selection
from ..base import AccessCommand


class Command(AccessCommand):
    """Keys, never secrets."""

    name = "list_api_keys"
    help = "Lists API keys: never their secrets, only the public id that stands in a key's text. Several filters narrow each other."
    example = """
manage.py list_api_keys --unused-for 90d
manage.py list_api_keys --user mara --expiring-within 14d --format json
manage.py list_api_keys --legacy --status active
"""

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_principal(parser, what="whose keys to list", required=False)
        parser.add_argument("--unused-for", metavar="90d", help="Usable keys neither used nor made within that time.")
        parser.add_argument("--expiring-within", metavar="14d", help="Usable keys that end within that time.")
        parser.add_argument(
            "--older-than", metavar="90d", help="Usable keys whose secret was made longer ago than that."
        )
        parser.add_argument(
            "--legacy",
            action="store_true",
            help="Imported keys that still work with another package's text: not rotated yet.",
        )
        parser.add_argument("--status", choices=APIKey.Status.values, help="Only keys in that state.")

    def run(self, options: dict[str, Any]) -> None:
        keys = selection.narrowed(options)
        if options["legacy"]:
            keys = keys.legacy()
        status = options["status"]
        if status == APIKey.Status.ACTIVE:
            keys = keys.usable()
        elif status == APIKey.Status.REVOKED:
            keys = keys.filter(revoked_at__isnull=False)
        elif status == APIKey.Status.EXPIRED:
            keys = keys.filter(Q(revoked_at=None), Q(expires_at__lte=timezone.now()))
        rows = selection.rows(keys)
        if options["format"] == "table":
            rows = list(rows)
            if not rows:
                self.note("No key matches.")
                return
        self.print_rows(selection.COLUMNS, rows, options)
