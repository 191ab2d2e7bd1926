"""Where events go besides the database: a sink that fails costs no request and loses nothing that the database took."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from django_apiaccess.core.reasons import Reason
from django_apiaccess.events import sealing
from django_apiaccess.events.delivery import deliver, waiting
from django_apiaccess.events.models import Checkpoint, Delivered, Event
from django_apiaccess.events.record import refused
from django_apiaccess.events.retention import prune_events
from django_apiaccess.events.source import Actor
from django_apiaccess.events.tags import Action

from .receiver import Receiver

pytestmark = pytest.mark.django_db
SINKS = "django_apiaccess.events.sinks"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def use(settings: Any) -> Callable[..., None]:
    def make(*sinks: dict[str, Any]) -> None:
        settings.API_ACCESS = {**settings.API_ACCESS, "EVENTS": {"SINKS": list(sinks)}}

    return make


@pytest.fixture
def hook(use: Any, receiver: Receiver) -> Receiver:
    options = {"url": receiver.url, "secret": "shared", "allow_http": True, "allow_private": True}
    use({"BACKEND": f"{SINKS}.WebhookSink", "OPTIONS": options})
    Event.objects.all().delete()
    return receiver


def write(count: int = 1) -> None:
    for number in range(count):
        refused(Action.ACCESS_DENIED, Reason.SCOPE_MISSING, by=Actor("user", f"ann {number}", "1"))


def again() -> None:
    """The pause after a failure is over."""
    Delivered.objects.update(retry_at=timezone.now() - timedelta(seconds=1))


def test_a_webhook_gets_sealed_events_in_order_signed_and_once(hook: Receiver) -> None:
    write(250)
    assert list(deliver().values()) == [0]  # not sealed yet
    sealing.seal()
    assert list(deliver().values()) == [250]
    assert hook.seqs() == list(range(1, 251))
    assert list(deliver().values()) == [0]
    body, signature = hook.raw[0]
    assert signature == "sha256=" + hmac.new(b"shared", body, hashlib.sha256).hexdigest()
    assert list(waiting().values()) == [0]


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_a_webhook_does_not_acknowledge_it_gets_again_and_nothing_is_lost(hook: Receiver, status: int) -> None:
    write(150)
    sealing.seal()
    hook.statuses = [200, status]
    assert list(deliver().values()) == [100]
    assert list(waiting().values()) == [50]
    assert list(deliver().values()) == [0]  # it is left alone for a while
    write(1)
    sealing.seal()
    again()
    assert list(deliver().values()) == [51]
    assert hook.seqs() == list(range(1, 152))


def test_pauses_grow_while_a_webhook_fails(hook: Receiver) -> None:
    write()
    sealing.seal()
    hook.statuses = [500] * 4
    pauses = []
    for _ in range(4):
        deliver()
        row = Delivered.objects.get()
        assert row.retry_at is not None
        pauses.append((row.retry_at - timezone.now()).total_seconds())
        again()
    assert pauses == sorted(pauses)
    assert pauses[-1] > 6


def test_a_webhook_that_is_not_there_costs_no_request(use: Any, make_user: Any, make_key: Any, client_of: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    use({"BACKEND": f"{SINKS}.WebhookSink", "OPTIONS": {"url": url, "allow_http": True, "allow_private": True}})
    client = client_of(make_key(make_user("ann", "docs:read"), "docs:read"))
    assert client.get("/read-only/").status_code == 200
    sealing.seal()
    assert list(deliver().values()) == [0]
    assert next(iter(waiting().values())) > 0


def test_two_processes_do_not_deliver_the_same_at_once(hook: Receiver) -> None:
    write(3)
    sealing.seal()
    Delivered.objects.create(sink=next(iter(waiting())), retry_at=timezone.now() + timedelta(seconds=30))
    assert list(deliver().values()) == [0]
    assert hook.seqs() == []


def test_events_that_a_webhook_does_not_have_yet_are_not_pruned(hook: Receiver) -> None:
    write(120)
    sealing.seal()
    hook.statuses = [200, 500]
    deliver()
    later = timezone.now() + timedelta(days=1)
    assert prune_events(later) == 100
    again()
    deliver()
    assert prune_events(later) == 20
    assert hook.seqs() == list(range(1, 121))


def test_syslog_gets_events_and_checkpoints_as_json(use: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(5)
        use({"BACKEND": f"{SINKS}.SyslogSink", "OPTIONS": {"address": list(daemon.getsockname())}})
        write()
        line = daemon.recv(65_536).decode()
        assert json.loads(line[line.index("{") :].rstrip("\0"))["action"] == "access.denied"
        sealing.seal()
        sealing.announce(Checkpoint.objects.order_by("-seq")[0])
        assert "checkpoint" in daemon.recv(65_536).decode()


def test_a_syslog_that_is_not_there_costs_no_request(use: Any, caplog: pytest.LogCaptureFixture) -> None:
    use({"BACKEND": f"{SINKS}.SyslogSink", "OPTIONS": {"address": "/nonexistent/log"}})
    write()
    assert Event.objects.filter(action="access.denied").exists()
    assert "The sink SyslogSink took nothing" in caplog.text


def test_a_file_gets_one_line_an_event_that_only_its_owner_reads(use: Any, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    use({"BACKEND": f"{SINKS}.FileSink", "OPTIONS": {"path": str(path)}})
    write(3)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["actor_label"] for row in rows] == ["ann 0", "ann 1", "ann 2"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_costs_no_request(use: Any, caplog: pytest.LogCaptureFixture) -> None:
    use({"BACKEND": f"{SINKS}.FileSink", "OPTIONS": {"path": "/nonexistent/events"}})
    write()
    assert Event.objects.filter(action="access.denied").exists()
    assert "The sink FileSink took nothing" in caplog.text
