"""`manage.py scan_leaks`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...conf import access_settings
from ...leaks import scan
from ..base import AccessCommand


class Command(AccessCommand):
    """Find keys in files and in git's history."""

    name = "scan_leaks"
    help = (
        f"{scan.DESCRIPTION} Exit code 1: something was found; 2: something could not be read. The same without Django: "
        "python -m django_apiaccess.leaks.scan."
    )
    example = """
manage.py scan_leaks .
git log -p --all | manage.py scan_leaks -
manage.py scan_leaks /var/log/shop --format json
manage.py scan_leaks . --prefix ak --prefix old --allow .leaks-allowed
"""
    formats = False
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        scan.add_arguments(parser, "the setting KEY_PREFIX")

    def run_from_argv(self, argv: list[str]) -> None:
        """Django's: here 2 is an exit code of its own."""
        BaseCommand.run_from_argv(self, argv)

    def run(self, options: dict[str, Any]) -> None:
        try:
            found = scan.scanning(options["prefix"] or [access_settings.KEY_PREFIX], options["allow"])
        except (OSError, ValueError) as error:
            raise CommandError(str(error), returncode=2) from None
        scan.write(found.run(options["path"], sys.stdin.buffer), options["format"], self.stdout)  # type: ignore[arg-type]
        for line in found.unreadable:
            self.stderr.write(line)
        if found.exit_code:
            sys.exit(found.exit_code)
