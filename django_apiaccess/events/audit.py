"""The audit's rules about the audit log: how long it is kept, where it also goes, whether it is sealed, and whether its seals hold."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ..audit import places
from ..audit.finding import Finding, Severity, Subject
from ..audit.rules import rule
from ..audit.run import Audit
from ..check_ids import sound
from ..conf import access_settings
from . import sealing, sealing_key
from .models import Checkpoint, Event, SealedTo
from .sinks import Sink, sinks

SHORTEST: Final = timedelta(days=90)
WAITING: Final = timedelta(days=2)
LOG: Final = Subject("audit_log", "events", "the audit log")
SINK: Final = '{"BACKEND": "django_apiaccess.events.sinks.SyslogSink"}'
EVENTS: Final = 'API_ACCESS["EVENTS"]'


@rule(
    "events.retention-short",
    Severity.LOW,
    title="Events are deleted before anybody looks",
    why="Break-ins are found weeks later. What was deleted by then answers no question.",
    fix='API_ACCESS = {..., "EVENTS": {"RETENTION": "365d"}}',
    references=("ASVS 16.1.1", "CWE-778"),
)
def retention_short(audit: Audit) -> Iterator[Finding]:
    kept = access_settings.EVENTS_RETENTION if sound("EVENTS") else None
    if kept is not None and kept < SHORTEST:
        yield audit.found(places.setting(f'{EVENTS}["RETENTION"]'), f"keeps events for {kept.days} days")


@rule(
    "events.no-copy",
    Severity.LOW,
    title="The audit log is in the database alone",
    why="Whoever can write to the database can cut off its end, seals and all. Only a copy of the checkpoints elsewhere shows that.",
    fix=f'API_ACCESS = {{..., "EVENTS": {{"SINKS": [{SINK}]}}}}',
    references=("ASVS 16.4.2", "ASVS 16.4.3", "CWE-778"),
)
def no_copy(audit: Audit) -> Iterator[Finding]:
    if not sound("EVENTS") or any(_keeps_checkpoints(sink) for sink in sinks()):
        return
    checkpoints = logging.getLogger("django_apiaccess.checkpoints")
    if checkpoints.hasHandlers() and checkpoints.isEnabledFor(logging.INFO):
        return  # LOGGING sends them somewhere
    yield audit.found(places.setting(f'{EVENTS}["SINKS"]'), "no sink takes checkpoints, and no handler logs them")


def _keeps_checkpoints(sink: Sink) -> bool:
    return type(sink).take_checkpoint is not Sink.take_checkpoint or sink.acknowledges


@rule(
    "events.seal-key-derived",
    Severity.INFO,
    title="Checkpoints are signed with a key that every worker can derive",
    why="Who breaks into a worker has the pepper, and can sign. A key in a file that only the sealer reads is out of reach.",
    fix="openssl genpkey -algorithm ed25519 -out /etc/apiaccess/seal.pem\n"
    'API_ACCESS = {..., "EVENTS": {"SEAL_KEY": "/etc/apiaccess/seal.pem"}}',
    references=("ASVS 16.4.2", "ASVS 13.3.1"),
)
def seal_key_derived(audit: Audit) -> Iterator[Finding]:
    if sound("EVENTS") and access_settings.EVENTS_SEAL_KEY is None:
        yield audit.found(
            places.setting(f'{EVENTS}["SEAL_KEY"]'), "is not set, so the key derives from the newest pepper"
        )


@rule(
    "events.unsealed",
    Severity.MEDIUM,
    title="Events wait for their seal for days",
    why="What is not sealed yet can be deleted without a trace. Nobody seals, or sealing fails.",
    fix="manage.py seal_events  # every five minutes, by cron or a systemd timer",
    references=("ASVS 16.4.2", "CWE-778"),
)
def unsealed(audit: Audit) -> Iterator[Finding]:
    waiting = Event.objects.filter(seq=None).order_by("pk").values_list("at", flat=True).first()
    if waiting is not None and audit.now - waiting > WAITING:
        yield audit.found(LOG, f"its oldest event without a seal is of {waiting:%Y-%m-%d}")


@rule(
    "events.seal-broken",
    Severity.CRITICAL,
    title="The end of the audit log was tampered with",
    why="The last checkpoint is not signed by a key of ours, or the chain does not end where it was signed. verify_events says more.",
    fix="manage.py verify_events",
    references=("ASVS 16.4.2", "CWE-345"),
)
def seal_broken(audit: Audit) -> Iterator[Finding]:
    """Cheap on purpose: the end of the chain alone. The whole of it is `verify_events`'s."""
    last = Checkpoint.objects.order_by("-seq", "-pk").first()
    end = SealedTo.objects.filter(pk=1).first()
    if last is None:
        if end is not None and end.seq:
            yield audit.found(LOG, f"the chain reached event {end.seq}, and no checkpoint is there", aspect="none")
        return
    if not sealing_key.is_signed(sealing.said_by(last), last.key_id, last.signature):
        yield audit.found(LOG, f"the checkpoint at event {last.seq} is not signed by a key of ours", aspect="signature")
    elif end is None or (end.seq, end.link) != (last.seq, last.link):
        there = f"ends at {end.seq}" if end is not None else "has no end"
        yield audit.found(LOG, f"a checkpoint was signed at event {last.seq}, the chain {there}", aspect="end")
    elif last.kind == Checkpoint.Kind.SEAL:
        row = Event.objects.filter(seq=last.seq).first()
        if row is None or row.link != last.link:
            yield audit.found(
                LOG, f"event {last.seq}, over which a checkpoint was signed, is gone or changed", aspect="row"
            )
