"""Last use and counts: collected without a write, flushed in batches, only ever forward, nothing lost."""

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from django_apiaccess.background import flusher
from django_apiaccess.keys.models import APIKey, APIKeySecret
from django_apiaccess.keys.usage import UsageCollector, usage

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch):
    """No thread writes meanwhile."""
    monkeypatch.setattr(flusher, "wake", lambda: None)


@pytest.fixture
def key(make_user, make_key):
    return make_key(make_user("ann", "docs:read"), "docs:read")


def stored(issued):
    return APIKey.objects.values_list("use_count", "last_used_at", "last_used_from").get(pk=issued.key.pk)


def secret_of(issued):
    return APIKeySecret.objects.get(public_id=issued.text.split("_")[1])


def test_uses_are_counted_and_written_when_flushed(key, client_of, django_assert_num_queries):
    client = client_of(key)
    for address in ("203.0.113.1", "203.0.113.2", "2001:db8::1"):
        client.get("/read-only/", REMOTE_ADDR=address)
    assert stored(key)[0] == 0
    flusher.flush()
    count, at, place = stored(key)
    assert (count, place) == (3, "2001:db8::1")
    assert timezone.now() - at < timedelta(minutes=1)
    assert secret_of(key).last_used_at == at
    with django_assert_num_queries(0):
        flusher.flush()


def test_refused_uses_do_not_count(key, client_of, operator):
    from django_apiaccess.keys import service

    service.revoke(key.key, reason="test", by=operator)
    client_of(key).get("/read-only/")
    assert not usage.pending()


def test_a_use_that_a_scope_refuses_is_a_use_of_the_key(key, client_of):
    client_of(key).get("/report/")
    usage.flush()
    assert stored(key)[0] == 1


def test_time_moves_only_forward(key):
    ours, secret, now = UsageCollector(), secret_of(key), timezone.now()
    for at, address in ((now, "10.0.0.1"), (now - timedelta(hours=1), "10.0.0.2")):
        ours.record(key.key.pk, secret.pk, address, at)
        ours.flush()
    assert stored(key) == (2, now, "10.0.0.1")
    ours.record(key.key.pk, secret.pk, "10.0.0.3", now)
    ours.record(key.key.pk, secret.pk, "10.0.0.4", now - timedelta(seconds=1))
    ours.flush()
    assert stored(key)[:2] == (4, now)
    secret.refresh_from_db()
    assert secret.last_used_at == now


def test_what_could_not_be_written_is_kept(key, monkeypatch):
    ours, secret, now = UsageCollector(), secret_of(key), timezone.now()
    write = UsageCollector._write
    ours.record(key.key.pk, secret.pk, "10.0.0.1", now)

    def fail(keys, secrets):
        ours.record(key.key.pk, secret.pk, "10.0.0.2", now + timedelta(seconds=1))  # a use while it fails
        raise DatabaseError("down")

    monkeypatch.setattr(UsageCollector, "_write", staticmethod(fail))
    with pytest.raises(DatabaseError):
        ours.flush()
    monkeypatch.setattr(UsageCollector, "_write", staticmethod(write))
    ours.flush()
    assert stored(key) == (2, now + timedelta(seconds=1), "10.0.0.2")


def test_a_use_without_an_address_is_a_use(key):
    ours = UsageCollector()
    ours.record(key.key.pk, secret_of(key).pk, None, timezone.now())
    ours.flush()
    assert stored(key)[0] == 1
    assert stored(key)[2] is None


def test_a_key_that_is_gone_meanwhile_does_no_harm(key):
    ours = UsageCollector()
    ours.record(key.key.pk, secret_of(key).pk, "10.0.0.1", timezone.now())
    key.key.delete()
    ours.flush()
    assert not ours.pending()


def test_many_keys_are_not_written_one_by_one(make_user, make_key, django_assert_max_num_queries):
    ours, user = UsageCollector(), make_user("ann")
    for _ in range(20):
        issued = make_key(user)
        ours.record(issued.key.pk, secret_of(issued).pk, "10.0.0.1", timezone.now())
    with django_assert_max_num_queries(10):
        ours.flush()
    assert set(APIKey.objects.values_list("use_count", flat=True)) == {1}
