"""What every command has in common: an example in its help, `--format`, exit codes 0 and 1, errors on stderr with the fix."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from django.db import OperationalError, ProgrammingError

from ..events.source import Actor
from ..exceptions import InvalidChange, NotHeld
from .output import Column, print_json, print_table


class HelpFormatter(DjangoHelpFormatter):
    """Django's, with the examples line by line."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("Examples:") else super()._fill_text(text, width, indent)


class AccessCommand(BaseCommand):
    """A command that parses, calls a service, and prints. Subclasses say `name`, `help`, `example`, and what to do in `run`.

    Rows go to stdout, as a table or as JSON; everything else (notes, progress, errors) goes to stderr, so that stdout can be piped.
    """

    name: ClassVar[str]
    example: ClassVar[str]
    formats: ClassVar[bool] = True

    @property
    def actor(self) -> Actor:
        """Who does it, for the event: the operator of the machine, who may do everything."""
        return Actor.command(self.name)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """With the examples below the options."""
        lines = "\n".join(f"  {line}" for line in self.example.strip().splitlines())
        kwargs.setdefault("epilog", f"Examples:\n{lines}")
        kwargs.setdefault("formatter_class", HelpFormatter)
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if self.formats:
            parser.add_argument(
                "--format",
                choices=["table", "json"],
                default="table",
                help="How rows are printed: table (the default) or json.",
            )
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """As Django's, but a wrong option exits with 1 as every other error does, and Ctrl-C without a traceback."""
        try:
            super().run_from_argv(argv)
        except SystemExit as end:
            if end.code == 2:
                sys.exit(1)
            raise
        except KeyboardInterrupt:
            self.stderr.write("Stopped.")
            sys.exit(1)
        except BrokenPipeError:  # whoever read the output has enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the last flush has somewhere to go
            sys.exit(1)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run; what the services refuse becomes an error for the operator."""
        try:
            self.run(options)
        except NotHeld as error:
            hint = "" if "rant it first" not in str(error) else " For example: manage.py grant --help"
            raise CommandError(f"{error}{hint}") from error
        except InvalidChange as error:
            # the words of a field's own validation ("This field cannot be blank.") do not say which field
            which = f"{error.field}: " if isinstance(error.__context__, ValidationError) and error.field else ""
            raise CommandError(f"{which}{error}") from error
        except (OperationalError, ProgrammingError) as error:
            if "no such table" in str(error) or "does not exist" in str(error):
                raise CommandError(f"The database lacks a table ({error}). Run: manage.py migrate") from error
            raise

    def run(self, options: dict[str, Any]) -> None:
        """Do it. Raises `InvalidChange` or `CommandError`, before anything was changed."""
        raise NotImplementedError

    def note(self, text: str) -> None:
        """Tell the operator something that is no result. Silent with `--verbosity 0`."""
        if self.verbosity > 0:
            self.stderr.write(text, self.style.NOTICE)

    def execute(self, *args: Any, **options: Any) -> Any:
        """Remember the verbosity for `note`."""
        self.verbosity = int(options.get("verbosity") or 0)
        return super().execute(*args, **options)

    def print_rows(
        self, columns: Iterable[Column], rows: Iterable[Mapping[str, Any]], options: Mapping[str, Any]
    ) -> None:
        """Rows as a table, or all that they hold as one JSON array."""
        if options["format"] == "json":
            print_json(self.stdout, rows)
        else:
            print_table(self.stdout, tuple(columns), list(rows), no_color=bool(options.get("no_color")))

    def print_one(self, row: Mapping[str, Any], text: str, options: Mapping[str, Any]) -> None:
        """One result: `row` as a JSON object, or `text`."""
        if options["format"] == "json":
            print_json(self.stdout, row)
        else:
            self.stdout.write(text)
