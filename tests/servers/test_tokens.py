"""Token sessions over two server processes on one database: without a cache, with one, and with a server that is killed."""

from __future__ import annotations

import http.client
import json
import secrets
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from .processes import ORDERS, Answer, Server, environment, until

CACHED = '{"CACHE_SECONDS": 30, "GENERATION_SECONDS": 0.5, "MAX_REVOCATION_LAG": 1}'
LAG = 0.5


def call(server, path, body=None, token="", method=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method or ("GET" if body is None else "POST"), path, text, headers)
        response = connection.getresponse()
        answer = response.read()
        return Answer(response.status, json.loads(answer) if answer else None, dict(response.headers))
    finally:
        connection.close()


def opens(servers, token):
    return [call(server, ORDERS, token=token).status for server in servers]


def refresh(server, text):
    return call(server, "/access/token/refresh/", {"refresh_token": text})


@pytest.fixture
def ann(shell):
    name = f"ann-{secrets.token_hex(4)}"
    shell.person(name=name)
    return name


def log_in(server, name, password="secret"):
    answer = call(server, "/access/token/", {"username": name, "password": password})
    assert answer.status == 200, answer
    return answer.body


ENDS = {
    "a changed password": lambda shell, ann: shell.set_password(user=ann, password="other"),
    "a user who is not active": lambda shell, ann: shell.set_active(user=ann, active=False),
    "a deleted user": lambda shell, ann: shell.delete_user(user=ann),
    "revoke_tokens": lambda shell, ann: shell.revoke_tokens(user=ann),
}


@pytest.mark.parametrize("end", ENDS)
class TestEnded:
    def test_without_a_cache_both_refuse_the_very_next_request(self, pair, shell, ann, end):
        tokens = log_in(pair[0], ann)
        assert opens(pair, tokens["access_token"]) == [200, 200]
        ENDS[end](shell, ann)
        assert opens(pair, tokens["access_token"]) == [401, 401]
        assert refresh(pair[1], tokens["refresh_token"]).status == 400


class TestTwoServers:
    def test_a_session_that_began_on_one_goes_on_at_the_other(self, pair, ann):
        tokens = log_in(pair[0], ann)
        for number in range(4):
            answer = refresh(pair[number % 2], tokens["refresh_token"])
            assert answer.status == 200
            tokens = answer.body
            assert opens(pair, tokens["access_token"]) == [200, 200]

    def test_a_log_out_at_one_is_felt_at_the_other(self, pair, ann):
        tokens = log_in(pair[0], ann)
        assert opens(pair, tokens["access_token"]) == [200, 200]
        assert call(pair[0], "/access/sessions/current/", token=tokens["access_token"], method="DELETE").status == 204
        assert opens(pair[::-1], tokens["access_token"]) == [401, 401]

    def test_a_password_that_a_script_wrote_round_the_model_ends_it_too(self, pair, shell, ann):
        tokens = log_in(pair[0], ann)
        assert opens(pair, tokens["access_token"]) == [200, 200]
        shell.update_password(user=ann, password="other")
        assert opens(pair, tokens["access_token"]) == [401, 401]

    def test_a_role_that_was_taken_is_missing_at_both(self, pair, shell, ann):
        tokens = log_in(pair[0], ann)
        assert opens(pair, tokens["access_token"]) == [200, 200]
        shell.ungrant(user=ann)
        assert opens(pair, tokens["access_token"]) == [403, 403]

    def test_eight_clients_refresh_one_token_at_two_servers(self, pair, shell, ann):
        tokens = log_in(pair[0], ann)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: refresh(pair[n % 2], tokens["refresh_token"]), range(8)))
        assert {answer.status for answer in answers} <= {200, 400}
        assert sum(unused for _generation, unused in shell.refresh_tokens(user=ann)) == 1
        assert shell.ended_sessions(user=ann) == []

    def test_a_replay_at_the_other_ends_it_at_both(self, pair, shell, ann):
        first = log_in(pair[0], ann)
        second = refresh(pair[0], first["refresh_token"]).body
        third = refresh(pair[1], second["refresh_token"]).body
        assert refresh(pair[1], first["refresh_token"]).status == 400
        assert opens(pair, third["access_token"]) == [401, 401]
        assert shell.ended_sessions(user=ann) == ["a used refresh token was presented again"]
        assert "refresh.replayed" in shell.actions(user=ann)

    def test_last_use_is_written_in_the_background(self, pair, shell, ann):
        tokens = log_in(pair[0], ann)
        opens(pair, tokens["access_token"])
        until(lambda: shell.last_use(user=ann) == "127.0.0.1")


def test_with_a_cache_every_end_is_felt_within_the_stated_lag(start, shell):
    servers = start(2, API_ACCESS=CACHED)
    for number, end in enumerate(ENDS.values()):
        name = f"cached-{number}-{secrets.token_hex(4)}"
        shell.person(name=name)
        tokens = log_in(servers[0], name)
        for _request in range(3):
            assert opens(servers, tokens["access_token"]) == [200, 200]
        end(shell, name)
        time.sleep(LAG + 0.1)
        assert opens(servers, tokens["access_token"]) == [401, 401]


PLACES = {
    "before the token is used up": 'before UPDATE "django_apiaccess_refreshtoken"',
    "after it was used up": 'after UPDATE "django_apiaccess_refreshtoken"',
    "after the new one was made": 'after INSERT INTO "django_apiaccess_refreshtoken"',
    "after the commit, before the answer": "answer",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_server_that_is_killed_during_a_refresh_loses_and_doubles_nothing(pair, shell, ann, database, place):
    """The client got no answer, and tries again elsewhere: it goes on, with one living token, and nobody is alarmed."""
    healthy = pair[0]
    tokens = log_in(healthy, ann)
    dying = Server(environment(**database, DIE_AT=PLACES[place]), command=("-m", "tests.servers.dying")).start().ready()
    try:
        with pytest.raises((http.client.HTTPException, OSError)):
            refresh(dying, tokens["refresh_token"])
        assert dying.process.wait(20) == -signal.SIGKILL
    finally:
        dying.stop()
    committed = place.startswith("after the commit")
    assert shell.refresh_tokens(user=ann) == ([[1, False], [2, True]] if committed else [[1, True]])
    assert opens(pair, tokens["access_token"]) == [200, 200]
    again = refresh(healthy, tokens["refresh_token"])
    assert again.status == 200
    assert sum(unused for _generation, unused in shell.refresh_tokens(user=ann)) == 1
    assert refresh(pair[1], again.body["refresh_token"]).status == 200
    assert shell.ended_sessions(user=ann) == []
    assert "refresh.replayed" not in shell.actions(user=ann)


def test_a_server_that_is_killed_while_it_ends_a_session_after_a_replay_leaves_no_half_done_end(
    pair, shell, ann, database
):
    first = log_in(pair[0], ann)
    second = refresh(pair[0], first["refresh_token"]).body
    third = refresh(pair[0], second["refresh_token"]).body
    place = 'after INSERT INTO "django_apiaccess_event"'
    dying = Server(environment(**database, DIE_AT=place), command=("-m", "tests.servers.dying")).start().ready()
    try:
        with pytest.raises((http.client.HTTPException, OSError)):
            refresh(dying, first["refresh_token"])
        assert dying.process.wait(20) == -signal.SIGKILL
    finally:
        dying.stop()
    assert shell.ended_sessions(user=ann) == []
    assert opens(pair, third["access_token"]) == [200, 200]
    assert refresh(pair[0], first["refresh_token"]).status == 400
    assert opens(pair, third["access_token"]) == [401, 401]
    assert shell.actions(user=ann).count("refresh.replayed") == 1
