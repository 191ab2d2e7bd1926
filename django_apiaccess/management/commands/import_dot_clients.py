"""`manage.py import_dot_clients`."""

from __future__ import annotations

from typing import Any, Final

from django.apps import apps
from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections

from ...roles import names
from ..arguments import words
from ..base import AccessCommand
from ..output import Column
from ..progress import progress

PROVIDER: Final = "django_apiaccess.contrib.oauth"
COLUMNS: Final = (Column("what"), Column("count", whole=True), Column("note"))
REFUSED: Final = (Column("client_id", "refused", whole=True), Column("name"), Column("reason"))
LINES: Final = (
    ("read", "read", ""),
    ("imported", "imported", "same client id, same secret"),
    ("public", "  of them public", "they have no secret"),
    ("hashed", "  of them with a hash", "it becomes a digest of ours when the secret is first used"),
    ("asked_anew", "  of them with consent now", "they skipped it, and are public: anybody can pretend to be them"),
    ("service_accounts", "service accounts made", "they hold nothing yet: grant them what they need"),
    ("already_imported", "imported before", "left as they are"),
)


class Command(AccessCommand):
    """Applications of django-oauth-toolkit become clients of this authorization server; they notice nothing."""

    name = "import_dot_clients"
    help = (
        "Takes over the applications of django-oauth-toolkit, from its model or from the table that it left. A client keeps its client id, "
        "its secret and its redirect URIs. What is not accepted here is refused, with a line for each: the implicit, password and hybrid "
        "grants, and redirect URIs with wildcards or over plain HTTP. Importing again takes only what is new, and never revives a secret "
        "that was rotated here."
    )
    example = """
manage.py import_dot_clients --dry-run
manage.py import_dot_clients --scope orders:read --scope orders:write
manage.py import_dot_clients --owner mara --format json
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--scope",
            action="append",
            metavar="S",
            help="What each client may ask for; can be repeated. Default: what API_ACCESS['DOT']['SCOPES'] makes of the scopes there.",
        )
        parser.add_argument(
            "--owner",
            metavar="USER",
            help="Who answers for service accounts of clients that act for themselves and have no user.",
        )
        parser.add_argument(
            "--model",
            default="",
            metavar="app.Model",
            help="The model of the applications, where it is one of your own.",
        )
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The entry of DATABASES where their table is.")
        parser.add_argument("--dry-run", action="store_true", help="Show what would be imported, and change nothing.")

    def run(self, options: dict[str, Any]) -> None:
        if not apps.is_installed(PROVIDER):
            raise CommandError(
                f"Clients belong to the authorization server: add {PROVIDER!r} to INSTALLED_APPS, and migrate."
            )
        using = options["database"]
        if using not in connections:
            raise CommandError(f"--database: DATABASES has no entry {using!r}.{names.nearest(using, connections)}")
        from ...contrib.dot.importing import Import

        run = Import(
            by=self.actor,
            scopes=None if options["scope"] is None else words(options["scope"]),
            owner=names.user(options["owner"], field="owner") if options["owner"] else None,
            model=options["model"],
            using=using,
            dry_run=options["dry_run"],
        )
        try:
            with progress(self.stderr, "clients read", run.count(), quiet=self.verbosity == 0) as step:
                for done in run.run():
                    step(done)
        except IntegrityError as error:
            raise CommandError(
                "Another import ran at the same time. What was imported before is good; run it again for the rest."
            ) from error
        self._print(run.report, options)

    def _print(self, report: Any, options: dict[str, Any]) -> None:
        refused = [{"client_id": one.client_id, "name": one.name, "reason": one.reason} for one in report.refused]
        result: dict[str, Any] = {
            "dry_run": options["dry_run"],
            "read": report.read,
            "imported": report.imported,
            "already_imported": report.already,
            "public": report.public,
            "hashed": report.hashed,
            "asked_anew": report.asked_anew,
            "service_accounts": report.service_accounts,
            "refused": refused,
        }
        if options["format"] == "json":
            self.print_one(result, "", options)
            return
        rows = [{"what": word, "count": result[name], "note": note} for name, word, note in LINES]
        rows.append({"what": "refused", "count": len(refused), "note": "see below" if refused else ""})
        self.print_rows(COLUMNS, rows, options)
        if refused:
            self.print_rows(REFUSED, refused, options)
        if options["dry_run"]:
            self.note("Nothing was changed.")
