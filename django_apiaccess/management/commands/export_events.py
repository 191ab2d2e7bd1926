"""`manage.py export_events`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from ...events.export import lines
from ...events.models import Event
from .. import arguments
from ..base import AccessCommand


class Command(AccessCommand):
    """The audit log as JSON lines."""

    name = "export_events"
    formats = False
    help = "Prints events as JSON lines, the oldest first, with what verifies their chain."
    example = """
manage.py export_events --since 30d > events.jsonl
manage.py export_events --sealed
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", metavar="30d", help="Only events of the last so long.")
        parser.add_argument("--sealed", action="store_true", help="Only sealed events, in the order of the chain.")

    def run(self, options: dict[str, Any]) -> None:
        events = Event.objects.order_by("at", "pk")
        if options["sealed"]:
            events = Event.objects.filter(seq__isnull=False).order_by("seq")
        if options["since"]:
            events = events.filter(at__gte=timezone.now() - arguments.length(options["since"], "--since"))
        for line in lines(events):
            self.stdout.write(line)
