"""`manage.py rotate_api_keys`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...keys import service as keys
from ...keys.models import APIKey
from ...keys.querysets import APIKeyQuerySet
from .. import arguments, selection
from ..base import AccessCommand
from ..output import count, print_json
from ..progress import progress
from ..secretfile import SecretFile


class Command(AccessCommand):
    """New secrets, batch by batch: each batch is handed out before its old secrets are told to end."""

    name = "rotate_api_keys"
    help = (
        "Gives keys new secrets; the old ones live on for --grace. The new keys are printed once, or written to --output: JSON lines, "
        "readable by you alone, on the disk before any old secret gets its end. A run that is killed leaves every key working and "
        "every line of the file true; run it again for the rest (--older-than 1h leaves out what was just rotated)."
    )
    example = """
manage.py rotate_api_keys 12 --grace 24h
manage.py rotate_api_keys --older-than 90d --grace 7d --output new-keys.jsonl
manage.py rotate_api_keys --service-account warehouse --format json
manage.py rotate_api_keys --all --dry-run
"""

    def add_arguments(self, parser: CommandParser) -> None:
        selection.add_key_ids(parser)
        arguments.add_principal(parser, what="whose keys to rotate", required=False)
        parser.add_argument(
            "--older-than", metavar="90d", help="Keys whose secret was made longer ago than that; narrows --user."
        )
        parser.add_argument("--all", action="store_true", help="Every usable key.")
        parser.add_argument(
            "--grace",
            metavar="24h",
            help="How long the old secrets live on; 0: they end at once. Default: KEY_ROTATION_GRACE.",
        )
        parser.add_argument(
            "--output",
            metavar="FILE",
            help="Write the new keys to this new file instead of stdout (JSON lines, mode 0600).",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Show which keys would be rotated, and change nothing."
        )

    def run(self, options: dict[str, Any]) -> None:
        chosen = self._selection(options)
        grace = None if options["grace"] is None else arguments.length(options["grace"], "--grace")
        chosen = chosen.usable()
        total, newest = chosen.count(), chosen.order_by("-pk").values_list("pk", flat=True).first()
        if options["dry_run"]:
            self.note(f"{count(total, 'key')} would be rotated. Nothing was changed.")
            self.print_rows(selection.COLUMNS, selection.rows(chosen), options)
            return
        if not total:
            self.note("No usable key matches: nothing to rotate.")
            if options["format"] == "json":
                print_json(self.stdout, [])
            return
        chosen = chosen.filter(pk__lte=newest)  # not those that are made while this runs
        self.done = 0
        try:
            self._rotate(chosen, grace, total, options)
        except OSError as error:
            raise CommandError(
                f"The new keys could not be handed out: {error.strerror or error}. {self._so_far()}"
            ) from error
        except KeyboardInterrupt:
            raise CommandError(f"Stopped. {self._so_far()}") from None

    def _selection(self, options: dict[str, Any]) -> APIKeyQuerySet:
        narrowing = [name for name in ("user", "service_account", "older_than") if options[name] is not None]
        ways = [bool(options["key_id"]), bool(narrowing), options["all"]]
        if sum(ways) != 1:
            raise CommandError(
                "Say which keys: KEY_ID ..., or --user, --service-account, --older-than, or --all for every key."
                if not any(ways)
                else "Name keys by KEY_ID, or choose them by --user, --service-account and --older-than, or take --all: one of these ways."
            )
        if not options["key_id"]:
            return selection.narrowed(options)
        ids = selection.key_ids(options["key_id"])
        found: APIKeyQuerySet = APIKey.objects.filter(pk__in=ids)
        for key in found:
            if key.status != APIKey.Status.ACTIVE:
                raise CommandError(
                    f"Key {key.pk} is {key.status.value}; it cannot be rotated. Make a new one. Nothing was changed."
                )
        return found

    def _rotate(self, chosen: APIKeyQuerySet, grace: Any, total: int, options: dict[str, Any]) -> None:
        with ExitStack() as stack:
            file = stack.enter_context(SecretFile(options["output"])) if options["output"] else None
            step = stack.enter_context(progress(self.stderr, "keys rotated", total, quiet=self.verbosity == 0))
            rows = self._batches(chosen, grace, step)
            if file is not None:
                for batch in rows:
                    file.write(batch)
            elif options["format"] == "json":
                self._print_json(rows)
            else:
                self._print_lines(rows)
        if file is not None:
            self.note(
                f"{count(self.done, 'key')} rotated. The new ones are in {file.path}: hand them over, then delete it."
            )
            if options["format"] == "json":
                print_json(self.stdout, {"rotated": self.done, "output": str(file.path)})
        else:
            self.note(f"{count(self.done, 'key')} rotated. Each new one is shown this once: copy it now.")

    def _batches(self, chosen: APIKeyQuerySet, grace: Any, step: Any) -> Iterator[list[Mapping[str, Any]]]:
        """The rows of each batch. What the consumer did with one is done when it asks for the next."""
        in_hand = 0
        for batch in keys.rotate_many(chosen, by=self.actor, grace=grace):
            self.done += in_hand
            step(in_hand)
            in_hand = len(batch)
            yield [
                {"id": made.key.pk, "key": made.text, "old_secret_valid_until": made.old_secret_valid_until}
                for made in batch
            ]
        self.done += in_hand
        step(in_hand)

    def _print_json(self, batches: Iterator[list[Mapping[str, Any]]]) -> None:
        def rows() -> Iterator[Mapping[str, Any]]:
            for batch in batches:
                yield from batch
                self.stdout.flush()

        print_json(self.stdout, rows())

    def _print_lines(self, batches: Iterator[list[Mapping[str, Any]]]) -> None:
        """Lines, not a table: a table is printed when all is known, and these must be out before the old secrets end."""
        for number, batch in enumerate(batches):
            if number == 0:
                self.stdout.write(
                    f"{'id':<8}  {'key':<{len(str(batch[0]['key'])) if batch else 3}}  old secret valid until"
                )
            for row in batch:
                self.stdout.write(
                    f"{row['id']:<8}  {row['key']}  {row['old_secret_valid_until'].isoformat(timespec='seconds')}"
                )
            self.stdout.flush()

    def _so_far(self) -> str:
        return (
            f"Rotated for good: {self.done}. All others still work with the secrets they had, and what was handed out works too. "
            "Run it again for the rest: --older-than 1h leaves out what was just rotated."
        )

    def execute(self, *args: Any, **options: Any) -> Any:
        """A reader of stdout that goes away (`| head`) ends the run as an error does, without a traceback at the interpreter's end."""
        try:
            return super().execute(*args, **options)
        except CommandError as error:
            if isinstance(error.__cause__, BrokenPipeError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise
