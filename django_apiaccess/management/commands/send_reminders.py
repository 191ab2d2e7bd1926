"""`manage.py send_reminders`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...conf import access_settings
from ...reviews import reminding
from ...reviews.due import INACTIVE
from ..base import AccessCommand
from ..output import Column

COLUMNS = (Column("owner"), Column("result"), Column("expiring"), Column("inactive"), Column("about"))
SHOWN = 20


class Command(AccessCommand):
    """Tell owners what ends soon and what nobody uses."""

    name = "send_reminders"
    help = (
        "Sends each owner one e-mail about their credentials that end soon or that nobody has used for long: API keys, client secrets, and "
        "grants of their service accounts. Each stage of REMINDERS is told once, whoever runs it and how often; an e-mail that fails is "
        "tried again at the next run. Run it once a day."
    )
    example = """
manage.py send_reminders --dry-run
manage.py send_reminders
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Show who would be told of what, and send nothing.")

    def run(self, options: dict[str, Any]) -> None:
        if not access_settings.REMINDERS_EXPIRING and access_settings.REMINDERS_INACTIVE is None:
            self.note("REMINDERS has no stage: nothing is ever sent.")
        found = [self._row(told) for told in reminding.run(by=self.actor, dry_run=options["dry_run"])]
        if found or options["format"] == "json":
            self.print_rows(COLUMNS, found, options)
        else:
            self.note("Nobody has to be told of anything.")
        if options["dry_run"]:
            self.note("Nothing was sent.")
        failed = sum(row["result"] == "failed" for row in found)
        if failed:
            raise CommandError(f"{failed} of {len(found)} e-mails could not be sent; the next run tries them again.")

    @staticmethod
    def _row(told: reminding.Told) -> dict[str, Any]:
        inactive = sum(row.stage == INACTIVE for row in told.reminders)
        labels = [f"{row.subject_kind} {row.subject_id} {row.label!r} {row.stage}" for row in told.reminders]
        return {
            "owner": None if told.owner is None else told.owner.get_username(),
            "result": told.result,
            "expiring": len(told.reminders) - inactive,
            "inactive": inactive,
            "about": "; ".join(labels[:SHOWN]) + (f"; and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""),
        }
