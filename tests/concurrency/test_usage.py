"""Use counts and last use: collected by many threads and processes, written in batches, nothing lost, never backwards."""

from __future__ import annotations

import os
import random
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction

from django_apiaccess import background
from django_apiaccess.background import Flusher
from django_apiaccess.events.later import later
from django_apiaccess.events.models import Event
from django_apiaccess.events.tags import Action
from django_apiaccess.keys.models import APIKey
from django_apiaccess.keys.usage import UsageCollector, usage

from .threads import race, raised

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def key(make_user, make_key):
    return make_key(make_user("ann", "docs:read"), "docs:read").key


def test_parallel_flushes_of_several_processes_add_up_and_move_last_use_forward_only(key):
    secret = key.secrets.get()
    went_back = []

    def process(seed: int):
        collector, shuffled = UsageCollector(), random.Random(seed)
        for step in range(20):
            for _use in range(5):
                at = NOON + timedelta(seconds=shuffled.randrange(1000))
                collector.record(key.pk, secret.pk, f"192.0.2.{seed}", at)
            collector.flush()
            written = APIKey.objects.values_list("last_used_at", flat=True).get(pk=key.pk)
            if went_back and written < went_back[-1]:
                raise AssertionError(f"step {step}: last use went back")
        collector.record(key.pk, secret.pk, f"192.0.2.{seed}", NOON + timedelta(seconds=2000 + seed))
        collector.flush()

    outcomes = race(*[lambda seed=seed: process(seed) for seed in range(4)])

    assert raised(outcomes) == []
    key.refresh_from_db()
    secret.refresh_from_db()
    assert key.use_count == 4 * 101
    assert key.last_used_at == secret.last_used_at == NOON + timedelta(seconds=2003)
    assert key.last_used_from == "192.0.2.3"


def test_a_process_that_writes_late_does_not_move_last_use_back(key):
    secret = key.secrets.get()
    early, late = UsageCollector(), UsageCollector()
    early.record(key.pk, secret.pk, "192.0.2.1", NOON)
    late.record(key.pk, secret.pk, "192.0.2.2", NOON + timedelta(seconds=5))
    late.flush()
    early.flush()
    key.refresh_from_db()
    secret.refresh_from_db()
    assert (key.use_count, key.last_used_at, key.last_used_from) == (2, NOON + timedelta(seconds=5), "192.0.2.2")
    assert secret.last_used_at == NOON + timedelta(seconds=5)


def test_a_thread_that_records_late_does_not_move_last_use_back(key):
    secret = key.secrets.get()
    usage.record(key.pk, secret.pk, "192.0.2.2", NOON + timedelta(seconds=5))
    usage.record(key.pk, secret.pk, "192.0.2.1", NOON)
    usage.flush()
    key.refresh_from_db()
    secret.refresh_from_db()
    assert (key.use_count, key.last_used_at, key.last_used_from) == (2, NOON + timedelta(seconds=5), "192.0.2.2")
    assert secret.last_used_at == NOON + timedelta(seconds=5)


def test_uses_recorded_while_a_flush_runs_are_all_counted(key):
    secret = key.secrets.get()
    stop = threading.Event()

    def flush():
        while not stop.is_set():
            usage.flush()

    def record():
        for _use in range(400):
            usage.record(key.pk, secret.pk, "192.0.2.1", NOON)

    def record_all():
        try:
            workers = [threading.Thread(target=record) for _number in range(4)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        finally:
            stop.set()

    assert raised(race(flush, record_all)) == []
    usage.flush()
    key.refresh_from_db()
    assert key.use_count == 1600


def fails(*_arguments, **_options):
    raise OperationalError("the database is away")


def test_what_a_flush_cannot_write_is_kept_and_written_once_later(key, monkeypatch, caplog):
    flusher = Flusher()
    flusher.register(usage)
    secret = key.secrets.get()
    usage.record(key.pk, secret.pk, "192.0.2.1", NOON)
    with monkeypatch.context() as patch:
        patch.setattr(UsageCollector, "_write", staticmethod(fails))
        assert flusher.flush() is False
    assert "kept" in caplog.text
    usage.record(key.pk, secret.pk, "192.0.2.2", NOON + timedelta(seconds=1))
    assert flusher.flush() is True
    assert flusher.flush() is True
    key.refresh_from_db()
    assert (key.use_count, key.last_used_from) == (2, "192.0.2.2")


class Recorder:
    """A collector that notes what the flusher does with it."""

    def __init__(self) -> None:
        self.waiting, self.written, self.answers = 0, 0, []
        self.slow = 0.0

    def add(self) -> None:
        self.waiting += 1

    def pending(self) -> bool:
        return bool(self.waiting)

    def forget(self) -> None:
        self.waiting = 0

    def flush(self) -> None:
        if self.answers:
            raise self.answers.pop(0)
        taken, self.waiting = self.waiting, 0
        time.sleep(self.slow)
        self.written += taken


@pytest.fixture
def running(monkeypatch):
    """A flusher of its own with a short interval, and its collector."""
    monkeypatch.setattr(background, "INTERVAL", 0.05)
    flusher, recorder = Flusher(), Recorder()
    flusher.register(recorder)
    return flusher, recorder


def until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_the_thread_tries_again_by_itself_after_any_failure(running, caplog):
    flusher, recorder = running
    recorder.answers = [OperationalError("away"), RuntimeError("a bug"), OperationalError("away")]
    recorder.add()
    flusher.wake()
    until(lambda: len(recorder.answers) == 1)
    flusher.wake()
    until(lambda: recorder.written == 1)


def test_the_end_of_a_process_waits_for_a_flush_that_is_under_way(running):
    flusher, recorder = running
    recorder.slow = 0.3
    recorder.add()
    flusher.wake()
    until(lambda: recorder.waiting == 0)
    assert recorder.written == 0
    flusher.finish()
    assert recorder.written == 1


def test_the_end_of_a_process_tries_more_than_once(running):
    flusher, recorder = running
    recorder.add()
    recorder.answers = [OperationalError("a row is locked")]
    flusher.finish()
    assert recorder.written == 1


def test_what_the_tests_of_a_project_left_over_is_not_written_into_its_real_database(running, monkeypatch):
    monkeypatch.setattr(background, "INTERVAL", 60)  # only the end of the process writes
    flusher, recorder = running
    recorder.add()
    flusher.wake()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "NAME", "the real one, put back when the tests' own was destroyed")
        flusher.finish()
    assert (recorder.waiting, recorder.written) == (0, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork")
def test_a_forked_child_counts_its_own_uses_only_and_can_still_flush(running):
    flusher, recorder = running
    os.register_at_fork(after_in_child=flusher.after_fork)
    recorder.add()
    flusher._flushing.acquire()  # another thread of the parent writes at this moment
    child = os.fork()
    if child == 0:
        recorder.add()
        flusher.flush()
        os._exit(recorder.written)
    flusher._flushing.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert recorder.waiting == 1


def test_refusals_counted_by_many_threads_are_written_with_their_number(client_of):
    outcomes = race(*[lambda: [client_of("nonsense").get("/read-only/").status_code for _number in range(10)]] * 4)
    assert outcomes == [[401] * 10] * 4
    refusals = Event.objects.filter(action=Action.CREDENTIAL_REFUSED)
    assert not refusals.exists()
    later.flush()
    assert sum(refusals.values_list("count", flat=True)) == 40


@pytest.mark.postgres
def test_in_a_deadlock_with_an_administrator_it_is_the_flush_that_gives_way(make_user, make_key):
    """A mass revocation locks rows in its own order. PostgreSQL looks for a deadlock a second after somebody began to wait."""
    first, second = (make_key(make_user(name, "docs:read"), "docs:read").key for name in ("ann", "bob"))
    for key in (first, second):
        usage.record(key.pk, key.secrets.get().pk, "192.0.2.1", NOON)
    locked = threading.Event()

    def revoke():
        with transaction.atomic():
            APIKey.objects.filter(pk=second.pk).update(revoked_at=NOON)
            locked.set()
            time.sleep(1.2)
            return APIKey.objects.filter(pk=first.pk).update(revoked_at=NOON)

    def flush():
        assert locked.wait(10)
        usage.flush()

    revoked, flushed = race(revoke, flush)
    assert revoked == 1
    assert isinstance(flushed, OperationalError)
    usage.flush()
    assert list(APIKey.objects.values_list("use_count", flat=True)) == [1, 1]
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
