"""`manage.py create_api_key`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ...conf import ON_LEAK
from ...keys import service as keys
from ...keys.binding import thumbprint_of
from ...keys.service import DEFAULT, Default
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

    def run(self, options: dict[str, Any]) -> None:
        issued = keys.issue(
            principal=arguments.principal(options),
            name=options["name"],
            scopes=words(options["scope"]),
            by=self.actor,
            expires_at=self._expiry(options["expires"]),
            networks=" ".join(words(options["network"])),
            origins=" ".join(words(options["origin"])),
            rate=options["rate"] or "",
            dpop_jkt=thumbprint_of(options["dpop_jwk"]) if options["dpop_jwk"] else options["dpop_thumbprint"] or "",
            on_leak=options["on_leak"] or "",
        )
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
