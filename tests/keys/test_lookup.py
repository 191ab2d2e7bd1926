"""The one statement of a request, and the opt-in memory: what it may remember, and what it never skips."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils import timezone

from django_apiaccess.events.models import Event
from django_apiaccess.keys import credential, service
from django_apiaccess.keys.lookup import RowMemory, load, memory
from django_apiaccess.roles import principal
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.models import Grant

pytestmark = pytest.mark.django_db
READ = "/read-only/"


@pytest.fixture
def clock(monkeypatch):
    """`clock.tick(seconds)`: the monotonic clock that the memory reads."""

    class Clock:
        now = 1000.0

        def tick(self, seconds):
            self.now += seconds

        def monotonic(self):
            return self.now

    clock = Clock()
    for module in (principal, credential):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def remembering(settings, clock):
    """The opt-in cache, with a minute's memory and a second's lag."""
    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": 60, "GENERATION_SECONDS": 1}
    memory.clear()
    return clock


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read", "reports:read")


@pytest.fixture
def issued(ann, make_key):
    return make_key(ann, "docs:read")


def test_nothing_is_remembered_unless_asked_for(issued, client_of, django_assert_num_queries):
    client = client_of(issued)
    for _ in range(3):
        with django_assert_num_queries(1):
            assert client.get(READ).status_code == 200


def test_a_warm_memory_asks_nothing(issued, client_of, remembering, django_assert_num_queries):
    client = client_of(issued)
    client.get(READ)
    with django_assert_num_queries(0):
        assert client.get(READ).status_code == 200
    remembering.tick(1.1)
    with django_assert_num_queries(1) as queries:
        assert client.get(READ).status_code == 200
    assert "generation" in queries[0]["sql"]
    remembering.tick(61)
    with django_assert_num_queries(2) as queries:
        assert client.get(READ).status_code == 200
    assert "generation" in queries[0]["sql"]


CHANGES = {
    "revoked": lambda issued, by: service.revoke(issued.key, reason="test", by=by),
    "rotated away": lambda issued, by: service.rotate(issued.key, by=by, grace=timedelta(0)),
    "narrowed": lambda issued, by: service.change(issued.key, by=by, scopes=["reports:read"]),
    "saved raw": lambda issued, by: save_raw(issued.key),
    "deleted": lambda issued, by: issued.key.delete(),
    "grant taken": lambda issued, by: roles.ungrant(Grant.objects.filter(user=issued.key.principal), by=by),
    "grant deleted raw": lambda issued, by: Grant.objects.filter(user=issued.key.principal).delete(),
    "holder switched off": lambda issued, by: switch_off(issued.key.principal),
    "holder deleted": lambda issued, by: issued.key.principal.delete(),
}


def save_raw(key):
    key.revoked_at = timezone.now()
    key.save()


def switch_off(user):
    user.is_active = False
    user.save()


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_felt_after_the_stated_lag(issued, client_of, operator, remembering, change):
    client = client_of(issued)
    assert client.get(READ).status_code == 200
    CHANGES[change](issued, operator)
    remembering.tick(1.1)
    assert client.get(READ).status_code in {401, 403}


def test_a_membership_that_ends_is_felt_too(make_user, make_key, client_of, operator, remembering):
    user, group = make_user("bob"), Group.objects.create(name="team")
    roles.grant(group=group, scope="docs:read", by=operator)
    user.groups.add(group)
    client = client_of(make_key(user, "docs:read"))
    assert client.get(READ).status_code == 200
    user.groups.clear()
    remembering.tick(1.1)
    assert client.get(READ).status_code == 403


def test_a_role_that_changes_is_felt_too(make_user, make_role, make_key, client_of, operator, remembering):
    make_role("reader", "docs:read")
    client = client_of(make_key(make_user("bob", role="reader"), "docs:read"))
    assert client.get(READ).status_code == 200
    roles.save_role(name="reader", scopes=["reports:read"], by=operator)
    remembering.tick(1.1)
    assert client.get(READ).status_code == 403


def test_within_the_lag_the_memory_may_be_behind_and_no_longer(issued, client_of, operator, remembering):
    client = client_of(issued)
    client.get(READ)
    service.revoke(issued.key, reason="test", by=operator)
    remembering.tick(0.5)
    assert client.get(READ).status_code == 200
    remembering.tick(0.6)
    assert client.get(READ).status_code == 401


def test_with_no_lag_allowed_every_request_asks_for_the_generation(
    issued, client_of, operator, settings, clock, django_assert_num_queries
):
    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": 60, "GENERATION_SECONDS": 0}
    client = client_of(issued)
    client.get(READ)
    clock.tick(0.001)
    with django_assert_num_queries(1):
        assert client.get(READ).status_code == 200
    service.revoke(issued.key, reason="test", by=operator)
    clock.tick(0.001)
    assert client.get(READ).status_code == 401


def test_a_reader_that_was_slow_revives_nothing(issued, client_of, operator, remembering, monkeypatch):
    def slow(wanted):
        row = load(wanted)
        if not issued.key.revoked_at:  # revoked after the row was read, before it is remembered
            service.revoke(issued.key, reason="test", by=operator)
        return row

    monkeypatch.setattr("django_apiaccess.keys.credential.load", slow)
    client = client_of(issued)
    assert client.get(READ).status_code == 200
    remembering.tick(1.1)
    assert client.get(READ).status_code == 401


def test_expiry_is_never_remembered_away(ann, make_key, client_of, remembering, monkeypatch):
    end = timezone.now() + timedelta(hours=1)
    client = client_of(make_key(ann, "docs:read", expires_at=end))
    assert client.get(READ).status_code == 200
    monkeypatch.setattr("django_apiaccess.keys.credential.timezone.now", lambda: end)
    assert client.get(READ).status_code == 401


def test_nor_is_the_end_of_a_grant(make_user, make_key, client_of, operator, remembering, monkeypatch):
    bob, end = make_user("bob"), timezone.now() + timedelta(hours=1)
    roles.grant(user=bob, scope="docs:read", ends_at=end, by=operator)
    client = client_of(make_key(bob, "docs:read"))
    assert client.get(READ).status_code == 200
    monkeypatch.setattr("django_apiaccess.keys.credential.timezone.now", lambda: end)
    assert client.get(READ).status_code == 403


def test_nor_are_network_origin_and_rate(ann, make_key, client_of, remembering):
    client = client_of(make_key(ann, "docs:read", networks="127.0.0.1", origins="https://a.example", rate="2/min"))
    there = {"HTTP_ORIGIN": "https://a.example"}
    assert client.get(READ, **there).status_code == 200
    assert client.get(READ, REMOTE_ADDR="10.0.0.1", **there).status_code == 403
    assert client.get(READ, HTTP_ORIGIN="https://b.example").status_code == 403
    assert client.get(READ, **there).status_code == 200
    assert client.get(READ, **there).status_code == 429


def test_nor_is_the_secret_itself(issued, client_of, remembering, settings):
    from django_apiaccess.core import secrets

    assert client_of(issued).get(READ).status_code == 200
    body = issued.text[:16] + secrets.base62(12345, 43)
    assert client_of(body + secrets.checksum(body)).get(READ).status_code == 401
    assert issued.text[16:] not in str(memory.__dict__)


def test_a_spoiled_key_asks_nothing_with_a_memory_either(issued, client_of, settings, clock, django_assert_num_queries):
    settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": 60, "GENERATION_SECONDS": 0}
    client_of(issued).get(READ)
    clock.tick(5)
    with django_assert_num_queries(0):
        assert client_of(issued.text[:-1]).get(READ).status_code == 401


def test_the_memory_has_a_bound(ann, make_key, remembering, monkeypatch):
    monkeypatch.setattr(principal, "MEMORY_SIZE", 3)
    ours = RowMemory()
    texts = [make_key(ann, "docs:read").text for _ in range(5)]
    remembering.tick(2)
    for text in texts:
        ours.keep(text, load(text.split("_")[1]), remembering.now)
    assert [ours.recall(text) is not None for text in texts] == [False, False, True, True, True]


def test_what_is_wrong_or_unknown_is_not_remembered(issued, client_of, remembering, operator):
    service.revoke(issued.key, reason="test", by=operator)
    client = client_of(issued)
    assert client.get(READ).status_code == 401
    issued.key.secrets.all().delete()
    assert client.get(READ).status_code == 401
    assert Event.objects.filter(action="credential.refused").latest("pk").reason in {"unknown", "revoked"}


def test_the_principal_is_loaded_only_as_far_as_it_is_asked_for(issued, django_assert_num_queries):
    row = load(issued.text.split("_")[1])
    with django_assert_num_queries(0):
        user = row.make_principal()
        assert (user.pk, user.get_username(), user.is_active, user.is_staff, user.is_superuser) == (
            issued.key.principal_id,
            "ann",
            True,
            False,
            False,
        )
    with django_assert_num_queries(1):
        assert user.email == ""
    assert user == get_user_model().objects.get(username="ann")
