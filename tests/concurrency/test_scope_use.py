"""Uses of scopes written by several processes at once, and narrowing while others change the same key."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from django_apiaccess.events.source import Actor
from django_apiaccess.exceptions import InvalidChange
from django_apiaccess.keys import service
from django_apiaccess.keys.models import APIKey, ScopeUse
from django_apiaccess.keys.narrowing import narrow
from django_apiaccess.keys.scope_use import ScopeUseCollector, write
from tests.planting import aged, used

from .threads import race, raised

ALL = ("docs:read", "docs:write", "reports:read")
BY = Actor.command("test")
DAY = date(2026, 1, 1)


@pytest.fixture
def keys(make_user, make_key):
    user = make_user("ann", *ALL)
    return [aged(make_key(user, *ALL, name=str(number)).key, 100) for number in range(6)]


def test_processes_that_see_the_same_uses_write_one_row_each_and_close_no_circle(keys):
    def process(turn):
        collector = ScopeUseCollector()
        order = keys if turn % 2 else keys[::-1]
        for _round in range(5):
            for key in order:
                for scope in ALL:
                    collector.record(key.pk, scope)
            collector.flush()
            collector.forget()

    assert raised(race(*[lambda turn=turn: process(turn) for turn in range(4)])) == []
    assert sorted(ScopeUse.objects.values_list("key_id", "scope")) == sorted(
        (key.pk, scope) for key in keys for scope in ALL
    )


def test_whoever_writes_last_the_latest_day_stays(keys):
    days = [DAY + timedelta(days=number) for number in range(8)]
    assert raised(race(*[lambda day=day: write([(keys[0].pk, "docs:read", day)]) for day in days])) == []
    assert ScopeUse.objects.get().last_on == days[-1]


def test_a_key_that_somebody_narrows_by_hand_meanwhile_gets_nothing_back(keys):
    key = keys[0]
    used(key, "docs:read", "reports:read")
    stale = APIKey.objects.get(pk=key.pk)
    outcomes = race(
        lambda: service.change(APIKey.objects.get(pk=key.pk), by=BY, scopes=["docs:read"]),
        lambda: narrow(stale, by=BY),
    )
    assert raised(outcomes) == []
    assert set(APIKey.objects.get(pk=key.pk).scopes) == {"docs:read"}


def test_a_key_that_is_revoked_meanwhile_stays_revoked(keys):
    key = keys[0]
    used(key, "docs:read")
    outcomes = race(
        lambda: service.revoke(key, reason="x", by=BY), lambda: narrow(APIKey.objects.get(pk=key.pk), by=BY)
    )
    assert all(isinstance(error, InvalidChange) for error in raised(outcomes))
    assert APIKey.objects.get(pk=key.pk).revoked_at <= timezone.now()


def test_narrowed_by_two_at_once_it_is_narrowed_once(keys):
    from django_apiaccess.models import Event

    key = keys[0]
    used(key, "docs:read")
    assert raised(race(*[lambda: narrow(APIKey.objects.get(pk=key.pk), by=BY)] * 3)) == []
    assert set(APIKey.objects.get(pk=key.pk).scopes) == {"docs:read"}
    assert Event.objects.filter(action="key.changed").count() == 1
