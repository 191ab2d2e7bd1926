"""`manage.py list_oauth_clients`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ..base import AccessCommand
from ..oauth import COLUMNS, require_app, row_of


class Command(AccessCommand):
    """OAuth clients, never secrets."""

    name = "list_oauth_clients"
    help = "Lists the OAuth clients: never a secret."
    example = """
manage.py list_oauth_clients
manage.py list_oauth_clients --active --format json
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--active", action="store_true", help="Only those that are not switched off.")

    def run(self, options: dict[str, Any]) -> None:
        require_app()
        from ...contrib.oauth.models import OAuthClient

        found = OAuthClient.objects.select_related("owner", "service_account").order_by("name", "client_id")
        if options["active"]:
            found = found.filter(is_active=True)
        rows = [row_of(client) for client in found]
        if not rows and options["format"] == "table":
            self.note("There is no client.")
            return
        self.print_rows(COLUMNS, rows, options)
