"""`manage.py erase_events`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...events.retention import about, erase
from ...roles import names
from ..base import AccessCommand


class Command(AccessCommand):
    """Erase personal data from the audit log."""

    name = "erase_events"
    help = (
        "Blanks who, where from and what exactly in the events of one person, for good. What happened and when stays, and the chain still "
        "verifies: it holds a commitment to the blanked part, not the part."
    )
    example = """
manage.py erase_events --user sue --reason "request of 2026-11-24" --yes
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, help="Whose events.")
        parser.add_argument(
            "--reason", required=True, metavar="TEXT", help="Why; it goes into the event of the erasure."
        )
        parser.add_argument("--yes", action="store_true", help="Do it. Without this it is only counted.")

    def run(self, options: dict[str, Any]) -> None:
        events = about(names.user(options["user"]))
        if not options["yes"]:
            count = events.filter(erased=False).count()
            raise CommandError(f"This would erase {count} events for good. Add --yes to do it.")
        count = erase(events, by=self.actor, reason=options["reason"])
        self.print_one({"erased": count}, f"{count} events erased.", options)
