"""`manage.py verify_events`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...events.sealing_key import public_pem
from ...events.verify import verify
from ..base import AccessCommand


class Command(AccessCommand):
    """Check the audit log's seals."""

    name = "verify_events"
    help = (
        "Checks that no sealed event was changed, removed, inserted or moved, and says which. Exits with 1 when one was. "
        "With copies of the checkpoints that were kept elsewhere it also finds an end that was cut off together with everything in the "
        "database that spoke of it."
    )
    example = """
manage.py verify_events
manage.py verify_events --checkpoints /var/log/apiaccess-checkpoints.log
manage.py verify_events --public-key
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--checkpoints", metavar="FILE", help="Lines of checkpoints, as FileSink or the logger keeps them."
        )
        parser.add_argument(
            "--public-key", action="store_true", help="Print the key that verifies checkpoints, and do nothing else."
        )

    def run(self, options: dict[str, Any]) -> None:
        if options["public_key"]:
            self.stdout.write(public_pem(), ending="")
            return
        found = verify(self._copies(options["checkpoints"]))
        row = {
            "sound": found.sound,
            "events": found.sealed,
            "sealed_to": found.sealed_to,
            "pruned_to": found.pruned_to,
            "unsealed": found.unsealed,
            "problems": [{"seq": problem.seq or None, "problem": problem.what} for problem in found.problems],
        }
        pruned = f", pruned up to {found.pruned_to}" if found.pruned_to else ""
        text = f"{found.sealed} events are whole, sealed up to {found.sealed_to}{pruned}; {found.unsealed} wait to be sealed."
        self.print_one(row, text if found.sound else "\n".join(map(str, found.problems)), options)
        if not found.sound:
            self.stderr.write(f"The audit log is not whole: {len(found.problems)} problems.")
            sys.exit(1)

    @staticmethod
    def _copies(path: str | None) -> list[str]:
        if path is None:
            return []
        try:
            return Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from None
