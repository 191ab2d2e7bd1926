"""`manage.py explain_access`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...access.advice import advise
from ...access.explain import explain
from ...access.explanation import Explanation
from ...exceptions import InvalidChange
from .. import asking
from ..base import AccessCommand
from ..output import print_json


class Command(AccessCommand):
    """Allowed or not, and why. Exit status 0: allowed."""

    name = "explain_access"
    formats = False
    help = (
        "Says whether somebody may make a request, and why, step by step. It decides with the code that decides about live requests and "
        "writes nothing. Exit status: 0 allowed, 1 refused or not answerable."
    )
    example = """
manage.py explain_access --user sue GET /api/orders/
manage.py explain_access --key 17 --from-address 203.0.113.7 POST /api/orders/
manage.py explain_access --service-account warehouse --format json DELETE /api/orders/3/
manage.py explain_access --user mara --acr aal1 --auth-age 10m --advise POST /api/orders/3/refund/
manage.py explain_access --credential - GET /api/orders/ < key.txt
"""

    def add_arguments(self, parser: CommandParser) -> None:
        asking.add_caller(parser)
        parser.add_argument("method", metavar="METHOD", help="GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS.")
        parser.add_argument("path", metavar="PATH", help="As /api/orders/17/.")
        asking.add_context(parser)
        parser.add_argument(
            "--advise", action="store_true", help="Where it is refused: the smallest grant that would allow it."
        )
        parser.add_argument(
            "--format", choices=["text", "table", "json"], default="text", help="text (the default) or json."
        )

    def run(self, options: dict[str, Any]) -> None:
        as_json = options["format"] == "json"
        try:
            caller, context = asking.caller(options), asking.context(options)
            method, path = options["method"], options["path"]
            found = explain(caller, method, path, context)
        except (InvalidChange, CommandError) as error:
            if as_json:
                code = getattr(error, "code", "unknown")
                print_json(self.stdout, {"allowed": False, "reason": code, "detail": str(error), "parts": []})
            raise
        advice = advise(caller, method, path, context) if options["advise"] and not found.allowed else None
        if as_json:
            print_json(self.stdout, found.as_dict() | ({} if advice is None else {"advice": advice.as_dict()}))
        else:
            self.stdout.write(self.text(found))
            if advice is not None:
                self.stdout.write(f"  {advice.text}")
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
