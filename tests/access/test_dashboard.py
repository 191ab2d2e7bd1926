"""The numbers of the dashboard, against rows whose answer is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_apiaccess.access import dashboard
from django_apiaccess.core.reasons import Reason
from django_apiaccess.events import sealing
from django_apiaccess.events.models import Event
from django_apiaccess.events.record import refused
from django_apiaccess.events.source import Actor
from django_apiaccess.events.tags import Action
from django_apiaccess.keys.models import APIKey, APIKeySecret

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(make_user: Any) -> Any:
    """`key(age=40, used=3, ends=5, revoked=True)`: in days."""
    ann = make_user("ann")

    def make(
        *,
        age: int = 0,
        used: int | None = None,
        ends: int | None = None,
        revoked: bool = False,
        retired: int | None = None,
    ) -> APIKey:
        now = timezone.now()
        made = APIKey.objects.create(
            name="a key",
            principal=ann,
            last_used_at=None if used is None else now - timedelta(days=used),
            expires_at=None if ends is None else now + timedelta(days=ends),
            revoked_at=now if revoked else None,
        )
        number = APIKeySecret.objects.count()
        APIKeySecret.objects.create(
            key=made, public_id=f"{number:012d}", digest="x", created_at=now - timedelta(days=age)
        )
        if retired is not None:
            at = now - timedelta(days=retired)
            APIKeySecret.objects.create(
                key=made, public_id=f"old{number:09d}", digest="x", created_at=at, retired_at=now
            )
        return made

    return make


def test_keys_are_counted_by_the_age_of_the_secret_that_is_current(key: Any) -> None:
    for age in (1, 29, 31, 91, 364, 366, 900):
        key(age=age)
    key(age=2, retired=800)
    key(age=900, revoked=True)
    key(age=900, ends=-1)
    assert dashboard.keys_by_age(timezone.now()) == {"month": 3, "quarter": 1, "year": 2, "older": 2}


def test_keys_are_counted_once_by_their_last_use(key: Any) -> None:
    for used in (0, 0, 2, 8, 31, 91, 500, None, None):
        key(used=used)
    key(revoked=True)
    counts = dashboard.keys_by_use(timezone.now())
    assert counts == {"day": 2, "week": 1, "month": 1, "quarter": 1, "older": 2, "never": 2}


def test_keys_that_end_come_the_next_first_and_the_dead_not_at_all(key: Any) -> None:
    later, soon = key(ends=20), key(ends=2)
    for ends, revoked in ((-1, False), (40, False), (None, False), (3, True)):
        key(ends=ends, revoked=revoked)
    assert list(dashboard.expiring(timedelta(days=30))) == [soon, later]


def fail(address: str | None, days: int = 0, count: int = 1, outcome: str = "failed") -> None:
    Event.objects.create(
        action="credential.refused", outcome=outcome, address=address, count=count,
        at=timezone.now() - timedelta(days=days),
    )  # fmt: skip


def test_failures_are_counted_by_network_and_day_with_how_often_each_happened() -> None:
    Event.objects.all().delete()
    fail("192.0.2.1", count=5)
    fail("192.0.2.1", days=2, count=2)
    fail("2001:db8::1")
    fail("2001:db8::2", outcome="denied")
    fail(None, count=3)
    fail("192.0.2.9", outcome="success", count=100)
    fail("192.0.2.1", days=30, count=100)
    found = dashboard.failures(timezone.now())
    assert len(found.days) == 14
    table = {network: counts[-3:] for network, counts in found.networks}
    assert table == {"192.0.2.1": (2, 0, 5), "2001:db8::/64": (0, 0, 2), "": (0, 0, 3)}
    assert sum(sum(counts) for _network, counts in found.networks) == 12


def test_the_networks_beyond_the_worst_five_are_one_heading() -> None:
    Event.objects.all().delete()
    for number in range(1, 9):
        fail(f"192.0.2.{number}", count=number)
    found = dashboard.failures(timezone.now())
    assert [network for network, _counts in found.networks] == [f"192.0.2.{n}" for n in (8, 7, 6, 5, 4)] + [""]
    assert found.networks[-1][1][-1] == 1 + 2 + 3


def test_an_attack_from_many_addresses_costs_no_more_statements(
    monkeypatch: Any, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(dashboard, "ADDRESSES", 10)
    Event.objects.all().delete()
    for number in range(60):
        fail(f"198.51.100.{number}")
    with django_assert_num_queries(3):
        found = dashboard.failures(timezone.now())
    assert sum(sum(counts) for _network, counts in found.networks) == 60


def test_without_failures_there_is_no_network() -> None:
    Event.objects.all().delete()
    assert dashboard.failures(timezone.now()).networks == ()


def test_it_says_how_far_the_log_is_sealed_and_what_waits() -> None:
    Event.objects.all().delete()
    nothing = dashboard.sealed()
    assert (nothing.to, nothing.at, nothing.waiting, nothing.oldest_waiting) == (0, None, 0, None)
    for _number in range(2):
        refused(Action.CREDENTIAL_REFUSED, Reason.UNKNOWN, by=Actor("anonymous", ""))
    sealing.seal()
    fail("192.0.2.1", days=1)
    state = dashboard.sealed()
    assert (state.to, state.waiting) == (2, 1)
    assert state.at is not None
    assert state.oldest_waiting == Event.objects.get(seq=None).at


def test_the_cost_is_flat_in_the_number_of_keys(key: Any, connection_queries: Any) -> None:
    key(age=1, used=1, ends=2)
    one = connection_queries()
    for _number in range(30):
        key(age=1, used=1, ends=2)
    assert connection_queries() == one == 3


@pytest.fixture
def connection_queries() -> Any:
    from django.db import connection

    def count() -> int:
        now = timezone.now()
        with CaptureQueriesContext(connection) as queries:
            dashboard.keys_by_age(now)
            dashboard.keys_by_use(now)
            list(dashboard.expiring(timedelta(days=30))[:8])
        return len(queries)

    return count
