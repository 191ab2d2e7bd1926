"""One DPoP proof in many hands at once: whatever remembers it, it counts once."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from threading import Barrier

import pytest
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.core.signals import request_finished
from django.db import connection, transaction
from django.utils import timezone

from django_apiaccess.access.prune import prune
from django_apiaccess.authn import replays
from django_apiaccess.core.dpop import Proof
from django_apiaccess.models import UsedProof
from tests.tokens.proofs import Holder, send

from .threads import race, raised, stop_before

CLIENTS = 8
ROUNDS = 5


class FailingCache(LocMemCache):
    """A cache that can be switched off."""

    down = False

    def add(self, *arguments, **options):
        if FailingCache.down:
            raise ConnectionError("Connection refused")
        return super().add(*arguments, **options)


@pytest.fixture
def failing_cache(settings, api_access):
    FailingCache.down = False
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.FailingCache", "LOCATION": "proofs"}}
    api_access(SHARED_CACHE="default")
    cache.clear()
    yield FailingCache
    FailingCache.down = False


@pytest.fixture
def holder():
    return Holder()


@pytest.fixture
def token(make_user, holder):
    make_user("ann", "docs:read")
    return holder.log_in().json()["access_token"]


def proof(jti="one", iat=None):
    return Proof("k" * 43, jti, time.time() if iat is None else iat)


def codes(answers):
    assert raised(answers) == []
    return Counter(answer.status_code for answer in answers)


def test_RS08_of_eight_requests_at_once_with_one_proof_exactly_one_passes(holder, token):
    for _round in range(ROUNDS):
        text, everybody_is_there = holder.proof(token=token), Barrier(CLIENTS)

        def one(text=text, barrier=everybody_is_there):
            with stop_before("django_apiaccess_usedproof", lambda: barrier.wait(20)):
                return send(token, text)

        assert codes(race(*[one] * CLIENTS)) == {200: 1, 401: CLIENTS - 1}


def test_RS08_nor_with_a_shared_cache(failing_cache, holder, token):
    for _round in range(ROUNDS):
        text = holder.proof(token=token)
        assert codes(race(*[lambda text=text: send(token, text)] * CLIENTS)) == {200: 1, 401: CLIENTS - 1}
    assert not UsedProof.objects.filter(expires_at__gt=timezone.now() + timedelta(hours=1)).exists()


def test_RS08_eight_log_ins_at_once_with_one_proof_give_one_session(make_user, holder):
    make_user("ann", "docs:read")
    text = holder.proof("POST", "http://testserver/access/token/")
    data = {"username": "ann", "password": "secret"}
    assert codes(race(*[lambda: holder.post("/access/token/", data, proof=text)] * CLIENTS)) == {200: 1, 400: 7}


def test_eight_requests_at_once_with_proofs_of_their_own_all_pass(holder, token):
    proofs = [holder.proof(token=token) for _request in range(CLIENTS)]
    assert codes(race(*[lambda text=text: send(token, text) for text in proofs])) == {200: CLIENTS}


class TestCacheFails:
    def test_the_database_remembers_instead(self, failing_cache):
        FailingCache.down = True
        assert [replays.spend(proof()) for _try in range(3)] == [True, False, False]

    def test_what_it_remembered_still_counts_when_the_cache_is_back(self, failing_cache):
        FailingCache.down = True
        assert replays.spend(proof())
        FailingCache.down = False
        assert not replays.spend(proof())

    def test_once_no_proof_of_that_time_is_taken_any_more_the_cache_is_asked_alone(self, failing_cache, monkeypatch):
        FailingCache.down = True
        replays.spend(proof())
        FailingCache.down = False
        monkeypatch.setattr(replays.trouble, "_failed_at", {"default": time.monotonic() - 200})
        before = UsedProof.objects.count()
        assert replays.spend(proof("two"))
        assert UsedProof.objects.count() == before


class TestRolledBack:
    def test_a_proof_stays_used_when_its_request_is_rolled_back(self):
        connection.settings_dict["ATOMIC_REQUESTS"] = True
        try:
            with transaction.atomic():
                assert replays.spend(proof())
                transaction.set_rollback(True)
            assert not UsedProof.objects.exists()
            request_finished.send(sender=None)
            assert not replays.spend(proof())
        finally:
            connection.settings_dict["ATOMIC_REQUESTS"] = False

    def test_nothing_is_written_twice_when_it_was_not(self):
        connection.settings_dict["ATOMIC_REQUESTS"] = True
        try:
            with transaction.atomic():
                assert replays.spend(proof())
            with connection.execute_wrapper(lambda *_: pytest.fail("a statement")):
                replays.spend_again()
        finally:
            connection.settings_dict["ATOMIC_REQUESTS"] = False


def test_pruning_takes_the_proofs_that_nobody_would_take(operator):
    now = time.time()
    replays.spend(proof("old", now - 200))
    replays.spend(proof("fresh", now))
    assert prune(by=operator)["used proofs"] == 1
    assert not replays.spend(proof("fresh", now))
