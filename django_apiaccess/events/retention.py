"""The end of events: pruned from the front of the chain with a signed stub left behind, or stripped of what is personal."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import router, transaction
from django.db.models import Q

from . import delivery, sealing
from .models import Checkpoint, Event
from .record import changed
from .source import Actor
from .tags import Action

BATCH: Final = 1000


def prunable(before: datetime) -> int:
    """How many events a pruning of those from before that would delete."""
    upto = _prefix(before)
    return 0 if upto is None else Event.objects.filter(seq__lte=upto).count()


def prune_events(before: datetime) -> int:
    """Delete the sealed events from before that, as far as they are the front of the chain, in batches. Returns how many.

    What is not sealed is sealed first. Each batch leaves a stub: signed, it says where the chain goes on. What a sink that acknowledges
    does not have yet is kept until it does.
    """
    sealing.seal()
    database = router.db_for_write(Event)
    total = 0
    upto = _prefix(before)
    while upto is not None:
        with transaction.atomic(using=database):
            sealing.end_of_chain()
            events = Event.objects.using(database)
            batch = list(events.filter(seq__lte=upto).order_by("seq").values_list("pk", "seq", "link")[:BATCH])
            if not batch:
                return total
            first, (_pk, last, link) = batch[0][1], batch[-1]
            rows: Any = events.filter(pk__in=[pk for pk, _seq, _link in batch])
            rows._raw_delete(database)  # noqa: SLF001 - no signals, no loading
            sealing.checkpoint(Checkpoint.Kind.PRUNE, first or 1, last or 1, link)
            total += len(batch)
    return total


def _prefix(before: datetime) -> int | None:
    """The last place of the front stretch whose events are all older than that."""
    kept = Event.objects.filter(seq__isnull=False, at__gte=before).order_by("seq").values_list("seq", flat=True).first()
    old = Event.objects.filter(seq__isnull=False, at__lt=before)
    if kept is not None:
        old = old.filter(seq__lt=kept)
    taken = delivery.taken_by_all()
    if taken is not None:
        old = old.filter(seq__lte=taken)
    return old.order_by("-seq").values_list("seq", flat=True).first()


def erase(events: Any, *, by: Actor, reason: str) -> int:
    """Blank the personal part of events, for good; the chain still verifies, and an event says which were erased. Returns how many.

    The events that say so are left as they are: without them the blanks would look like tampering.
    """
    sealing.seal()
    total = 0
    erasable = events.filter(erased=False).exclude(action=Action.EVENTS_ERASED)
    pending = sorted(erasable.values_list("pk", flat=True))
    for start in range(0, len(pending), BATCH):
        with transaction.atomic():
            rows = list(Event.objects.filter(pk__in=pending[start : start + BATCH], erased=False, seq__isnull=False))
            Event.objects.filter(pk__in=[row.pk for row in rows]).update(
                erased=True, salt="", address=None, details={}, **BLANK
            )
            changed(
                Action.EVENTS_ERASED,
                None,
                by=by,
                reason=reason,
                label=f"{len(rows)} events",
                uids=[row.uid for row in rows],
            )
            total += len(rows)
    return total


BLANK: Final = {
    "actor_id": "",
    "actor_label": "",
    "credential_id": "",
    "credential_label": "",
    "target_id": "",
    "target_label": "",
    "path": "",
    "request_id": "",
}


def about(user: Any) -> Any:
    """The events that a person did, or that were done to their account."""
    of_account = Q(target_kind=user._meta.model_name, target_id=str(user.pk))
    return Event.objects.filter(Q(actor_kind="user", actor_id=str(user.pk)) | of_account)
