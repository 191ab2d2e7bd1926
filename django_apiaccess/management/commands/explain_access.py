"""`manage.py explain_access`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...access.explain import explain_key, explain_user
from ...access.explanation import Explanation
from ...core.addresses import parse_address
from ...exceptions import InvalidChange, UnknownName
from ...keys.lookup import KeyRow, load
from ...keys.models import APIKeySecret
from .. import arguments, selection
from ..base import AccessCommand
from ..output import print_json


class Command(AccessCommand):
    """Allowed or not, and why. Exit status 0: allowed."""

    name = "explain_access"
    formats = False
    help = (
        "Says whether a user or an API key may make a request, and why, part by part. It decides with the code that decides about "
        "live requests and writes nothing. Exit status: 0 allowed, 1 refused or not answerable."
    )
    example = """
manage.py explain_access --user sue GET /api/orders/
manage.py explain_access --key 17 --from-address 203.0.113.7 POST /api/orders/
manage.py explain_access --service-account warehouse --format json DELETE /api/orders/3/
"""

    def add_arguments(self, parser: CommandParser) -> None:
        who = arguments.add_principal(parser, what="who asks, signed in and with all that they hold")
        who.add_argument(
            "--key", metavar="ID", help="API key by id (list_api_keys), or by the 12 characters after its prefix."
        )
        parser.add_argument("method", metavar="METHOD", help="GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS.")
        parser.add_argument("path", metavar="PATH", help="As /api/orders/17/.")
        parser.add_argument("--from-address", metavar="IP", help="Where it comes from, for keys bound to networks.")
        parser.add_argument("--origin", metavar="O", help="Its Origin header, for keys bound to origins.")
        parser.add_argument(
            "--format", choices=["text", "table", "json"], default="text", help="text (the default) or json."
        )

    def run(self, options: dict[str, Any]) -> None:
        as_json = options["format"] == "json"
        try:
            found = explain(options)
        except (InvalidChange, CommandError) as error:
            if as_json:
                code = getattr(error, "code", "unknown")
                print_json(self.stdout, {"allowed": False, "reason": code, "detail": str(error), "parts": []})
            raise
        if as_json:
            print_json(self.stdout, found.as_dict())
        else:
            self.stdout.write(self.text(found))
        if not found.allowed:
            sys.exit(1)

    def text(self, found: Explanation) -> str:
        """The verdict, then the parts."""
        if found.allowed:
            verdict = self.style.SUCCESS("allowed")
        else:
            reason = found.reason.value if found.reason else "a permission class of the view"
            status = f", answer {found.status}" if found.status else ""
            verdict = f"{self.style.ERROR('refused')} ({reason}{status}): {found.detail}"
        parts = [line for part in found.parts for line in part.lines(1)]
        return "\n".join([f"{found.method} {found.path} ({found.view}): {verdict}", *parts])


def explain(options: dict[str, Any]) -> Explanation:
    """The explanation that the options ask for. Raises `UnknownName` and `CommandError`."""
    address, origin = options["from_address"] or "", options["origin"] or ""
    if address and parse_address(address) is None:
        raise CommandError(f"--from-address: {address!r} is no address: write 203.0.113.7 or 2001:db8::7.")
    if options["key"] is None:
        return explain_user(
            arguments.principal(options), options["method"], options["path"], address=address, origin=origin
        )
    return explain_key(key_row(options["key"]), options["method"], options["path"], address=address, origin=origin)


def key_row(text: str) -> KeyRow:
    """The row of a key's current secret, or of the secret whose public id `text` is. Raises `UnknownName` and `CommandError`."""
    (key_id,) = selection.key_ids([text])
    secrets = APIKeySecret.objects.filter(key=key_id)
    secret = secrets.filter(public_id=text).first() or secrets.current().first()
    row = None if secret is None else load(secret.public_id)
    if row is None:
        raise UnknownName(f"The key {text} has no secret any more. Make it one with rotate_api_keys {key_id}.")
    return row
