"""`manage.py prune_access`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ...access.prune import KEEP, prune
from ...conf import access_settings
from ...core.durations import humanise
from .. import arguments
from ..base import AccessCommand
from ..output import Column
from ..progress import progress

COLUMNS = (Column("what"), Column("count", whole=True))


class Command(AccessCommand):
    """Delete what has ended."""

    name = "prune_access"
    help = (
        "Deletes what has ended, in small batches: replaced secrets, keys, sessions, trusted devices and key requests that ended longer "
        "ago than --keep, ended grants, grants on objects that are gone, old counters, refresh tokens used long ago, private halves of "
        "retired signing keys, attempts at a second factor that are over, factors that were begun a day ago and never confirmed, and "
        "events older than EVENTS['RETENTION']. Run it once a day."
    )
    example = """
manage.py prune_access --dry-run
manage.py prune_access --keep 30d
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--keep",
            default=humanise(KEEP),
            metavar="90d",
            help="How long keys, sessions and trusted devices stay after they ended (default: 90d).",
        )
        parser.add_argument("--dry-run", action="store_true", help="Count what would be deleted, and change nothing.")

    def run(self, options: dict[str, Any]) -> None:
        keep = arguments.length(options["keep"], "--keep")
        with progress(self.stderr, "rows deleted", quiet=self.verbosity == 0 or options["dry_run"]) as step:
            counts = prune(by=self.actor, keep=keep, dry_run=options["dry_run"], step=step)
        if options["format"] == "json":
            self.print_one(
                {
                    "dry_run": options["dry_run"],
                    "deleted": {name.replace(" ", "_"): count for name, count in counts.items()},
                },
                "",
                options,
            )
        else:
            self.print_rows(COLUMNS, [{"what": name, "count": count} for name, count in counts.items()], options)
        if access_settings.EVENTS_RETENTION is None:
            self.note("Events stay for ever: EVENTS['RETENTION'] is not set.")
        if options["dry_run"]:
            self.note("Nothing was changed.")
