"""Sessions in a real Redis, over two server processes: the very next request, no statement lost, and every fault of Redis."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import time

import pytest

from .processes import Shell, environment
from .test_tokens import ENDS, log_in, opens

LAG = 0.5
API_ACCESS = json.dumps({"STATELESS_SECONDS": 60, "GENERATION_SECONDS": LAG})
CHANGES = {
    **{name: (end, 401) for name, end in ENDS.items()},
    "a role that was taken": (lambda shell, ann: shell.ungrant(user=ann), 403),
}


@pytest.fixture
def servers(start, own_redis):
    running = start(2, REDIS_URL=own_redis.url, API_ACCESS=API_ACCESS)
    running[0].redis = own_redis
    return running


@pytest.fixture
def other(shell, database, own_redis):
    """A third process, that of an administrator, with the same settings."""
    running = Shell(environment(**database, REDIS_URL=own_redis.url, API_ACCESS=API_ACCESS))
    yield running
    running.close()


@pytest.fixture
def people(other, servers):
    """A token that both servers know, for each change."""
    found = {}
    for change in CHANGES:
        name = f"ann-{secrets.token_hex(4)}"
        other.person(name=name)
        found[change] = (name, log_in(servers[0], name)["access_token"])
    for _name, token in found.values():
        assert opens([*servers, *servers], token) == [200] * 4
    assert int(command(servers[0].redis, "DBSIZE").lstrip(":")) > len(CHANGES)  # they are there
    return found


def command(redis, *words):
    """One command of the Redis protocol; the first line of its answer."""
    parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in (text.encode() for text in words))
    with socket.create_connection(("127.0.0.1", redis.port), timeout=5) as connection:
        connection.sendall(b"*%d\r\n%s" % (len(words), parts))
        return connection.makefile("rb").readline().decode().strip()


def make_all(other, people, servers, *, check=True):
    for change, (take, after) in CHANGES.items():
        name, token = people[change]
        take(other, name)
        if check:
            assert opens(servers, token) == [after, after], change


def test_every_change_is_felt_by_both_at_the_very_next_request(servers, other, people):
    make_all(other, people, servers)


def test_after_redis_was_killed_and_after_it_came_back_empty(servers, other, people, own_redis):
    own_redis.kill()
    make_all(other, people, servers)
    own_redis.start()
    for change, (_take, after) in CHANGES.items():
        assert opens(servers, people[change][1]) == [after, after], change


def test_a_redis_that_hung_and_comes_back_with_what_it_held_revives_nothing_beyond_the_stated_lag(
    servers, other, people, own_redis
):
    own_redis.process.send_signal(signal.SIGSTOP)
    make_all(other, people, servers, check=False)
    own_redis.process.send_signal(signal.SIGCONT)
    time.sleep(LAG + 0.1)
    for change, (_take, after) in CHANGES.items():
        assert opens(servers, people[change][1]) == [after, after], change


def test_a_flushed_redis_and_one_that_evicts_revive_nothing(servers, other, people, own_redis):
    make_all(other, people, servers)
    assert command(own_redis, "FLUSHALL") == "+OK"
    for change, (_take, after) in CHANGES.items():
        assert opens([*servers, *servers], people[change][1]) == [after] * 4, change
    assert command(own_redis, "CONFIG", "SET", "maxmemory-policy", "allkeys-random") == "+OK"
    assert command(own_redis, "CONFIG", "SET", "maxmemory", "1") == "+OK"  # it gives up all that it may
    for change, (_take, after) in CHANGES.items():
        assert opens([*servers, *servers], people[change][1]) == [after] * 4, change
    name = f"ann-{secrets.token_hex(4)}"
    other.person(name=name)
    token = log_in(servers[0], name)["access_token"]
    assert opens([*servers, *servers], token) == [200] * 4
    other.set_active(user=name, active=False)
    assert opens([*servers, *servers], token) == [401] * 4


def test_one_server_ends_a_session_and_the_other_refuses_it(servers, other):
    from .test_tokens import call

    name = f"ann-{secrets.token_hex(4)}"
    other.person(name=name)
    token = log_in(servers[0], name)["access_token"]
    assert opens([*servers, *servers], token) == [200] * 4
    assert call(servers[0], "/access/sessions/current/", token=token, method="DELETE").status == 204
    assert opens(servers[::-1], token) == [401, 401]
