"""`manage.py create_oauth_client`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from .....conf import OAUTH_GRANTS
from .....exceptions import UnknownName
from .....keys.service import service_account
from .....management.arguments import words
from .....management.base import AccessCommand
from .....roles import names
from ... import clients
from ...models import OAuthClient


class Command(AccessCommand):
    """Register a client, and print its secret once."""

    name = "create_oauth_client"
    help = (
        "Registers an OAuth client. Its secret is printed once; it is stored nowhere in readable form. "
        "A client of client_credentials speaks for a service account, and may do what that one was granted."
    )
    example = """
manage.py create_oauth_client shop --public --grant authorization_code refresh_token --redirect-uri https://shop.example/cb
manage.py create_oauth_client warehouse --grant client_credentials --scope orders:read --service-account warehouse
manage.py create_oauth_client reports --grant authorization_code --redirect-uri https://reports.example/cb --format json
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="NAME", help="What people read on the consent page.")
        parser.add_argument(
            "--grant",
            action="extend",
            nargs="+",
            required=True,
            metavar="G",
            help=f"How it gets tokens; several, or repeated: {', '.join(OAUTH_GRANTS)}.",
        )
        parser.add_argument(
            "--redirect-uri",
            action="extend",
            nargs="+",
            default=[],
            metavar="U",
            help="Where a person is sent back to, compared character by character; several, or repeated.",
        )
        parser.add_argument(
            "--scope",
            action="extend",
            nargs="+",
            default=[],
            metavar="S",
            help="What it may ask for at most; several, or repeated.",
        )
        parser.add_argument(
            "--public",
            action="store_true",
            help="It cannot keep a secret (an app on a phone or in a browser): it gets none.",
        )
        parser.add_argument(
            "--service-account", metavar="S", help="Whom it speaks for with client_credentials, by name."
        )
        parser.add_argument("--owner", metavar="USER", help="User name of the person who answers for it.")

    def run(self, options: dict[str, Any]) -> None:
        grants = words(options["grant"])
        for grant in grants:
            if grant not in OAUTH_GRANTS:
                raise UnknownName(
                    f"Unknown grant {grant!r}.{names.nearest(grant, OAUTH_GRANTS)} Grants: {', '.join(OAUTH_GRANTS)}.",
                    field="grant_types",
                )
        method = OAuthClient.AuthMethod.NONE if options["public"] else OAuthClient.AuthMethod.BASIC
        account = options["service_account"]
        made = clients.create(
            by=self.actor,
            name=options["client"],
            grant_types=grants,
            redirect_uris=options["redirect_uri"],
            scopes=words(options["scope"]),
            auth_method=method,
            service_account=service_account(account) if account else None,
            owner=names.user(options["owner"], field="owner") if options["owner"] else None,
        )
        row = {"client_id": made.client.client_id, "client_secret": made.secret or None}
        if made.secret:
            self.note("The secret is shown this once: copy it now.")
        lines = [f"client_id {row['client_id']}", *([f"client_secret {made.secret}"] if made.secret else [])]
        self.print_one(row, "\n".join(lines), options)
