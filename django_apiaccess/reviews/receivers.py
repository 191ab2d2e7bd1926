"""What the rest of the app asks of reviews: which reminders are over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ..access.parts import FURTHER_PARTS, Part, ids_of
from .models import Reminder

LEAST: Final = timedelta(days=400)
"""How long a reminder stays at least: while its credential may still be as it was, its row is what keeps it from being told again."""


def connect() -> None:
    """Let `prune_access` delete reminders of long ago."""
    FURTHER_PARTS["reminders"] = _parts


def _parts(now: datetime, keep: timedelta) -> Iterator[Part]:
    old = now - max(keep, LEAST)
    # an inactive credential stays inactive for years: only what was counted from an end can never be due again
    over = Reminder.objects.filter(about__lt=old, sent_at__lt=old).exclude(stage="inactive")
    yield Part("reminders", Reminder, lambda: ids_of(over))
