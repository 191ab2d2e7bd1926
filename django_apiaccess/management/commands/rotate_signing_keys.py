"""`manage.py rotate_signing_keys`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...roles import names
from ...tokens import ring
from ...tokens.jws import ALGORITHMS
from ...tokens.models import SigningKey
from ..base import AccessCommand
from ..output import Column, count

COLUMNS = (
    Column("kid", "key id", whole=True),
    Column("algorithm"),
    Column("state", whole=True),
    Column("published"),
    Column("signs_from", "signs from"),
    Column("verifies_until", "verifies until"),
)


class Command(AccessCommand):
    """The next signing key, and what becomes of the others."""

    name = "rotate_signing_keys"
    help = (
        "Publishes a new key for access tokens. It signs ten minutes later, when others that keep our key set have fetched it; the present "
        "key retires when the last token that it signed is dead. Nobody is logged out. Two runs at once make one key."
    )
    example = """
manage.py rotate_signing_keys
manage.py rotate_signing_keys --algorithm ES256
manage.py rotate_signing_keys --list --format json
manage.py rotate_signing_keys --compromised 1rXq...c8 --reason "Backup was stolen"
manage.py rotate_signing_keys --reseal
"""
    requires_system_checks = []  # in an emergency no warning about something else may stand in the way

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--algorithm", metavar="A", help=f"One of {', '.join(ALGORITHMS)}. Default: SIGNING_ALGORITHM."
        )
        parser.add_argument(
            "--now",
            action="store_true",
            help="Sign with it at once: servers that keep our key set may miss it for minutes.",
        )
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--list", action="store_true", help="Show all keys, and change nothing.")
        way.add_argument(
            "--compromised",
            metavar="KID",
            help="Trust this key and every token that it signed no more, from the next request on.",
        )
        way.add_argument(
            "--reseal",
            action="store_true",
            help="Seal the private halves under the newest pepper; can be stopped and run again.",
        )
        parser.add_argument("--reason", metavar="TEXT", help="Why a key is compromised: kept in the events.")

    def run(self, options: dict[str, Any]) -> None:
        other = next((name for name in ("list", "compromised", "reseal") if options[name]), None)
        if other and (options["algorithm"] or options["now"]):
            raise CommandError(f"--{other} makes no key of your choice: leave --algorithm and --now out.")
        if options["reason"] is not None and other != "compromised":
            raise CommandError("--reason belongs to --compromised KID.")
        if options["algorithm"] is not None and options["algorithm"] not in ALGORITHMS:
            near = names.nearest(options["algorithm"].upper(), ALGORITHMS)
            raise CommandError(f"--algorithm: {options['algorithm']!r} is not one of {', '.join(ALGORITHMS)}.{near}")
        if options["reseal"]:
            self.note(f"{count(ring.reseal(by=self.actor), 'key')} sealed anew.")
        elif options["compromised"]:
            self._compromise(options)
        elif not options["list"]:
            self._rotate(options)
        keys = list(SigningKey.objects.order_by("number"))
        if keys or options["format"] == "json":
            self.print_rows(COLUMNS, map(row_of, keys), options)
        else:
            self.note("There is no signing key yet: the first log-in makes one.")

    def _compromise(self, options: dict[str, Any]) -> None:
        if not (options["reason"] or "").strip():
            raise CommandError("--compromised needs --reason TEXT: say why, for those who ask later.")
        row = ring.compromise(options["compromised"], by=self.actor, reason=options["reason"])
        self.note(f"{row.kid} is trusted no more. Sessions go on: their clients refresh.")

    def _rotate(self, options: dict[str, Any]) -> None:
        key, made = ring.rotate(by=self.actor, algorithm=options["algorithm"], now=options["now"])
        when = key.signs_from.isoformat(timespec="seconds")
        if made:
            self.note(f"{key.kid} ({key.algorithm}) is published and signs from {when}.")
        else:
            self.note(f"{key.kid} ({key.algorithm}) is published already and signs from {when}; no other was made.")


def row_of(key: SigningKey) -> dict[str, Any]:
    """A key as the command prints it: nothing of its private half."""
    return {
        "kid": key.kid,
        "number": key.number,
        "algorithm": key.algorithm,
        "state": "compromised" if key.compromised else str(key.state()),
        "published": key.created_at,
        "signs_from": key.signs_from,
        "verifies_until": key.verifies_until,
    }
