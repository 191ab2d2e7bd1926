"""`manage.py create_oauth_client`."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser

from ...conf import OAUTH_GRANTS
from ...exceptions import InvalidChange
from ...keys.accounts import create_service_account, service_account
from ...roles import names
from ..arguments import words
from ..base import AccessCommand
from ..oauth import key_set, require_app


class Command(AccessCommand):
    """Register an OAuth client and print its secret once."""

    name = "create_oauth_client"
    help = (
        "Registers an OAuth client. Its id and its secret go to stdout; the secret is shown this once and stored as a digest only. "
        "A client of client_credentials speaks for a service account, and may do what that is granted: name one, or one with the name of "
        "the client is made, which needs grants."
    )
    example = """
manage.py create_oauth_client "Reading list" --grant authorization_code --public --redirect-uri https://app.example/cb --scope orders:read
manage.py create_oauth_client importer --grant client_credentials --service-account warehouse --scope orders:write --format json
manage.py create_oauth_client partner --grant client_credentials --owner mara --jwks partner.jwks.json --scope orders:read
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client_name", metavar="NAME", help="What people read on the consent page.")
        parser.add_argument(
            "--grant",
            action="extend",
            nargs="+",
            required=True,
            metavar="G",
            help=f"How it gets tokens: {', '.join(OAUTH_GRANTS)}; several, or repeated.",
        )
        parser.add_argument(
            "--redirect-uri",
            action="extend",
            nargs="+",
            default=[],
            metavar="U",
            help="Where it may be returned to; compared character by character.",
        )
        parser.add_argument(
            "--scope", action="extend", nargs="+", default=[], metavar="S", help="What it may ask for at most."
        )
        parser.add_argument(
            "--audience",
            action="extend",
            nargs="+",
            default=[],
            metavar="R",
            help="Further resources it may have tokens for.",
        )
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument(
            "--public", action="store_true", help="It runs at its user's and can keep no secret: it gets none."
        )
        kind.add_argument(
            "--secret-in-body", action="store_true", help="It sends its secret in the body, not by HTTP Basic."
        )
        kind.add_argument(
            "--jwks", metavar="FILE", help="It signs assertions (private_key_jwt): a JWK Set with its public keys."
        )
        kind.add_argument("--jwks-uri", metavar="URL", help="The same, by the https address of its public keys.")
        parser.add_argument("--service-account", metavar="S", help="Whom it speaks for with client_credentials.")
        parser.add_argument("--owner", metavar="U", help="The person who answers for it.")
        parser.add_argument("--homepage", default="", metavar="URL", help="Where people can read about it.")
        parser.add_argument("--require-dpop", action="store_true", help="It must bind its tokens to a key (RFC 9449).")
        parser.add_argument("--require-par", action="store_true", help="It must push its requests (RFC 9126).")
        parser.add_argument("--may-introspect", action="store_true", help="It may inspect tokens of its own resources.")
        parser.add_argument("--trusted", action="store_true", help="It is ours: nobody is asked for consent.")
        parser.add_argument(
            "--approved-by",
            metavar="USER",
            help="Who approved it, where API_ACCESS['APPROVALS'] asks for another person; the event names them.",
        )

    def run(self, options: dict[str, Any]) -> None:
        require_app()
        from ...contrib.oauth import clients
        from ...contrib.oauth.models import OAuthClient

        method = OAuthClient.AuthMethod
        chosen = method.BASIC
        if options["public"]:
            chosen = method.NONE
        elif options["secret_in_body"]:
            chosen = method.POST
        elif options["jwks"] or options["jwks_uri"]:
            chosen = method.PRIVATE_KEY
        owner = names.user(options["owner"]) if options["owner"] else None
        grants = words(options["grant"])
        made = clients.create(
            by=self.actor,
            name=options["client_name"],
            owner=owner,
            homepage=options["homepage"],
            grant_types=grants,
            redirect_uris=words(options["redirect_uri"]),
            scopes=words(options["scope"]),
            audiences=words(options["audience"]),
            auth_method=chosen,
            jwks=key_set(options["jwks"]) if options["jwks"] else None,
            jwks_uri=options["jwks_uri"] or "",
            service_account=self._account(options, owner) if "client_credentials" in grants else None,
            dpop_required=options["require_dpop"],
            par_required=options["require_par"],
            may_introspect=options["may_introspect"],
            trusted=options["trusted"],
            approved_by=names.user(options["approved_by"], field="approved_by") if options["approved_by"] else None,
        )
        client = made.client
        row = {"client_id": client.client_id, "client_secret": made.secret or None}
        text = f"client_id      {client.client_id}" + (f"\nclient_secret  {made.secret}" if made.secret else "")
        self.print_one(row, text, options)
        if made.secret:
            self.note("The secret is shown this once: copy it now.")
        if client.service_account is not None:
            self.note(
                f"It speaks for the service account {client.service_account.name}, and may do what that is granted: manage.py grant --help"
            )

    def _account(self, options: dict[str, Any], owner: Any) -> Any:
        """The service account that is named; else a new one with the client's name, which needs somebody who answers for it."""
        if options["service_account"]:
            return service_account(options["service_account"])
        if owner is None:
            owner = get_user_model()._default_manager.filter(is_superuser=True, is_active=True).order_by("pk").first()
            if owner is None:
                raise InvalidChange(
                    "A client of client_credentials speaks for a service account: name one with --service-account, or say with --owner "
                    "who answers for a new one."
                )
            self.note(
                f"{owner.get_username()}, a superuser, answers for the new service account: --owner names somebody else."
            )
        purpose = f"OAuth client {options['client_name']}"
        return create_service_account(name=options["client_name"], owner=owner, purpose=purpose, by=self.actor)
