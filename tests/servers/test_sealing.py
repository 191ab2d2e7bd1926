"""The audit log of two server processes: they seal and deliver by themselves, and what is changed by SQL is found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.events.receiver import Receiver

from .processes import ROOT, environment, until

REFUND = "/api/orders/1/refund/"
SINKS = "django_apiaccess.events.sinks"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def command(database: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    manage = [sys.executable, str(ROOT / "example_project" / "manage.py"), *words]
    return subprocess.run(
        manage, env=environment(**database), capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )


def test_processes_seal_and_deliver_by_themselves_and_a_change_by_sql_is_found(
    receiver: Receiver, start: Any, issue: Any, shell: Any, database: dict[str, str], tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoints"
    options = {"url": receiver.url, "allow_http": True, "allow_private": True}
    sinks = [
        {"BACKEND": f"{SINKS}.WebhookSink", "OPTIONS": options},
        {"BACKEND": f"{SINKS}.FileSink", "OPTIONS": {"checkpoints": str(kept)}},
    ]
    receiver.statuses = [500]  # the first delivery of all fails: nothing may be lost by it
    servers = start(2, API_ACCESS=json.dumps({"EVENTS": {"SINKS": sinks, "SEAL_EVERY": 5, "SEAL_AFTER": "1s"}}))
    key = issue()

    def refused(number: int) -> int:
        return int(servers[number % 2].status(key["text"], REFUND, "POST"))

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(refused, range(60))) == {403}

    def sealed() -> bool:
        assert servers[0].status(key["text"], REFUND, "POST") == 403
        assert servers[1].status(key["text"]) == 200
        return len(receiver.seqs()) >= 60

    until(sealed, 30)
    seqs = list(dict.fromkeys(receiver.seqs()))
    assert seqs == list(range(1, len(seqs) + 1)), "in order, without a gap"

    whole = command(database, "verify_events", "--checkpoints", str(kept))
    assert whole.returncode == 0, whole.stderr
    before = shell.relabel(seq=7, label="nobody")
    changed = command(database, "verify_events", "--checkpoints", str(kept))
    shell.relabel(seq=7, label=before)
    assert changed.returncode == 1
    assert "event 7: " in changed.stdout + changed.stderr
