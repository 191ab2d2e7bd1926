"""`manage.py seal_events`."""

from __future__ import annotations

from typing import Any

from ...events.delivery import deliver
from ...events.sealing import seal
from ..base import AccessCommand


class Command(AccessCommand):
    """Seal the audit log."""

    name = "seal_events"
    help = (
        "Chains the events that are not sealed yet, signs where the chain ends, and hands the sinks that acknowledge what they lack. "
        "Processes do it by themselves every few minutes; run it from cron too, so that nothing waits in a quiet time."
    )
    example = """
manage.py seal_events
"""

    def run(self, options: dict[str, Any]) -> None:
        sealed = seal()
        delivered = deliver()
        text = f"{sealed} events sealed." + "".join(f" {name} took {count}." for name, count in delivered.items())
        self.print_one({"sealed": sealed, "delivered": delivered}, text, options)
