"""An audit log that nobody takes care of."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.utils import timezone

from django_apiaccess.events import sealing
from django_apiaccess.events.models import Checkpoint, Event, SealedTo

from . import plant


@plant("events.retention-short", finds="30 days")
def kept_for_a_month(project: Any) -> None:
    project.access(EVENTS={"RETENTION": "30d"})


@plant("events.no-copy")
def no_copy_of_checkpoints(project: Any) -> None:
    project.access(EVENTS={"SINKS": []})


@plant("events.no-copy")
def a_logger_that_is_too_quiet(project: Any) -> None:
    project.access(EVENTS={"SINKS": []})
    project.fixture("monkeypatch").setattr(logging.getLogger("django_apiaccess"), "handlers", [logging.NullHandler()])


@plant("events.seal-key-derived", severity="info")
def the_key_derives_from_the_pepper(project: Any) -> None:
    project.access(EVENTS={"SEAL_KEY": None})


@plant("events.unsealed")
def nobody_seals(project: Any) -> None:
    Event.objects.update(at=timezone.now() - timedelta(days=5))


@plant("events.seal-broken", finds="not signed")
def a_checkpoint_that_was_made_up(project: Any) -> None:
    sealing.seal()
    Checkpoint.objects.update(signature="AAAA")


@plant("events.seal-broken", finds="chain ends at")
def the_end_was_moved(project: Any) -> None:
    sealing.seal()
    SealedTo.objects.update(seq=1)


@plant("events.seal-broken", finds="gone or changed")
def the_last_event_was_removed(project: Any) -> None:
    sealing.seal()
    Event.objects.filter(seq=SealedTo.objects.get().seq).delete()


@plant("events.seal-broken", finds="no checkpoint is there")
def the_checkpoints_were_removed(project: Any) -> None:
    sealing.seal()
    Checkpoint.objects.all().delete()
