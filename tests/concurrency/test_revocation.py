"""Revoking while requests run: who starts after `revoke` returned is refused, in every thread."""

from __future__ import annotations

import time
from threading import Event

import pytest
from rest_framework.test import APIClient

from django_apiaccess.core.access import CredentialRef
from django_apiaccess.events.source import Actor
from django_apiaccess.exceptions import NotHeld
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.models import APIKey

from .threads import PATIENCE, race, raised, stop_before

ROUNDS = 10
FEW = 4


class Caller:
    """Asks again and again until it is told to stop; remembers when each request that was let in had begun."""

    def __init__(self, text: str, stop: Event) -> None:
        self.client = APIClient(headers={"authorization": f"Api-Key {text}"})
        self.stop = stop
        self.let_in: list[float] = []
        self.answers: set[int] = set()

    def __call__(self) -> None:
        while not self.stop.is_set():
            began = time.monotonic()
            status = self.client.get("/read-only/").status_code
            self.answers.add(status)
            if status == 200:
                self.let_in.append(began)
            time.sleep(0.001)  # else the callers keep the interpreter from those who revoke


def revoke_during_use(issued, operator, after: float) -> tuple[list[Caller], float]:
    """Two callers and one who revokes; the callers go on for `after` seconds. The time at which `revoke` had returned."""
    stop = Event()
    callers = [Caller(issued.text, stop) for _number in range(2)]

    def revoke() -> float:
        try:
            time.sleep(0.03)
            keys.revoke(APIKey.objects.get(pk=issued.key.pk), reason="leaked", by=operator)
            returned = time.monotonic()
            time.sleep(after)
            return returned
        finally:
            stop.set()

    *_ended, returned = outcomes = race(*callers, revoke)
    assert raised(outcomes) == []
    return callers, returned


def test_no_request_that_begins_after_a_revocation_is_let_in(make_user, make_key, operator):
    ann = make_user("ann", "docs:read")
    seen = 0
    for _round in range(ROUNDS):
        callers, revoked = revoke_during_use(make_key(ann, "docs:read"), operator, after=0.03)
        for caller in callers:
            assert [began for began in caller.let_in if began > revoked] == []
            assert caller.answers <= {200, 401}
        seen += sum(len(caller.let_in) for caller in callers)
    assert seen  # otherwise nothing was raced


def test_with_the_opt_in_cache_the_lag_is_the_stated_one(make_user, make_key, operator, api_access):
    lag = 0.2
    api_access(CACHE_SECONDS=60, GENERATION_SECONDS=lag, MAX_REVOCATION_LAG=1)
    ann = make_user("ann", "docs:read")
    seen = 0
    for _round in range(FEW):
        callers, revoked = revoke_during_use(make_key(ann, "docs:read"), operator, after=lag + 0.6)
        seen += sum(len(caller.let_in) for caller in callers)
        for caller in callers:
            assert [began for began in caller.let_in if began > revoked + lag] == []
            assert 401 in caller.answers
    assert seen  # of a busy machine one caller may come too late, not all of them


def test_a_key_made_through_a_key_that_is_being_revoked_does_not_outlive_it(make_user, make_key, operator, client_of):
    ann = make_user("ann", "docs:read")
    parent = make_key(ann, "docs:read")
    through_it = Actor(
        "credential",
        "parent",
        user=ann,
        credential=CredentialRef("api_key", str(parent.key.pk), parent.key.name, parent.key.secrets.get().pk),
    )
    about_to_insert, revoked = Event(), Event()

    def others_come_first():
        about_to_insert.set()
        revoked.wait(1)  # comes only if the revocation does not have to wait for us

    def issue():
        with stop_before('INSERT INTO "django_apiaccess_apikey"', others_come_first):
            return keys.issue(principal=ann, name="child", scopes=["docs:read"], by=through_it)

    def revoke():
        about_to_insert.wait(PATIENCE)
        keys.revoke(APIKey.objects.get(pk=parent.key.pk), reason="leaked", by=operator)
        revoked.set()

    child, _revoked = race(issue, revoke)

    assert client_of(parent).get("/read-only/").status_code == 401
    if not isinstance(child, Exception):
        assert client_of(child).get("/read-only/").status_code == 401
    with pytest.raises(NotHeld, match="revoked"):
        keys.issue(principal=ann, name="later", scopes=["docs:read"], by=through_it)
