"""`manage.py test_access`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...access.cases import FILE_NAME, Cases
from ...access.expectations import Outcome, run, uncovered
from ...access.inventory import Endpoint
from ..base import AccessCommand
from ..junit import junit
from ..output import count, print_json


class Command(AccessCommand):
    """Expectations about access, asked. Exit status 0: all hold."""

    name = "test_access"
    formats = False
    help = (
        "Asks every expectation of access_tests.yaml (who, method, path, expected, because), by the code that decides about live "
        "requests, and says where the verdict is another one, and why. It writes nothing. Exit status: 0 all hold, 1 not."
    )
    example = """
manage.py test_access
manage.py test_access policy/access_tests.yaml --format junit > report.xml
manage.py test_access --coverage --require-all
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", nargs="?", default=FILE_NAME, help=f"Default: {FILE_NAME}.")
        parser.add_argument(
            "--format", choices=["text", "json", "junit"], default="text", help="text (the default), json or junit."
        )
        parser.add_argument(
            "--coverage", action="store_true", help="Also say which endpoints no expectation speaks of."
        )
        parser.add_argument("--require-all", action="store_true", help="Fail where there is such an endpoint.")

    def run(self, options: dict[str, Any]) -> None:
        path = Path(options["file"])
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from None
        read = Cases(text, str(path))
        policy = read.policy(path.parent)
        outcomes = [run(case, policy) for case in read.cases]
        wants_coverage = options["coverage"] or options["require_all"]
        silent = uncovered(read.cases) if wants_coverage else None
        self.print_all(outcomes, silent, options["format"], str(path))
        if not all(outcome.passed for outcome in outcomes) or (silent and options["require_all"]):
            sys.exit(1)

    def print_all(self, outcomes: list[Outcome], silent: list[Endpoint] | None, form: str, source: str) -> None:
        """In one of the formats."""
        names = None if silent is None else [f"{one.method} {one.path}" for one in silent]
        if form == "junit":
            self.stdout.write(junit(outcomes, source))
        elif form == "json":
            failed = sum(not outcome.passed for outcome in outcomes)
            report: dict[str, Any] = {"file": source, "tests": len(outcomes), "failed": failed}
            report["results"] = [outcome.as_dict() for outcome in outcomes]
            print_json(self.stdout, report if names is None else {**report, "uncovered": names})
        else:
            self.print_text(outcomes, names)

    def print_text(self, outcomes: list[Outcome], names: list[str] | None) -> None:
        """What failed, step by step; then the numbers."""
        failed = [outcome for outcome in outcomes if not outcome.passed]
        for outcome in failed:
            first, *rest = outcome.lines()
            self.stdout.write("\n".join([self.style.ERROR(f"FAILED {first}"), *rest, ""]))
        if names is not None:
            told = [f"  {name}" for name in names] or ["  none"]
            self.stdout.write("\n".join(["Endpoints of which no test speaks:", *told]))
        held = len(outcomes) - len(failed)
        style = self.style.ERROR if failed else self.style.SUCCESS
        self.stdout.write(style(f"{count(held, 'test')} passed, {len(failed)} failed."))
