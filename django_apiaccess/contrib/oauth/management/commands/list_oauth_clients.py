"""`manage.py list_oauth_clients`."""

from __future__ import annotations

from typing import Any, Final

from .....management.base import AccessCommand
from .....management.output import Column
from ...models import OAuthClient

COLUMNS: Final = (
    Column("client_id", "client id", whole=True),
    Column("name"),
    Column("authentication"),
    Column("grants"),
    Column("scopes"),
    Column("active"),
    Column("last_used_at", "last used"),
)


class Command(AccessCommand):
    """Clients, never secrets."""

    name = "list_oauth_clients"
    help = "Lists the OAuth clients: never their secrets."
    example = """
manage.py list_oauth_clients
manage.py list_oauth_clients --format json
"""

    def run(self, options: dict[str, Any]) -> None:
        rows = [self._row(client) for client in OAuthClient.objects.select_related("service_account", "owner")]
        if options["format"] == "table":
            if not rows:
                self.note("There is no client.")
                return
            shown = ("grants", "scopes")
            rows = [row | {name: " ".join(row[name]) for name in shown} for row in rows]
        self.print_rows(COLUMNS, rows, options)

    @staticmethod
    def _row(client: OAuthClient) -> dict[str, Any]:
        return {
            "client_id": client.client_id,
            "name": client.name,
            "authentication": client.auth_method,
            "grants": client.grant_types.split(),
            "scopes": sorted(client.scopes),
            "redirect_uris": client.redirect_uris.split(),
            "service_account": client.service_account.name if client.service_account else None,
            "owner": client.owner.get_username() if client.owner else None,
            "active": client.is_active,
            "created_at": client.created_at,
            "last_used_at": client.last_used_at,
        }
