"""`manage.py import_simplejwt`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections

from ...contrib.simplejwt.blacklist import Import, Report, end_all
from ...contrib.simplejwt.exchange import dead_from
from ...contrib.simplejwt.legacy import legacy_tokens
from ...roles import names
from ..base import AccessCommand
from ..output import Column
from ..progress import progress

COLUMNS = (Column("what"), Column("count", whole=True), Column("note"))
LINES = (
    ("read", "read", ""),
    ("imported", "imported", "refused here as they are there"),
    ("already_imported", "imported before", "left as they are"),
    ("expired", "left out: expired", "no longer accepted anywhere"),
    ("without_user", "left out: without a user", "they open nothing"),
)


class Command(AccessCommand):
    """The blacklist of simplejwt becomes part of ours."""

    name = "import_simplejwt"
    help = (
        "Takes over the blacklist of djangorestframework-simplejwt from its tables (the package need not be installed any more), so that "
        "whoever logged out there stays logged out here. Ids, users and ends are taken, never a token. Importing again takes only what "
        "is new: do it once before the switch and once after it."
    )
    example = """
manage.py import_simplejwt --dry-run
manage.py import_simplejwt
manage.py import_simplejwt --end-tokens-of mara
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The entry of DATABASES where the tables are.")
        parser.add_argument("--dry-run", action="store_true", help="Show what would be imported, and change nothing.")

        parser.add_argument(
            "--end-tokens-of",
            metavar="USER",
            help="Import nothing, but end every token that simplejwt made for USER up to now.",
        )

    def run(self, options: dict[str, Any]) -> None:
        if options["end_tokens_of"] is not None:
            self._end(options)
            return
        using = options["database"]
        if using not in connections:
            raise CommandError(f"--database: DATABASES has no entry {using!r}.{names.nearest(using, connections)}")
        run = Import(by=self.actor, using=using, dry_run=options["dry_run"])
        try:
            with progress(self.stderr, "tokens read", run.count(), quiet=self.verbosity == 0) as step:
                for done in run.run():
                    step(done)
        except IntegrityError as error:
            raise CommandError(
                "Another import, or a client, came at the same time. What was imported before is good; run it again for the rest."
            ) from error
        self._print(run.report, options)

    def _end(self, options: dict[str, Any]) -> None:
        user = names.user(options["end_tokens_of"])
        if legacy_tokens() is None:
            raise CommandError("No token of simplejwt is accepted: LEGACY_JWT is not set, or ACCEPT_UNTIL has passed.")
        if not options["dry_run"]:
            end_all(user, expires_at=dead_from(), by=self.actor)
        result = {"dry_run": options["dry_run"], "user": user.get_username()}
        said = "would end" if options["dry_run"] else "ended"
        self.print_one(result, f"All tokens that simplejwt made for {user.get_username()} {said}.", options)

    def _print(self, report: Report, options: dict[str, Any]) -> None:
        result: dict[str, Any] = {
            "dry_run": options["dry_run"],
            "read": report.read,
            "imported": report.imported,
            "already_imported": report.already,
            "expired": report.expired,
            "without_user": report.without_user,
        }
        if options["format"] == "json":
            self.print_one(result, "", options)
            return
        rows = [{"what": word, "count": result[name], "note": note} for name, word, note in LINES]
        self.print_rows(COLUMNS, rows, options)
        if options["dry_run"]:
            self.note("Nothing was changed.")
