"""`manage.py create_api_key`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...conf import ON_LEAK
from ...events.source import Actor
from ...exceptions import ApprovalRequired
from ...keys import service as keys
from ...keys.approvals import service as approvals
from ...keys.approvals.deciders import check_named
from ...keys.approvals.models import KeyRequest
from ...keys.binding import thumbprint_of
from ...keys.service import DEFAULT, Default
from ...roles import names
from .. import arguments
from ..arguments import words
from ..base import AccessCommand
from ..output import cell


class Command(AccessCommand):
    """Issue a key and print it once."""

    name = "create_api_key"
    help = (
        "Creates an API key. The key alone goes to stdout, once; it is stored nowhere in readable form. "
        "Everything else goes to stderr, so that KEY=$(manage.py create_api_key ...) holds the key and nothing else."
    )
    example = """
manage.py create_api_key --service-account warehouse --name printer --scope orders:read --expires 90d
manage.py create_api_key --user mara --name reports --scope reports:read orders:read --network 203.0.113.0/24 --rate 100/min
KEY=$(manage.py create_api_key --user mara --name ci --scope orders:read)
manage.py create_api_key --user mara --name till --scope orders:read --dpop-jwk till.public.jwk
manage.py create_api_key --user mara --name ci --scope orders:read --format json | jq -r .key
manage.py create_api_key --user mara --name desk --scope orders:refund --requested-by mara --justification "Refunds at the till"
manage.py create_api_key --user mara --name desk --scope orders:refund --approved-by admin
"""

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_principal(parser, what="it speaks for")
        parser.add_argument("--name", required=True, metavar="N", help="What it is for, so that others know later.")
        parser.add_argument(
            "--scope",
            action="extend",
            nargs="+",
            required=True,
            metavar="S",
            help="What it may be used for, as orders:read; several, or repeated. The principal must hold it.",
        )
        parser.add_argument(
            "--expires",
            metavar="WHEN",
            help=f"When it ends: {arguments.DATE_HELP}, or never. Default: KEY_DEFAULT_LIFETIME.",
        )
        parser.add_argument(
            "--network",
            action="extend",
            nargs="+",
            default=[],
            metavar="CIDR",
            help="Where it may be used from; several, or repeated.",
        )
        parser.add_argument(
            "--origin",
            action="extend",
            nargs="+",
            default=[],
            metavar="O",
            help="Web origin that may use it; several, or repeated.",
        )
        bound = parser.add_mutually_exclusive_group()
        bound.add_argument(
            "--dpop-jwk",
            metavar="JWK",
            help="The public key that it is bound to, as JSON or as a file with it: without a DPoP proof of that key it opens nothing.",
        )
        bound.add_argument(
            "--dpop-thumbprint", metavar="T", help="The same, by the RFC 7638 thumbprint of the public key."
        )
        parser.add_argument("--rate", default="", metavar="RATE", help="How often it may be used, as 100/min.")

        parser.add_argument(
            "--on-leak",
            choices=ON_LEAK,
            default="",
            help="What becomes of it when its text is found in public. Default: LEAKS['ON_LEAK'].",
        )
        who = parser.add_mutually_exclusive_group()
        who.add_argument(
            "--requested-by",
            metavar="USER",
            help="Where another person must approve the key: ask for it in the name of USER, who claims it once it was approved.",
        )
        who.add_argument(
            "--approved-by",
            metavar="USER",
            help="Where another person must approve the key: USER did. They must be allowed to; the event names them.",
        )
        parser.add_argument(
            "--justification", default="", metavar="TEXT", help="What it is for: the approver reads it."
        )

    def run(self, options: dict[str, Any]) -> None:
        principal, scopes = arguments.principal(options), words(options["scope"])
        fields: dict[str, Any] = {
            "principal": principal,
            "name": options["name"],
            "scopes": scopes,
            "expires_at": self._expiry(options["expires"]),
            "networks": " ".join(words(options["network"])),
            "origins": " ".join(words(options["origin"])),
            "rate": options["rate"] or "",
            "dpop_jkt": thumbprint_of(options["dpop_jwk"]) if options["dpop_jwk"] else options["dpop_thumbprint"] or "",
            "on_leak": options["on_leak"] or "",
        }
        made = self._make(fields, options)
        if isinstance(made, KeyRequest):
            self._print_request(made, options)
        else:
            self._print_key(made, options)

    def _make(self, fields: dict[str, Any], options: dict[str, Any]) -> keys.Issued | KeyRequest:
        try:
            if options["requested_by"]:
                by = Actor.of_user(names.user(options["requested_by"], field="requested_by"))
                return approvals.issue(by=by, justification=options["justification"], **fields)
            approver = names.user(options["approved_by"], field="approved_by") if options["approved_by"] else None
            if approver is not None:
                check_named(approver, principal=fields["principal"], scopes=fields["scopes"])
            return keys.issue(by=self.actor, approved=approver, **fields)
        except ApprovalRequired as error:
            raise CommandError(
                f"{str(error).partition('.')[0]}. Ask for it with --requested-by USER --justification TEXT, or name who approved it "
                "with --approved-by USER."
            ) from None

    def _print_request(self, made: KeyRequest, options: dict[str, Any]) -> None:
        row = {
            "request": made.pk,
            "id": None,
            "key": None,
            "name": made.name,
            "principal": made.principal.get_username(),
            "scopes": sorted(made.scopes),
            "expires_at": made.expires_at,
        }
        self.note(
            f"No key was made: request {made.pk} waits until {cell(made.decide_by)} for another person. "
            f"Once approved, {made.requester.get_username()} claims the key."
        )
        if options["format"] == "json":
            self.print_one(row, "", options)

    def _print_key(self, issued: keys.Issued, options: dict[str, Any]) -> None:
        key = issued.key
        row: dict[str, Any] = {
            "id": key.pk,
            "key": issued.text,
            "name": key.name,
            "principal": key.principal.get_username(),
            "scopes": sorted(key.scopes),
            "expires_at": key.expires_at,
            **({"dpop_jkt": key.dpop_jkt} if key.dpop_jkt else {}),
        }
        bound = " It works only with a DPoP proof of the public key that it is bound to." if key.dpop_jkt else ""
        end = f"until {cell(key.expires_at)}" if key.expires_at else "without end"
        self.note(
            f"Key {key.pk}, {cell(key.name)!r} of {row['principal']}, for {' '.join(row['scopes']) or 'nothing'}, {end}. "
            f"It is shown this once: copy it now.{bound}"
        )
        self.print_one(row, issued.text, options)

    @staticmethod
    def _expiry(given: Any) -> Any | Default | None:
        if given is None:
            return DEFAULT
        if isinstance(given, str) and given.strip().lower() in {"never", "none"}:
            return None
        return arguments.moment(given, "--expires", whole_day=True)
