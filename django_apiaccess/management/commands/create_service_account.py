"""`manage.py create_service_account`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from ...keys import service as keys
from ...roles import names
from ...roles import service as roles
from ..arguments import words
from ..base import AccessCommand


class Command(AccessCommand):
    """A principal for a program, with its first grants."""

    name = "create_service_account"
    help = "Creates a service account: a principal for a program, that no person can log in as. It has no rights but those granted to it."
    example = """
manage.py create_service_account warehouse --owner mara --purpose "Prints packing lists" --role fulfilment
manage.py create_service_account nightly --owner mara --purpose "Nightly report" --scope reports:read --format json
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="NAME", help="A name that no user and no other service account has.")
        parser.add_argument(
            "--owner", required=True, metavar="USER", help="User name of the person who answers for it."
        )
        parser.add_argument("--purpose", required=True, metavar="TEXT", help="What it is for.")
        parser.add_argument(
            "--role", action="append", default=[], metavar="R", help="A role to grant it; can be repeated."
        )
        parser.add_argument(
            "--scope", action="append", default=[], metavar="S", help="A scope to grant it; can be repeated."
        )

    @transaction.atomic
    def run(self, options: dict[str, Any]) -> None:
        owner = names.user(options["owner"], field="owner")
        wanted_roles = [names.role(name) for name in words(options["role"])]
        wanted_scopes = sorted(names.scope_names(words(options["scope"])))
        account = keys.create_service_account(
            name=options["account"].strip(), owner=owner, purpose=options["purpose"].strip(), by=self.actor
        )
        for role in wanted_roles:
            roles.grant(user=account.user, role=role, by=self.actor, reason="Created with it")
        for scope in wanted_scopes:
            roles.grant(user=account.user, scope=scope, by=self.actor, reason="Created with it")
        row = {
            "id": account.pk,
            "name": account.name,
            "owner": owner.get_username(),
            "purpose": account.purpose,
            "roles": sorted(role.name for role in wanted_roles),
            "scopes": wanted_scopes,
        }
        rights = ", ".join([*row["roles"], *row["scopes"]]) or "nothing yet (manage.py grant gives it rights)"
        self.print_one(row, f"Service account {account.name}, owned by {row['owner']}, holds {rights}.", options)
