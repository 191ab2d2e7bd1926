"""`manage.py credential_report`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ...reviews import report
from ...reviews.writers import FORMATS
from ..base import AccessCommand
from ..output import count
from ..wholefile import write_whole


class Command(AccessCommand):
    """Every principal and every credential, one row each."""

    name = "credential_report"
    formats = False
    help = (
        "Writes one row for each principal and for each of its credentials: who owns it, how it is protected, how old its secret is, when "
        "and from where it was used last, what it may do. No secret and no digest. Lists are words between spaces in CSV and lists in "
        "JSON, which is one array with a row a line. The event report.taken says who took it."
    )
    example = """
manage.py credential_report --output credentials.csv
manage.py credential_report --format json | jq -r '.[] | select(.secret_age_days > 90) | .name'
manage.py credential_report --without-addresses --output credentials.csv
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=list(FORMATS), default="csv", help="csv (the default) or json.")
        parser.add_argument(
            "--output", metavar="FILE", help="Write it there (mode 0600), in place of what was there; default: stdout."
        )
        parser.add_argument(
            "--without-addresses", action="store_true", help="Leave out from which address a credential was used last."
        )

    def run(self, options: dict[str, Any]) -> None:
        addresses = not options["without_addresses"]
        report.taken(by=self.actor, form=options["format"], addresses=addresses)
        total = 0

        def counted() -> Any:
            nonlocal total
            for row in report.rows(addresses=addresses):
                total += 1
                yield row

        _media, write = FORMATS[options["format"]]
        if options["output"]:
            write_whole(options["output"], write(counted()))
            self.note(f"{count(total, 'row')} in {options['output']}.")
            return
        for piece in write(counted()):
            self.stdout.write(piece, ending="")
