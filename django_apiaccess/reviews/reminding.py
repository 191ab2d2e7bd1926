"""Telling owners, each stage once: a row says what is to be told, a lease who tells it, and `sent_at` that it was told.

The row is made under a unique constraint and leased by a conditional UPDATE: of two runs at once one tells. An e-mail that fails gives its
lease back and is tried again at the next run. A run that is killed between the e-mail and its note sends it again after `LEASE`: told twice
rather than never.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils import timezone

from ..events.record import changed
from ..events.source import Actor
from ..events.tags import Action
from ..notifications import deliver, one_line
from ..signals import credential_expiring, credential_inactive
from .due import INACTIVE, Due, due
from .models import Reminder

LEASE: Final = timedelta(hours=1)
CHUNK: Final = 500
MOST_TOLD: Final = 200
"""Credentials that one e-mail lists; it says how many more there are."""
logger: Final = logging.getLogger("django_apiaccess")


@dataclass(slots=True)
class Told:
    """What became of one owner's reminders: `result` is sent, failed, would be sent, nobody to tell."""

    owner: Any
    reminders: list[Reminder]
    result: str


def run(*, by: Actor, dry_run: bool = False) -> Iterator[Told]:
    """Tell whoever must be told now, one owner after the other. With `dry_run` nothing is written or sent."""
    if dry_run:
        yield from _rehearse()
        return
    _note_due()
    _announce()
    for owner_id in _owners():
        told = _tell(owner_id, by)
        if told is not None:
            yield told


def _note_due() -> None:
    """Make the rows of what is due; those that are there stay as they are."""
    rows: list[Reminder] = []
    for one in due():
        rows.append(_row(one))
        if len(rows) == CHUNK:
            Reminder.objects.bulk_create(rows, ignore_conflicts=True)
            rows = []
    Reminder.objects.bulk_create(rows, ignore_conflicts=True)


def _row(one: Due) -> Reminder:
    return Reminder(
        subject_kind=one.kind,
        subject_id=one.id,
        label=one_line(one.label)[:200],
        stage=one.stage,
        about=one.about,
        owner_id=one.owner_id,
    )


def _announce() -> None:
    """Send the signals, each once. A receiver that raises is logged and stops nothing."""
    while True:
        waiting = list(Reminder.objects.filter(announced_at=None).order_by("pk")[:CHUNK])
        if not waiting:
            return
        for row in waiting:
            if Reminder.objects.filter(pk=row.pk, announced_at=None).update(announced_at=timezone.now()):
                signal = credential_inactive if row.stage == INACTIVE else credential_expiring
                for _receiver, answer in signal.send_robust(sender=Reminder, reminder=row):
                    if isinstance(answer, Exception):
                        logger.error("A receiver of a reminder failed", exc_info=answer)


def _unsent() -> Any:
    return Reminder.objects.filter(sent_at=None)


def _owners() -> Iterator[Any]:
    """Whoever has something to hear; None: there is something that nobody answers for."""
    ids = _unsent().order_by("owner").values_list("owner", flat=True).distinct()
    yield from list(ids)


def _tell(owner_id: Any, by: Actor) -> Told | None:
    """One e-mail with all that this owner has to hear. None: somebody else tells it at this moment."""
    now, lease = timezone.now(), secrets.token_hex(16)
    free = _unsent().filter(Q(leased_at=None) | Q(leased_at__lt=now - LEASE), owner=owner_id)
    if not free.update(lease=lease, leased_at=now):
        return None
    mine = Reminder.objects.filter(lease=lease)
    rows = list(mine.order_by("pk"))
    owner = None if owner_id is None else get_user_model()._base_manager.filter(pk=owner_id).first()
    if owner is None or not owner.is_active:
        mine.update(sent_at=now)
        return Told(owner, rows, "nobody to tell")
    try:
        deliver(owner, "credential_reminders", _context(rows))
    except Exception:  # a mail server that is down costs this owner's e-mail a day, and nobody else's
        logger.exception("The reminders of %s could not be sent and are tried again", owner.get_username())
        mine.update(lease="", leased_at=None)
        return Told(owner, rows, "failed")
    mine.update(sent_at=timezone.now())
    told = [{"kind": row.subject_kind, "id": row.subject_id, "stage": row.stage} for row in rows[:MOST_TOLD]]
    changed(Action.REMINDED, owner, by=by, number=len(rows), reminders=told)
    return Told(owner, rows, "sent")


def _context(rows: list[Reminder]) -> dict[str, Any]:
    latest = {
        (row.subject_kind, row.subject_id, row.stage == INACTIVE): row for row in rows
    }  # of stages that failed before
    rows = list(latest.values())
    return {
        "expiring": sorted((row for row in rows if row.stage != INACTIVE), key=lambda row: row.about)[:MOST_TOLD],
        "inactive": sorted((row for row in rows if row.stage == INACTIVE), key=lambda row: row.about)[:MOST_TOLD],
        "number": len(rows),
        "more": max(0, len(rows) - MOST_TOLD),
    }


def _rehearse() -> Iterator[Told]:
    """What a run would tell: what is due and was not told, and what was not sent before."""
    waiting: dict[Any, list[Reminder]] = {}
    seen = set()
    for row in [*_unsent(), *_new()]:
        key = (row.subject_kind, row.subject_id, row.stage, row.about)
        if key not in seen:
            seen.add(key)
            waiting.setdefault(row.owner_id, []).append(row)
    people = get_user_model()._base_manager.in_bulk([pk for pk in waiting if pk is not None])
    for owner_id, rows in waiting.items():
        owner = people.get(owner_id)
        yield Told(owner, rows, "would be sent" if owner is not None and owner.is_active else "nobody to tell")


def _new() -> Iterator[Reminder]:
    piece: list[Reminder] = []
    for one in due():
        piece.append(_row(one))
        if len(piece) == CHUNK:
            yield from _not_noted(piece)
            piece = []
    yield from _not_noted(piece)


def _not_noted(rows: list[Reminder]) -> Iterator[Reminder]:
    noted = set(
        Reminder.objects.filter(subject_id__in=[row.subject_id for row in rows]).values_list(
            "subject_kind", "subject_id", "stage", "about"
        )
    )
    yield from (row for row in rows if (row.subject_kind, row.subject_id, row.stage, row.about) not in noted)
