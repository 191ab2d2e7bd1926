"""The audit log's chain while others write, seal and prune: nothing is lost, and it stays whole."""

from __future__ import annotations

import time

from django.utils import timezone

from django_apiaccess.events.models import Event
from django_apiaccess.events.record import changed
from django_apiaccess.events.retention import prune_events
from django_apiaccess.events.sealing import seal
from django_apiaccess.events.source import Actor
from django_apiaccess.events.tags import Action
from django_apiaccess.events.verify import verify

from .threads import race, raised


def write(count):
    for number in range(count):
        changed(Action.KEY_CREATED, None, by=Actor.command(f"test {number}"))


def test_two_sealers_beside_four_writers_make_one_whole_chain():
    before = Event.objects.count()
    outcomes = race(*[lambda: write(25)] * 4, *[lambda: [seal() for _ in range(10)]] * 2)
    assert raised(outcomes) == []
    seal()
    found = verify()
    assert found.problems == ()
    assert found.sealed == found.sealed_to == before + 100


def test_four_sealers_at_once_seal_each_event_once():
    write(40)
    total = Event.objects.count()
    outcomes = race(*[seal] * 4)
    assert raised(outcomes) == []
    assert sum(outcomes) == total
    assert verify().problems == ()


def test_verifying_beside_writers_sealers_and_a_pruner_raises_no_false_alarm():
    write(20)
    seal()
    oldest = timezone.now()

    def prune():
        for _ in range(4):
            prune_events(oldest)
            time.sleep(0.02)

    outcomes = race(
        *[lambda: write(25)] * 2,
        *[lambda: [seal() for _ in range(15)]] * 2,
        prune,
        *[lambda: [verify().problems for _ in range(15)]] * 2,
    )
    assert raised(outcomes) == []
    assert {problems for several in outcomes[-2:] for problems in several} == {()}
    seal()
    assert verify().problems == ()
