"""`manage.py audit_access`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...audit import baseline
from ...audit.files import whole
from ...audit.finding import Severity
from ...audit.keep import keep
from ...audit.rules import all_rules, named
from ...audit.run import Report, run
from ...audit.writers import FORMATS, writer
from ..base import AccessCommand
from ..output import Column

COLUMNS = (Column("id", whole=True), Column("severity"), Column("title"))


class Command(AccessCommand):
    """The security audit."""

    name = "audit_access"
    formats = False
    requires_system_checks = ()  # a project that does not pass them is audited all the same
    help = (
        "Looks at the live project (endpoints, credentials, roles, people, tokens, settings, dependencies) and says what "
        "is wrong, why, and how to fix it. Changes nothing."
    )
    example = """
manage.py audit_access
manage.py audit_access --format sarif --output apiaccess.sarif
manage.py audit_access --format html --output audit.html
manage.py audit_access --only keys --only endpoints.undeclared --fail-on high
manage.py audit_access --write-baseline audit-baseline.json
manage.py audit_access --baseline audit-baseline.json --fail-on medium
manage.py audit_access --save --output /var/log/audit.txt
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--format", choices=FORMATS, default="text", help="text (the default), json, sarif or html."
        )
        parser.add_argument("--output", metavar="FILE", help="Write the report there instead of to stdout.")
        parser.add_argument(
            "--fail-on",
            metavar="SEVERITY",
            help="Exit with 1 when something at least as bad was found: info, low, medium, high or critical.",
        )
        parser.add_argument(
            "--only", action="append", default=[], metavar="RULE", help="Only this rule or area; may be repeated."
        )
        parser.add_argument(
            "--baseline", metavar="FILE", help="Findings in this file are known: only others are reported."
        )
        parser.add_argument("--write-baseline", metavar="FILE", help="Write what is found now as the baseline.")
        parser.add_argument(
            "--save",
            action="store_true",
            help="Keep the outcome for the security dashboard in the admin; not with --only.",
        )
        parser.add_argument("--list-rules", action="store_true", help="Say what is looked for, and do nothing else.")

    def run(self, options: dict[str, Any]) -> None:
        try:
            limit = Severity.named(options["fail_on"]) if options["fail_on"] else None
            rules = named(options["only"]) if options["only"] else all_rules()
        except ValueError as error:
            raise CommandError(str(error)) from None
        if options["list_rules"]:
            rows = [{"id": rule.id, "severity": rule.severity.word, "title": rule.title} for rule in rules]
            self.print_rows(COLUMNS, rows, {**options, "format": "json" if options["format"] == "json" else "table"})
            return
        if options["save"] and options["only"]:
            raise CommandError("--save keeps a whole audit: leave out --only.")
        known = baseline.read(options["baseline"]) if options["baseline"] else frozenset()
        report = run(rules, baseline=known)
        self._write(report, options)
        if options["save"]:
            keep(report, by=f"command {self.name}")
            self.note("Kept for the security dashboard.")
        if options["write_baseline"]:
            count = self._write_baseline(report, options["write_baseline"])
            self.note(f"{count} findings written to {options['write_baseline']}.")
        worst = report.worst()
        if limit is not None and worst is not None and worst >= limit:
            self.stderr.write(f"Found something {worst.word}, and --fail-on is {limit.word}.")
            sys.exit(1)

    def _write(self, report: Report, options: dict[str, Any]) -> None:
        write = writer(options["format"])
        if options["output"]:
            try:
                with whole(options["output"]) as file:
                    write(report, file)
            except OSError as error:
                raise CommandError(f"{options['output']} cannot be written: {error.strerror or error}") from None
            self.note(f"Written to {options['output']}.")
        elif options["format"] == "text" and options["no_color"]:
            write(report, self.stdout._out, color=False)  # noqa: SLF001 - as below
        else:
            write(report, self.stdout._out)  # noqa: SLF001 - rich asks the stream itself whether it is a terminal

    def _write_baseline(self, report: Report, path: str) -> int:
        try:
            return baseline.write(path, report)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror or error}") from None
