"""`manage.py sync_scopes`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from ...roles.sync import difference, sync_scopes
from ..base import AccessCommand
from ..output import Column

COLUMNS = (Column("scope", whole=True), Column("difference"))


class Command(AccessCommand):
    """Declared scopes into the database."""

    name = "sync_scopes"
    help = "Brings the scopes that the apps declare into the database, as every migrate does. Grants and roles point at these rows."
    example = """
manage.py sync_scopes
manage.py sync_scopes --check
manage.py sync_scopes --prune
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="Change nothing; exit with 1 when the database differs. For a pipeline.",
        )
        parser.add_argument(
            "--prune",
            action="store_true",
            help="Also delete scopes that nobody declares any more, with their grants and places in roles.",
        )

    def run(self, options: dict[str, Any]) -> None:
        check, prune = options["check"], options["prune"]
        found = difference() if check else sync_scopes(by=self.actor, prune=prune)
        words = (
            ("missing", "outdated", "undeclared")
            if check
            else ("added", "updated", "deleted" if prune else "undeclared, kept")
        )
        rows = [
            {"scope": name, "difference": word}
            for word, names in zip(words, (found.missing, found.outdated, found.undeclared), strict=True)
            for name in names
        ]
        if rows or options["format"] == "json":
            self.print_rows(COLUMNS, rows, options)
        if not rows:
            self.note("The database has the declared scopes.")
        elif check:
            self.stderr.write("The database differs from the declared scopes. Run: manage.py sync_scopes [--prune]")
            sys.exit(1)
        elif found.undeclared and not prune:
            self.note("Scopes that nobody declares open nothing. --prune deletes them.")
