"""Workers that make, rotate and distrust signing keys at the same moment."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from django_apiaccess.events.source import Actor
from django_apiaccess.models import Event
from django_apiaccess.tokens import ring as rings
from django_apiaccess.tokens.models import SigningKey
from django_apiaccess.tokens.ring import KeyRing

from .threads import race, raised, returned

BY = Actor.command("test")


def test_workers_that_sign_first_at_once_make_one_key():
    tokens = race(*[lambda: KeyRing().sign({"sub": "1"}, typ="at+jwt") for _ in range(8)])
    assert raised(tokens) == []
    assert SigningKey.objects.count() == 1
    assert Event.objects.filter(action="signing_key.made").count() == 1


def test_workers_that_rotate_at_once_make_one_key():
    rings.make_first_key()
    outcomes = race(*[lambda: rings.rotate(by=BY) for _ in range(8)])
    assert raised(outcomes) == []
    assert [made for _, made in returned(outcomes)].count(True) == 1
    assert {key.number for key, _ in returned(outcomes)} == {2}
    assert SigningKey.objects.count() == 2
    assert Event.objects.filter(action="signing_key.made").count() == 2


def test_workers_that_rotate_at_once_within_transactions_make_one_key():
    def rotate():
        with transaction.atomic():
            return rings.rotate(by=BY)

    rings.make_first_key()
    outcomes = race(*[rotate for _ in range(4)])
    assert raised(outcomes) == []
    assert SigningKey.objects.count() == 2


def test_a_compromise_and_a_rotation_at_once_leave_a_key_that_signs_and_the_bad_one_out():
    rings.make_first_key()
    bad = SigningKey.objects.get().kid
    outcomes = race(
        lambda: rings.compromise(bad, by=BY, reason="stolen"),
        lambda: rings.rotate(by=BY),
        lambda: rings.rotate(by=BY, now=True),
    )
    assert raised(outcomes) == []
    ring = KeyRing()
    assert ring.sign({"sub": "1"}, typ="at+jwt")
    assert ring.verifying_key(bad) is None
    lasting = SigningKey.objects.filter(compromised=False, verifies_until=None)
    assert lasting.filter(signs_from__lte=timezone.now() + timedelta(minutes=10)).exists()


def test_two_who_report_the_same_key_at_once_leave_one_event():
    rings.make_first_key()
    bad = SigningKey.objects.get().kid
    outcomes = race(*[lambda: rings.compromise(bad, by=BY, reason="stolen") for _ in range(4)])
    assert len(returned(outcomes)) == 1
    assert all("already" in str(error) for error in raised(outcomes))
    assert SigningKey.objects.filter(compromised=False).count() == 1
    assert Event.objects.filter(action="signing_key.compromised").count() == 1
