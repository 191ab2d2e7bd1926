"""`manage.py import_api_keys`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections

from ...keys.importers import SOURCES
from ...keys.importers.run import Import, Report
from ...keys.models import APIKey
from ...roles import names
from .. import arguments
from ..arguments import words
from ..base import AccessCommand
from ..output import Column
from ..progress import progress

COLUMNS = (Column("what"), Column("count", whole=True), Column("note"))


class Command(AccessCommand):
    """Keys of another package become keys of this one; their clients notice nothing."""

    name = "import_api_keys"
    help = (
        "Takes over the keys of djangorestframework-api-key, DRF's authtoken or django-rest-knox from their tables "
        "(the package need not be installed any more). "
        "Clients go on with the key and the header that they have. Scopes are named by you; a key never gets "
        "more than its owner holds. Importing again takes only what is new, and never revives a key that was rotated or revoked here. "
        "Imported keys are legacy until they are rotated: list_api_keys --legacy."
    )
    example = """
manage.py import_api_keys --from drf-api-key --owner mara --scope orders:read --dry-run
manage.py import_api_keys --from drf-api-key --service-account warehouse --scope orders:read
manage.py import_api_keys --from drf-api-key --model shop.PartnerKey --owner mara --scope orders:read
manage.py import_api_keys --from drf-authtoken --scopes-from-principal
manage.py import_api_keys --from knox --scope orders:read --scope orders:write --expires 180d
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="source", required=True, choices=sorted(SOURCES), help="Whose keys.")
        parser.add_argument(
            "--model", default="", metavar="app.Model", help="The model that holds them, where it is one of your own."
        )
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The entry of DATABASES where their table is.")
        arguments.add_principal(parser, what="that keys without a user become keys of", required=False)
        parser.add_argument(
            "--owner", metavar="USER", help="Make a service account for each name of a key, which USER answers for."
        )
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--scope", action="append", metavar="S", help="What the keys may be used for; can be repeated."
        )
        what.add_argument(
            "--scopes-from-principal", action="store_true", help="Everything that the owner of each key holds now."
        )
        parser.add_argument(
            "--expires", metavar="WHEN", help=f"When they end at the latest: {arguments.DATE_HELP}. Default: as before."
        )
        parser.add_argument("--dry-run", action="store_true", help="Show what would be imported, and change nothing.")

    def run(self, options: dict[str, Any]) -> None:
        if options["database"] not in connections:
            raise CommandError(
                f"--database: DATABASES has no entry {options['database']!r}.{names.nearest(options['database'], connections)}"
            )
        source = SOURCES[options["source"]](model=options["model"] or "", using=options["database"])
        expires = options["expires"]
        run = Import(
            source,
            by=self.actor,
            scopes=None if options["scopes_from_principal"] else words(options["scope"]),
            principal=arguments.principal(options),
            owner=names.user(options["owner"], field="owner") if options["owner"] else None,
            expires_at=None if expires is None else arguments.moment(expires, "--expires", whole_day=True),
            dry_run=options["dry_run"],
        )
        try:
            with progress(self.stderr, "keys read", source.count(), quiet=self.verbosity == 0) as step:
                for done in run.run():
                    step(done)
        except IntegrityError as error:
            raise CommandError(
                "Another import ran at the same time. What was imported before is good; run it again for the rest."
            ) from error
        self._print(run.report, source.header, options)

    def _print(self, report: Report, header: str, options: dict[str, Any]) -> None:
        skipped: list[dict[str, Any]] = [
            {"reason": reason, "count": count, "examples": report.examples[reason]}
            for reason, count in sorted(report.skipped.items())
        ]
        result = {
            "from": options["source"],
            "dry_run": options["dry_run"],
            "read": report.read,
            "imported": report.imported,
            "already_imported": report.already,
            "revoked": report.revoked,
            "expired": report.expired,
            "narrowed": report.narrowed,
            "service_accounts": report.service_accounts,
            "skipped": skipped,
            "legacy": APIKey.objects.legacy().usable().count(),
        }
        if options["format"] == "json":
            self.print_one(result, "", options)
            return
        rows = [{"what": word, "count": result[name], "note": note} for name, word, note in LINES]
        rows += [
            {"what": "skipped", "count": row["count"], "note": f"{row['reason']}: {'; '.join(row['examples'])}"}
            for row in skipped
        ]
        self.print_rows(COLUMNS, rows, options)
        if options["dry_run"]:
            self.note("Nothing was changed.")
        else:
            self.note(
                f"Clients go on with {header}. Rotate the keys when it suits you: list_api_keys --legacy shows which are left."
            )


LINES = (
    ("read", "read", ""),
    ("imported", "imported", ""),
    ("revoked", "  of them revoked", "they stay so"),
    ("expired", "  of them expired", "they stay so"),
    (
        "narrowed",
        "  of them with fewer scopes",
        "their owners hold only some of the scopes asked for, or others need approval",
    ),
    ("service_accounts", "service accounts made", ""),
    ("already_imported", "imported before", "left as they are"),
    ("legacy", "legacy keys in use", "imported and not rotated yet"),
)
