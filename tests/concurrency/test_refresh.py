"""Eight clients with one refresh token: whatever they do at once, a session has one living branch at most, and nobody sees an error."""

from __future__ import annotations

import random
from threading import Barrier

import pytest
from django.core import mail
from django.db import connection
from rest_framework.test import APIClient

from django_apiaccess.events.source import Actor, Where
from django_apiaccess.models import Event, RefreshToken, TokenSession
from django_apiaccess.tokens import service
from tests.tokens.people import bearer, log_in, refresh, refreshed

from .threads import race, raised, stop_before

CLIENTS = 8
ROUNDS = 5
FIRST_WRITE = "BEGIN" if connection.vendor == "sqlite" else 'UPDATE "django_apiaccess_refreshtoken"'


@pytest.fixture(autouse=True)
def ann(make_user):
    return make_user("ann", "docs:read", email="ann@example.org")


def together(text, clients=CLIENTS):
    """The answers to refreshes that all read the token before any of them wrote."""
    everybody_has_read = Barrier(clients)

    def one():
        with stop_before(FIRST_WRITE, lambda: everybody_has_read.wait(20)):
            return refreshed(text)

    answers = race(*[one] * clients)
    assert raised(answers) == []
    assert {answer.status_code for answer in answers} <= {200, 400}
    return answers


def living(answers):
    """Which of the answers' refresh tokens the database holds as unused."""
    unused = set(RefreshToken.objects.filter(used_at=None).values_list("public_id", flat=True))
    texts = [answer.json()["refresh_token"] for answer in answers if answer.status_code == 200]
    return [text for text in texts if text.split("_")[1] in unused]


def test_of_eight_refreshes_at_once_exactly_one_pair_lives_on():
    for _round in range(ROUNDS):
        first = log_in(device=f"round {_round}")
        answers = together(first.refresh)
        assert {answer.status_code for answer in answers} == {200}
        (text,) = living(answers)
        assert refresh(text).opens == 200
        assert not Event.objects.filter(action="refresh.replayed").exists()


def test_the_seven_others_open_nothing_more():
    answers = together(log_in().refresh)
    (text,) = living(answers)
    dead = next(a.json()["refresh_token"] for a in answers if a.json()["refresh_token"] != text)
    assert refreshed(dead).status_code == 400
    assert refreshed(text).status_code == 400
    assert TokenSession.objects.get().revoked_at is not None


def test_without_a_grace_one_refresh_succeeds_and_the_replays_end_the_session_once(api_access):
    api_access(REFRESH_GRACE="0s")
    for number in range(1, ROUNDS + 1):
        answers = together(log_in().refresh)
        won = [answer for answer in answers if answer.status_code == 200]
        assert len(won) == 1
        assert bearer(won[0].json()["access_token"]).get("/read-only/").status_code == 401
        assert Event.objects.filter(action="refresh.replayed").count() == number
        assert Event.objects.filter(action="session.ended").count() == number
        assert len(mail.outbox) == number


def test_eight_clients_that_refresh_whatever_they_hold_never_have_two_branches():
    """No barrier, no order: each takes any token that it has ever seen, forty times."""
    first = log_in()
    seen = [first.refresh]

    def client(seed):
        chance = random.Random(seed)
        statuses = set()
        for _ in range(5):
            answer = refreshed(chance.choice(seen[-3:]))
            statuses.add(answer.status_code)
            if answer.status_code == 200:
                seen.append(answer.json()["refresh_token"])
        return statuses

    outcomes = race(*[lambda seed=seed: client(seed) for seed in range(CLIENTS)])
    assert raised(outcomes) == []
    assert set().union(*outcomes) <= {200, 400}
    assert RefreshToken.objects.filter(used_at=None).count() == 1
    unused = RefreshToken.objects.get(used_at=None).public_id
    works = [text for text in set(seen) if text.split("_")[1] == unused and refreshed(text).status_code == 200]
    assert len(works) == (0 if TokenSession.objects.get().revoked_at else 1)


def test_a_log_out_during_a_refresh_ends_it_and_raises_no_alarm():
    for _round in range(ROUNDS):
        first = log_in()
        answer, ended = race(
            lambda text=first.refresh: refreshed(text),
            lambda text=first.refresh: APIClient().post("/access/token/revoke/", {"token": text}),
        )
        assert (answer.status_code in {200, 400}, ended.status_code) == (True, 200)
        assert first.opens == 401
        if answer.status_code == 200:
            assert bearer(answer.json()["access_token"]).get("/read-only/").status_code == 401
            assert refreshed(answer.json()["refresh_token"]).status_code == 400
    assert not Event.objects.filter(action="refresh.replayed").exists()


def test_a_session_that_ends_between_the_look_and_the_write_stays_ended_and_raises_no_alarm(ann):
    first = log_in()

    def administrator():
        def end():
            service.end(TokenSession.objects.all(), reason="test", by=Actor.command("test"))

        race(end)

    with stop_before(FIRST_WRITE, administrator):
        answer = refreshed(first.refresh)
    assert answer.status_code == 400
    assert RefreshToken.objects.filter(used_at=None).count() == 1
    assert Event.objects.filter(action="refresh.refused").latest("pk").reason == "revoked"
    assert not Event.objects.filter(action="refresh.replayed").exists()


def test_a_user_who_is_deleted_meanwhile_is_no_error(ann):
    first = log_in()
    with stop_before(FIRST_WRITE, lambda: race(ann.delete)):
        answer = refreshed(first.refresh)
    assert answer.status_code == 400
    assert not Event.objects.filter(action="refresh.replayed").exists()


def test_simultaneous_log_ins_keep_to_the_bound_of_sessions(api_access):
    api_access(SESSIONS_PER_USER=2, LOCKOUT={"ACCOUNT_FREE": 50})
    pairs = race(*[log_in] * CLIENTS)
    assert raised(pairs) == []
    assert TokenSession.objects.filter(revoked_at=None).count() == 2
    assert sorted(pair.opens for pair in pairs) == [200, 200, *[401] * 6]


def test_enders_at_once_end_each_session_once():
    pairs = [log_in() for _ in range(6)]
    by = Actor.command("test")
    counts = race(*[lambda: service.end(TokenSession.objects.all(), reason="test", by=by)] * CLIENTS)
    assert raised(counts) == []
    assert sum(counts) == 6
    assert Event.objects.filter(action="session.ended").count() == 6
    assert {pair.opens for pair in pairs} == {401}


def test_use_is_written_while_sessions_end():
    from django_apiaccess.tokens.usage import SessionUsage

    sessions = [
        TokenSession.objects.get(sid=bearer(log_in().access).get("/access/me/").json()["credential"]["id"])
        for _ in range(12)
    ]
    from django.utils import timezone

    def flush():
        usage = SessionUsage()
        for session in sessions:
            usage.record(session.pk, "203.0.113.5", timezone.now())
        usage.flush()

    by = Actor.command("test")
    outcomes = race(*[flush] * 4, *[lambda: service.end(TokenSession.objects.all(), reason="test", by=by)] * 2)
    assert [error for error in raised(outcomes) if "lock" not in str(error).lower()] == []
    assert not raised(outcomes[4:])
    assert TokenSession.objects.filter(revoked_at=None).count() == 0


def test_a_service_call_without_a_request_races_the_same_way(ann):
    first = log_in()
    outcomes = race(*[lambda: service.refresh(first.refresh, where=Where())] * CLIENTS)
    assert raised(outcomes) == []
    assert RefreshToken.objects.filter(used_at=None).count() == 1
