"""`manage.py revoke_api_keys`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import CommandError, CommandParser

from ...keys import service as keys
from ...keys import unused
from ...keys.leaked import Finding, State, findings
from ...keys.models import APIKey
from ...keys.querysets import APIKeyQuerySet
from .. import arguments, selection
from ..base import AccessCommand
from ..output import Column, count

COLUMNS = (
    Column("id", whole=True),
    Column("name"),
    Column("principal"),
    Column("public_id", "public id", whole=True),
    Column("result"),
)
WORDS = {
    State.USABLE: "revoked",
    State.REVOKED: "already revoked",
    State.ENDED: "nothing to do: this secret ended with a rotation",
    State.UNKNOWN: "unknown here",
    State.UNVERIFIABLE: "not revoked: cannot be verified, its pepper is gone",
}
KEPT = "kept: a key that was issued through it is in use"


class Command(AccessCommand):
    """End keys for good."""

    name = "revoke_api_keys"
    help = (
        "Ends keys for good, from the next request on, with the keys that were issued through them. --leaked takes any "
        "text file (a log, a diff, a scanner's report), finds every key in it, "
        "and revokes those that prove to be real; an invented key that only looks like "
        "one revokes nothing. No key is ever printed."
    )
    example = """
manage.py revoke_api_keys 12 17 --reason "Committed to a public repository"
manage.py revoke_api_keys --unused-for 180d --reason "Nobody uses it" --dry-run
manage.py revoke_api_keys --leaked report.txt --reason "Secret scan of 3 May"
git log -p | manage.py revoke_api_keys --leaked - --reason "In our history"
"""
    requires_system_checks = []  # in an emergency no warning about something else may stand in the way

    def add_arguments(self, parser: CommandParser) -> None:
        selection.add_key_ids(parser)
        arguments.add_principal(parser, what="whose keys to revoke", required=False)
        parser.add_argument(
            "--unused-for",
            metavar="180d",
            help="Usable keys neither used nor made within that time, nor any key that was issued through them; narrows --user.",
        )
        parser.add_argument("--leaked", metavar="FILE", help="Every key whose text stands in this file; - is stdin.")
        parser.add_argument("--reason", required=True, metavar="TEXT", help="Why: kept with the key and in the events.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Show which keys would be revoked, and change nothing."
        )

    def run(self, options: dict[str, Any]) -> None:
        if not options["reason"].strip():
            raise CommandError("--reason: say why, for those who ask later.")
        narrowing = [name for name in ("user", "service_account", "unused_for") if options[name] is not None]
        ways = [bool(options["key_id"]), bool(narrowing), options["leaked"] is not None]
        if sum(ways) != 1:
            raise CommandError(
                "Say which keys: KEY_ID ..., or --user, --service-account, --unused-for, or --leaked FILE."
                if not any(ways)
                else "Name keys by KEY_ID, or choose them by --user, --service-account and --unused-for, or by --leaked: one of these ways."
            )
        if options["leaked"] is not None:
            rows = self._leaked(options)
        elif options["key_id"]:
            rows = self._revoke(APIKey.objects.filter(pk__in=selection.key_ids(options["key_id"])), options)
        elif options["unused_for"] is not None:
            rows = self._unused(selection.narrowed(options).filter(revoked_at=None), options)
        else:
            rows = self._revoke(selection.narrowed(options).filter(revoked_at=None), options)
        if rows or options["format"] == "json":
            self.print_rows(COLUMNS, rows, options)

    def _revoke(self, chosen: APIKeyQuerySet, options: dict[str, Any]) -> list[dict[str, Any]]:
        rows = [
            {
                "id": row["id"],
                "name": row["name"],
                "principal": row["principal"],
                "public_id": row["public_id"],
                "result": "already revoked"
                if row["status"] == "revoked"
                else "would be revoked"
                if options["dry_run"]
                else "revoked",
            }
            for row in selection.rows(chosen)
        ]
        self._end([row["id"] for row in rows], options)
        return rows

    def _unused(self, chosen: APIKeyQuerySet, options: dict[str, Any]) -> list[dict[str, Any]]:
        """The unused ones. What other processes have seen in the last moment counts, and what is asked of a key is asked at its end."""
        found = list(selection.rows(chosen))
        needed = unused.needed((row["id"] for row in found), arguments.length(options["unused_for"], "--unused-for"))
        ids = [row["id"] for row in found if row["id"] not in needed]
        if ids and not options["dry_run"]:
            time.sleep(unused.SETTLE)
        ended = set(ids) if options["dry_run"] else self._end(ids, options, chosen)
        if options["dry_run"]:
            self._end(ids, options)
        word = "would be revoked" if options["dry_run"] else "revoked"
        return [
            {
                **{name: row[name] for name in ("id", "name", "principal", "public_id")},
                "result": word if row["id"] in ended else KEPT if row["id"] in needed else "kept: used meanwhile",
            }
            for row in found
        ]

    def _leaked(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        rows = []
        for group in self._groups(options["leaked"]):
            self._end(
                [found.key.pk for found in group if found.state is State.USABLE and found.key is not None], options
            )
            rows += [self._row(found, options) for found in group]
        if not rows:
            self.note("No key was found in it.")
        return rows

    def _groups(self, path: str) -> Iterable[list[Finding]]:
        if path == "-":
            yield from findings(sys.stdin.buffer)
            return
        try:
            stream: BinaryIO = Path(path).open("rb")  # noqa: SIM115 - closed below
        except OSError as error:
            raise CommandError(f"--leaked {path}: {error.strerror}. Nothing was changed.") from None
        with stream:
            yield from findings(stream)

    def _row(self, found: Finding, options: dict[str, Any]) -> dict[str, Any]:
        result = WORDS[found.state]
        if options["dry_run"] and found.state is State.USABLE:
            result = "would be revoked"
        key = found.key
        return {
            "id": key.pk if key else None,
            "name": key.name if key else None,
            "principal": key.principal.get_username() if key else None,
            "public_id": found.public_id,
            "result": result,
        }

    def _end(self, chosen: Iterable[int], options: dict[str, Any], among: APIKeyQuerySet | None = None) -> set[int]:
        """End those keys, as far as they are still `among` what was asked for. Which of them are revoked now."""
        ids = sorted(set(chosen))
        if options["dry_run"]:
            self.note(f"{count(len(ids), 'key')} would be revoked. Nothing was changed.")
            return set()
        total = 0
        ended: set[int] = set()
        for start in range(0, len(ids), keys.BATCH):
            batch = ids[start : start + keys.BATCH]
            wanted = (APIKey.objects.all() if among is None else among).filter(pk__in=batch)
            total += keys.revoke(wanted, reason=options["reason"], by=self.actor)
            ended.update(APIKey.objects.filter(pk__in=batch, revoked_at__isnull=False).values_list("pk", flat=True))
        if ids or not options["leaked"]:
            self.note(f"{count(total, 'key')} ended, with what was issued through {'it' if total == 1 else 'them'}.")
        return ended
