"""`manage.py narrow_api_keys`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...core.durations import humanise
from ...core.scopes import dump
from ...exceptions import InvalidChange
from ...keys import narrowing
from ...keys.models import APIKey
from .. import arguments, selection
from ..base import AccessCommand
from ..output import Column, count

COLUMNS = (
    Column("id", whole=True),
    Column("name"),
    Column("principal"),
    Column("goes"),
    Column("stays"),
    Column("result"),
)


class Command(AccessCommand):
    """Take unused scopes from keys."""

    name = "narrow_api_keys"
    help = (
        "Takes from keys the scopes that they did not use in 90 days, from the next request on. What a key used stays, and what a key that "
        "it issued used. A key whose scopes are recorded for a shorter time is left as it is, and so is one that used none of them."
    )
    example = """
manage.py narrow_api_keys 12 17
manage.py narrow_api_keys --user ann --dry-run
manage.py narrow_api_keys --all --window 180d
"""

    def add_arguments(self, parser: CommandParser) -> None:
        selection.add_key_ids(parser)
        choice = arguments.add_principal(parser, what="whose keys to narrow", required=False)
        choice.add_argument("--all", action="store_true", help="Every key that did not use some of its scopes.")
        parser.add_argument("--window", default="90d", metavar="90d", help="How long a scope may be unused.")
        parser.add_argument("--dry-run", action="store_true", help="Show what would go, and change nothing.")

    def run(self, options: dict[str, Any]) -> None:
        window = arguments.length(options["window"], "--window")
        if window.days < 1:
            raise CommandError("--window: uses are recorded by the day: write 1d or more.")
        chosen = [bool(options["key_id"]), bool(options["user"] or options["service_account"]), options["all"]]
        if sum(chosen) != 1:
            raise CommandError("Say which keys: KEY_ID ..., or --user, --service-account, or --all: one of these ways.")
        if options["key_id"]:
            keys: Any = APIKey.objects.filter(pk__in=selection.key_ids(options["key_id"]))
        else:
            keys = selection.narrowed(options).usable()
        if not options["dry_run"]:
            narrowing.settle()
        rows = []
        ids = list(keys.order_by("pk").values_list("pk", flat=True))
        for start in range(0, len(ids), narrowing.BATCH):
            some = APIKey.objects.filter(pk__in=ids[start : start + narrowing.BATCH]).select_related("principal")
            batch = list(some.order_by("pk"))
            seen = narrowing.outlooks(batch, window=window)
            rows += [self._row(key, seen[key.pk], window, options) for key in batch]
        if not options["key_id"]:
            rows = [row for row in rows if row["result"] in {"narrowed", "would be narrowed"}]
        self.print_rows(COLUMNS, rows, options)
        done = sum(row["result"] in {"narrowed", "would be narrowed"} for row in rows)
        verb = "would be narrowed. Nothing was changed" if options["dry_run"] else "narrowed"
        self.note(f"{count(done, 'key')} {verb}.")

    def _row(self, key: APIKey, seen: narrowing.Outlook, window: Any, options: dict[str, Any]) -> dict[str, Any]:
        result = "would be narrowed"
        try:
            narrowing.check(key, seen)
            if not seen.goes:
                result = f"used all of its scopes in {humanise(window)}"
            elif not options["dry_run"]:
                seen = narrowing.narrow(key, by=self.actor, window=window)
                result = "narrowed"
        except InvalidChange as error:
            result = error.message
        return {
            "id": key.pk,
            "name": key.name,
            "principal": key.principal.get_username(),
            "goes": sorted(seen.goes),
            "stays": dump(seen.stays).split(),
            "result": result,
        }
