"""`manage.py import_roles`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...roles.document import MAX_SIZE, Document
from ...roles.portable import import_roles
from ..base import AccessCommand
from ..output import Column

COLUMNS = (Column("kind"), Column("name"), Column("change"), Column("details"))


class Command(AccessCommand):
    """Roles from a file."""

    name = "import_roles"
    help = (
        "Makes the roles as a file of export_roles says, all of them or, on any error, none. Roles that the file does not name are left "
        "alone, unless --prune."
    )
    example = """
manage.py import_roles roles.yaml --dry-run
manage.py import_roles roles.yaml
manage.py import_roles - < roles.yaml
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="The YAML file; - is stdin.")
        parser.add_argument("--dry-run", action="store_true", help="Show the difference, and change nothing.")
        parser.add_argument(
            "--prune", action="store_true", help="Delete roles that the file does not name, with their grants."
        )

    def run(self, options: dict[str, Any]) -> None:
        path = options["file"]
        document = Document(self._read(path), "stdin" if path == "-" else path)
        changes = import_roles(document, by=self.actor, prune=options["prune"], dry_run=options["dry_run"])
        as_text = options["format"] == "table"
        rows = [
            {
                "kind": change.kind,
                "name": change.name,
                "change": change.what,
                "details": _text(change.details) if as_text else change.details,
            }
            for change in changes
        ]
        self.print_rows(COLUMNS, rows, options)
        if options["dry_run"]:
            self.note("Nothing was changed.")
        elif any(change.what == "left alone" for change in changes):
            self.note("Roles that the file does not name were left alone; --prune would delete them.")

    @staticmethod
    def _read(path: str) -> str:
        try:
            if path == "-":
                return sys.stdin.read(MAX_SIZE + 1)
            with Path(path).open(encoding="utf-8-sig") as file:
                return file.read(MAX_SIZE + 1)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise CommandError(f"{path} is not UTF-8 text.") from None


def _text(details: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{name}: {' '.join(value) if isinstance(value, list) else value}" for name, value in details.items()
    )
