"""Sessions in the shared cache (STATELESS_SECONDS): no statement, the very next request, and nothing that the cache loses revives anything.

One process stands for several: `worker()` is one that remembers nothing.
"""

from __future__ import annotations

import itertools
import pickle
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.cache import caches
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone

from django_apiaccess.models import Grant, TokenSession
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.models import Generation
from django_apiaccess.roles.shared import ENDED, EPOCH, SharedFacts, shared_facts
from django_apiaccess.tokens import credential, ending, lookup
from django_apiaccess.tokens.remembered import remembered
from django_apiaccess.tokens.ring import ring
from tests.checking import found, with_access
from tests.test_budgets import statements
from tests.testapp.caches import SharedInTests

from .people import PATH, bearer, log_in

pytestmark = pytest.mark.django_db(transaction=True)
User = get_user_model()
SHARED = {"shared": {"BACKEND": "tests.testapp.caches.SharedInTests"}}


@pytest.fixture(autouse=True)
def cache(settings):
    settings.CACHES = {**settings.CACHES, **SHARED}
    settings.API_ACCESS = {
        **settings.API_ACCESS,
        "SHARED_CACHE": "shared",
        "STATELESS_SECONDS": 300,
        "GENERATION_SECONDS": 3600,
    }
    worker()
    yield caches["shared"]
    SharedInTests.down = False
    caches["shared"].clear()
    worker()


def worker():
    """From here on another worker answers, which has seen nothing yet."""
    shared_facts.clear()
    remembered.clear()


@pytest.fixture
def ann(make_user, make_role):
    make_role("reader", "docs:read")
    return make_user("ann", role="reader")


@pytest.fixture
def token(ann):
    text = log_in("ann").access
    assert asked(text)[0] == 200
    return text


def asked(text, path=PATH):
    """Status, and the statements that it took."""
    with statements() as seen:
        status = bearer(text).get(path).status_code
    return status, seen


def status(text):
    return asked(text)[0]


class TestStatements:
    def test_a_request_takes_none(self, token):
        assert asked(token) == (200, [])

    def test_a_worker_that_never_saw_the_token_asks_nothing_of_it(self, token):
        worker()
        answer, seen = asked(token)
        assert answer == 200
        assert len(seen) == 1  # the generation, once in GENERATION_SECONDS
        assert "generation" in seen[0]
        assert asked(token) == (200, [])

    def test_without_the_setting_a_request_takes_one(self, token, settings):
        settings.API_ACCESS = {**settings.API_ACCESS, "STATELESS_SECONDS": 0}
        assert len(asked(token)[1]) == 1

    @pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache", "filebased.FileBasedCache"])
    def test_a_cache_of_one_worker_alone_is_not_used(self, token, settings, tmp_path, backend):
        one = {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": str(tmp_path)}
        settings.CACHES = {**settings.CACHES, "shared": one}
        settings.API_ACCESS = {**settings.API_ACCESS}  # settings are read once
        assert [len(asked(token)[1]) for _request in range(2)] == [1, 1]
        with with_access(SHARED_CACHE="shared", STATELESS_SECONDS=60):
            assert "live on in the others" in found()["apiaccess.E075"].msg

    def test_the_end_of_one_session_costs_the_others_nothing(self, token, make_user):
        other = log_in(make_user("bob", "docs:read").username).access
        assert status(other) == status(token) == 200
        assert asked(token) == (200, [])
        ending.end(TokenSession.objects.filter(user__username="bob"), reason="test", by=ending.Actor.system())
        assert status(other) == 401
        assert asked(token) == (200, [])

    def test_keys_that_are_made_and_revoked_cost_sessions_nothing(self, token, make_user, make_key):
        bob = make_user("bob", "docs:read")
        assert status(token) == 200  # it is read once more: somebody was granted something
        key = make_key(bob, "docs:read").key
        key.delete()
        assert asked(token) == (200, [])


def end_session(ann, operator):
    ending.end(TokenSession.objects.filter(user=ann), reason="test", by=operator)


def deactivate(ann, operator):
    user = User.objects.get(pk=ann.pk)
    user.is_active = False
    user.save()


def change_password(ann, operator):
    user = User.objects.get(pk=ann.pk)
    user.set_password("other")
    user.save()


def delete_user(ann, operator):
    User.objects.get(pk=ann.pk).delete()


def take_grant(ann, operator):
    roles.ungrant(Grant.objects.filter(user=ann), by=operator)


def narrow_role(ann, operator):
    roles.save_role(name="reader", scopes=[], by=operator)


def distrust_signing_key(ann, operator):
    ring.rotate(by=operator, compromised=True)


CHANGES = {
    end_session: 401,
    deactivate: 401,
    change_password: 401,
    delete_user: 401,
    take_grant: 403,
    narrow_role: 403,
}
every_change = pytest.mark.parametrize(
    ("change", "after"), CHANGES.items(), ids=lambda one: getattr(one, "__name__", "")
)


@every_change
class TestEveryChange:
    def test_is_felt_at_the_next_request_of_every_worker(self, token, ann, operator, change, after):
        change(ann, operator)
        assert status(token) == after
        worker()
        assert status(token) == after
        assert status(token) == after

    def test_losing_any_of_its_entries_the_cache_revives_nothing(self, token, ann, operator, cache, change, after):
        change(ann, operator)
        names = list(cache._cache)
        held = dict(cache._cache), dict(cache._expire_info)
        for lost in itertools.chain.from_iterable(
            itertools.combinations(names, number) for number in {1, 2, 3, len(names)}
        ):
            cache._cache.clear(), cache._expire_info.clear()
            cache._cache.update(held[0]), cache._expire_info.update(held[1])
            for name in lost:
                del cache._cache[name], cache._expire_info[name]
            worker()
            assert status(token) == after, lost

    def test_made_while_the_cache_is_down_it_is_felt_also_when_the_cache_is_back_with_what_it_held(
        self, token, ann, operator, cache, change, after
    ):
        SharedInTests.down = True
        change(ann, operator)
        assert status(token) == after
        SharedInTests.down = False
        worker()
        assert status(token) == after

    def test_a_process_that_dies_right_after_the_commit_leaves_nothing_alive(
        self, token, ann, operator, monkeypatch, change, after
    ):
        monkeypatch.setattr(transaction, "on_commit", lambda *args, **kwargs: None)
        change(ann, operator)
        worker()
        assert status(token) == after

    def test_a_worker_that_read_before_and_keeps_afterwards_revives_nothing(
        self, token, ann, operator, cache, monkeypatch, change, after
    ):
        """It asked the cache and the database, was paused, and goes on after the change."""
        cache.clear()
        real = lookup.load

        def paused(sid):
            row = real(sid)
            monkeypatch.setattr(credential, "load", real)
            change(ann, operator)
            return row

        monkeypatch.setattr(credential, "load", paused)
        status(token)
        worker()
        assert status(token) == after
        assert status(token) == after


class TestWhatElseEnds:
    def test_a_member_of_a_group_who_leaves_it_loses_what_the_group_has(self, make_user, operator):
        group = Group.objects.create(name="readers")
        bob = make_user("bob")
        bob.groups.add(group)
        roles.grant(group=group, scope="docs:read", by=operator)
        text = log_in("bob").access
        assert [status(text), status(text)] == [200, 200]
        bob.groups.remove(group)
        assert status(text) == 403

    def test_a_grant_that_is_over_by_the_clock_opens_nothing(self, make_user, operator, monkeypatch):
        bob = make_user("bob")
        roles.grant(user=bob, scope="docs:read", ends_at=timezone.now() + timedelta(minutes=5), by=operator)
        text = log_in("bob").access
        assert [status(text), status(text)] == [200, 200]
        real = timezone.now
        monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(minutes=6))
        assert asked(text) == (403, []) or status(text) == 403

    def test_a_change_round_the_models_is_felt_when_the_seconds_are_over(self, token, ann, cache):
        User.objects.filter(pk=ann.pk).update(is_active=False)
        assert status(token) == 200
        (name,) = [name for name in cache._cache if "session" in name]
        cache._expire_info[name] = 0
        assert status(token) == 401

    def test_a_change_that_is_rolled_back_takes_nothing(self, token, ann, operator):
        with transaction.atomic():
            end_session(ann, operator)
            transaction.set_rollback(True)
        assert status(token) == 200

    def test_nothing_is_kept_while_a_change_is_on_its_way(self, token, ann, operator, cache):
        with transaction.atomic():
            take_grant(ann, operator)
            assert SharedFacts().find(TokenSession.objects.get().sid).within is None
        assert SharedFacts().find(TokenSession.objects.get().sid).within

    @pytest.mark.parametrize("level", ["", "repeatable read", "serializable"])
    @pytest.mark.parametrize("how", ["session", "transaction", "autocommit off"])
    def test_nothing_read_in_a_transaction_that_may_see_an_old_state_is_kept(self, token, cache, level, how):
        if connection.vendor != "postgresql" and level:
            pytest.skip("SQLite has one level, which goes on seeing what was there")
        cache.clear()
        try:
            with connection.cursor() as cursor:
                if level and how != "transaction":  # as options of libpq and ALTER ROLE set it
                    cursor.execute(f"SET default_transaction_isolation = '{level}'")
            if how == "autocommit off":
                transaction.set_autocommit(False)
                assert status(token) == 200
                transaction.rollback()
                transaction.set_autocommit(True)
            else:
                with transaction.atomic():
                    if level and how == "transaction":
                        with connection.cursor() as cursor:
                            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
                    assert status(token) == 200
        finally:
            connection.close()
        kept = [name for name in cache._cache if "session" in name]
        assert bool(kept) == (connection.vendor == "postgresql" and not level)


class TestTheCache:
    def test_down_the_database_is_asked(self, token, caplog):
        SharedInTests.down = True
        with statements() as seen:
            assert [status(token) for _request in range(3)] == [200] * 3
        assert len(seen) == 3
        assert caplog.text.count("the cache is down") == 1  # then it is left alone for a while

    def test_back_it_is_used_again(self, token, monkeypatch):
        SharedInTests.down = True
        status(token)
        SharedInTests.down = False
        monkeypatch.setattr(shared_facts, "_down_until", 0.0)
        status(token)
        assert asked(token) == (200, [])

    def test_a_failure_after_the_commit_is_told_by_the_database(self, token, ann, operator):
        def fails_on_commit():
            SharedInTests.down = True

        before = Generation.objects.filter(name="shared_cache").count()
        with transaction.atomic():
            transaction.on_commit(fails_on_commit)
            take_grant(ann, operator)
        assert Generation.objects.filter(name="shared_cache").count() == before + 1
        SharedInTests.down = False
        worker()
        assert status(token) == 403

    def test_it_holds_nothing_of_the_password_nor_of_the_token(self, token, ann, cache):
        held = [(name, pickle.loads(value)) for name, value in cache._cache.items()]
        text = repr(held)
        assert "ann" in text
        assert User.objects.get(pk=ann.pk).password not in text
        assert TokenSession.objects.get().password_mark not in text
        assert token.split(".")[2] not in text

    @pytest.mark.parametrize("odd", [ENDED, None, 7, (), ("x",), (None, ("other layout", 1, 2)), [1], b"\0", {"a": 1}])
    def test_what_another_release_left_there_is_no_error_and_opens_nothing(self, token, ann, operator, cache, odd):
        (name,) = [name for name in cache._cache if "session" in name]
        cache.set(name.removeprefix(":1:"), odd)
        assert status(token) == 200
        end_session(ann, operator)
        cache.set(name.removeprefix(":1:"), odd)
        assert status(token) == 401

    def test_an_epoch_of_another_kind_is_not_used(self, token, cache):
        cache.set(EPOCH, 17)
        assert len(asked(token)[1]) == 1

    def test_several_redis_servers_are_warned_of(self):
        entry = {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": ["redis://primary", "redis://replica"],
        }
        with with_access(SHARED_CACHE="default", STATELESS_SECONDS=60), override_settings(CACHES={"default": entry}):
            assert "replicas" in found()["apiaccess.W075"].msg


def test_a_forged_or_expired_token_is_refused_with_facts_at_hand(token, ann, monkeypatch):
    head, body, signature = token.split(".")
    assert status(f"{head}.{body}.{signature[:-4]}AAAA") == 401
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(minutes=11))
    assert status(token) == 401
