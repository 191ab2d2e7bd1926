"""`manage.py upgrade_otp_devices`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ...mfa import upgrade
from ..base import AccessCommand
from ..output import Column

COLUMNS = (Column("what"), Column("count", whole=True))


class Command(AccessCommand):
    """Seeds and codes of django-otp, sealed."""

    name = "upgrade_otp_devices"
    help = (
        "Takes over the authenticator apps and static tokens of django-otp's own plugins: seeds are sealed under your peppers, tokens "
        "become recovery codes of which only digests are kept. Everybody's app and codes go on working. It can be stopped and run again; "
        "afterwards take django_otp.plugins.otp_totp and otp_static out of INSTALLED_APPS, unless something else uses them."
    )
    example = """
manage.py upgrade_otp_devices --dry-run
manage.py upgrade_otp_devices
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Count what would be upgraded, and change nothing.")

    def run(self, options: dict[str, Any]) -> None:
        counts = upgrade.upgrade(by=self.actor, dry_run=options["dry_run"])
        if options["format"] == "json":
            upgraded = {name.replace(" ", "_"): number for name, number in counts.items()}
            self.print_one({"dry_run": options["dry_run"], "upgraded": upgraded}, "", options)
        else:
            self.print_rows(COLUMNS, [{"what": name, "count": number} for name, number in counts.items()], options)
        if options["dry_run"]:
            self.note("Nothing was changed.")
