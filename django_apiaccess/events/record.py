"""The only writer of the audit log.

A change and its line stand or fall together: `changed` writes in the transaction of the change. A refusal must survive
the roll-back of the request that it refuses: `refused` writes outside ATOMIC_REQUESTS' transaction. What reaches the
Python logger and the signal has been committed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import Any, Final

from django.core.signals import request_finished
from django.db import Error, connections, models, router, transaction

from ..conf import access_settings
from ..core.access import CredentialRef
from ..core.reasons import Reason
from ..signals import access_event
from . import canonical
from .models import Event
from .sealing import background_sealer
from .sinks import sinks
from .source import Actor
from .tags import Action

logger: Final = logging.getLogger("django_apiaccess")
_waiting: Final = threading.local()


def target_of(obj: models.Model | None, label: str = "") -> dict[str, str]:
    """The target columns for a model instance."""
    if obj is None:
        return {"target_label": _clean(label)[:200]} if label else {}
    meta = obj._meta
    return {
        "target_kind": str(meta.model_name),
        "target_id": str(obj.pk)[:64],
        "target_label": _clean(label or str(obj))[:200],
    }


def _event(action: Action, by: Actor, **columns: Any) -> Event:
    credential = columns.pop("credential", None) or by.credential
    if credential is not None:
        columns.update(
            credential_kind=credential.kind,
            credential_id=credential.id[:64],
            credential_label=_clean(credential.label)[:150],
        )
    columns["reason"] = _clean(str(columns.get("reason", "")))[:255]
    event = Event(
        action=action.value,
        actor_kind=by.kind,
        actor_id=_clean(by.id)[:64],
        actor_label=_clean(by.label)[:150],
        address=by.where.address,
        method=_clean(by.where.method)[:10],
        path=_clean(by.where.path)[:255],
        request_id=by.where.request_id[:64],
        **columns,
    )
    event.mac = canonical.mac(event, access_settings.PEPPERS)
    return event


def _clean(text: str) -> str:
    """Without characters that a database or a log line cannot hold (ASVS 16.4.1)."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def changed(
    action: Action, target: models.Model | None, *, by: Actor, reason: str = "", label: str = "", **details: Any
) -> Event:
    """Write the line of a change, in the current transaction; logger and signal follow after commit."""
    event = _event(
        action, by, outcome=Event.Outcome.SUCCESS, reason=reason, details=details, **target_of(target, label)
    )
    event.save(force_insert=True)
    background_sealer.written(1)
    transaction.on_commit(lambda: _announce(event), using=event._state.db, robust=True)
    return event


def changed_many(
    action: Action, targets: Iterable[tuple[models.Model, dict[str, Any]]], *, by: Actor, reason: str = ""
) -> int:
    """The lines of one change to many things: `(thing, details)` each. In the current transaction."""
    events = [
        _event(action, by, outcome=Event.Outcome.SUCCESS, reason=reason, details=details, **target_of(target))
        for target, details in targets
    ]
    Event.objects.bulk_create(events, batch_size=1000)
    background_sealer.written(len(events))
    transaction.on_commit(lambda: _announce_all(events), using=router.db_for_write(Event), robust=True)
    return len(events)


def refused(
    action: Action,
    reason: Reason,
    *,
    by: Actor,
    credential: CredentialRef | None = None,
    outcome: str = Event.Outcome.DENIED,
    detail: str = "",
    count: int = 1,
    **details: Any,
) -> None:
    """Write the line of a refusal so that it outlives the refused request's transaction. Never raises."""
    if detail:
        details["detail"] = detail
    event = _event(
        action, by, outcome=outcome, reason=reason.value, details=details, credential=credential, count=count
    )
    connection = connections[router.db_for_write(Event)]
    if connection.in_atomic_block and (connection.settings_dict.get("ATOMIC_REQUESTS") or connection.needs_rollback):
        if not hasattr(_waiting, "events"):
            _waiting.events = []
        _waiting.events.append(event)
    else:
        _save([event])


def write_waiting(**_kwargs: Any) -> None:
    """Write what `refused` held back. Connected to the end of the request."""
    events: list[Event] = getattr(_waiting, "events", [])
    if events:
        _waiting.events = []
        _save(events)


request_finished.connect(write_waiting, dispatch_uid="django_apiaccess.events")


def _save(events: list[Event]) -> None:
    for event in events:
        try:
            event.save(force_insert=True)
            background_sealer.written(1)
        except Error:  # the request's answer matters more than its line; the logger still gets it
            logger.exception("The audit log could not be written", extra={"access_event": event.action})
        _announce(event)


def _announce_all(events: list[Event]) -> None:
    for event in events:
        _announce(event)


def _announce(event: Event) -> None:
    refused = event.outcome != Event.Outcome.SUCCESS
    logger.log(
        logging.WARNING if refused else logging.INFO,
        "%s %s%s",
        event.action,
        event.outcome,
        f" ({event.reason})" if event.reason else "",
        extra={"access_event": as_fields(event)},
    )
    for sink in sinks():
        if not sink.acknowledges:
            sink.safely_take(as_fields(event))
    for _receiver, answer in access_event.send_robust(sender=Event, event=event):
        if isinstance(answer, Exception):
            logger.error("A receiver of access_event failed", exc_info=answer)


def as_fields(event: Event) -> dict[str, Any]:
    """The event as plain data: for structured logging and export."""
    fields: dict[str, Any] = {}
    for column in event._meta.concrete_fields:
        value = getattr(event, column.attname)
        fields[column.attname] = value.isoformat() if hasattr(value, "isoformat") else value
    return fields
