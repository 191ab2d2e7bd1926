"""The end of events: pruned from the front of the chain with a signed stub left behind, or stripped of what is personal."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.apps import apps
from django.db import router, transaction
from django.db.models import Q

from . import canonical, delivery, sealing, sealing_key
from .models import Checkpoint, Event
from .record import changed
from .source import Actor
from .tags import Action

BATCH: Final = 1000
logger: Final = logging.getLogger("django_apiaccess")


def prunable(before: datetime) -> int:
    """How many events a pruning of those from before that would delete."""
    upto = _prefix(before)
    return 0 if upto is None else Event.objects.filter(seq__lte=upto).count()


def prune_events(before: datetime) -> int:
    """Delete the sealed events from before that, as far as they are the front of the chain, in batches. Returns how many.

    What does not fit the chain stays, and all after it. What is not sealed is sealed first. Each batch leaves a stub: signed, it says where
    the chain goes on. What a sink that acknowledges does not have yet is kept until it does.
    """
    sealing.seal()
    database = router.db_for_write(Event)
    total = 0
    upto = _prefix(before)
    while upto is not None:
        with transaction.atomic(using=database):
            sealing.end_of_chain()
            events = Event.objects.using(database)
            batch = list(events.filter(seq__lte=upto).order_by("seq")[:BATCH])
            whole = _whole(batch, database)
            if whole:
                rows: Any = events.filter(pk__in=[event.pk for event in whole])
                rows._raw_delete(database)  # noqa: SLF001 - no signals, no loading
                first, last = whole[0].seq or 1, whole[-1].seq or 1
                sealing.checkpoint(Checkpoint.Kind.PRUNE, first, last, whole[-1].link)
                total += len(whole)
            if not batch or len(whole) < len(batch):
                return total
    return total


def _whole(batch: list[Event], database: str) -> list[Event]:
    """Those at the front of the batch that fit the chain. What does not fit is evidence: it is kept, with all that comes after it."""
    if not batch:
        return []
    seq = (batch[0].seq or 1) - 1
    stubs = Checkpoint.objects.using(database).filter(kind=Checkpoint.Kind.PRUNE, seq=seq)
    known = [row.link for row in stubs if sealing_key.is_signed(sealing.said_by(row), row.key_id, row.signature)]
    link = "" if seq == 0 else next(iter(known), None)
    whole: list[Event] = []
    for event in batch:
        if link is None or event.seq != seq + 1 or not canonical.fits(event, link):
            logger.error("Event %s does not fit the audit log's chain: nothing is pruned from there on", event.seq)
            break
        whole.append(event)
        seq, link = event.seq, event.link
    return whole


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

    The events that say so, or that speak of tampering, are left as they are: without them the blanks would look like it.
    """
    sealing.seal()
    total = 0
    erasable = events.filter(erased=False).exclude(action__in=KEPT)
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


KEPT: Final = (Action.EVENTS_ERASED, Action.EVENTS_UNVOUCHED)
BLANK: Final = {
    "reason": "",
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
    """The events that a person did, that were done to their account and to what is theirs (keys, sessions, grants, requests, factors), and
    that name them in their details. What was theirs and is gone is found by the name alone.
    """
    names = {user.get_username(), str(user)}
    entries = ("principal", "before__principal", "requester", "holder", "user", "owner")
    named = [Q(**{f"details__{entry}": name}) for entry in entries for name in names]
    named.append(Q(details__user=str(user.pk)))
    found = Q(actor_kind="user", actor_id=str(user.pk)) | Q(target_kind=user._meta.model_name, target_id=str(user.pk))
    for condition in (*named, *_theirs(user)):
        found |= condition
    return Event.objects.filter(found)


def _theirs(user: Any) -> Iterator[Q]:
    """Conditions for events on rows that belong to the user: by the names of models, this module stands below their features."""
    for config in apps.get_app_configs():
        if not config.name.startswith("django_apiaccess"):
            continue
        for model in config.get_models():
            for field in model._meta.concrete_fields:
                if field.is_relation and field.name in OWNING and isinstance(user, field.related_model or ()):
                    ids = model._base_manager.filter(**{field.name: user.pk}).values_list("pk", flat=True)
                    kind = model._meta.model_name
                    yield Q(target_kind=kind, target_id__in=[str(pk) for pk in ids])


OWNING: Final = frozenset({"user", "principal", "requester", "owner"})
"""Names of the columns that say whose a row is."""
