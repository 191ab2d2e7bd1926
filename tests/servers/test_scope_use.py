"""Scopes that keys use, recorded by two server processes: written once, nothing lost but a killed one's last second."""

from __future__ import annotations

import signal
import time

import pytest

from .processes import ORDERS, in_parallel, until

REPORTS = "/api/reports/sales/"
BOTH = ("orders:read", "reports:read")


@pytest.fixture
def key(issue):
    return issue(role="manager", scopes=BOTH)


def test_each_process_writes_what_it_saw_and_both_add_up(pair, key, shell):
    assert pair[0].status(key["text"], ORDERS) == 200
    assert pair[1].status(key["text"], REPORTS) == 200
    until(lambda: shell.scope_uses(key=key["id"]) == sorted(BOTH))


def test_many_requests_at_once_in_both_are_one_row_a_scope(pair, key, shell):
    assert {answer.status for answer in in_parallel(pair, key["text"], 60)} == {200}
    until(lambda: shell.scope_uses(key=key["id"]) == ["orders:read"])
    time.sleep(1.2)
    assert shell.scope_uses(key=key["id"]) == ["orders:read"]


def test_a_refused_request_is_no_use(pair, issue, shell):
    key = issue(role="support")
    assert pair[0].status(key["text"], REPORTS) == 403
    assert pair[0].status(key["text"], ORDERS) == 200
    until(lambda: shell.scope_uses(key=key["id"]) == ["orders:read"])


def test_a_process_that_is_killed_loses_its_last_second_and_the_other_goes_on(start, key, shell):
    first, second = start(2)
    assert first.status(key["text"], ORDERS) == 200
    until(lambda: shell.scope_uses(key=key["id"]) == ["orders:read"])
    assert first.status(key["text"], REPORTS) == 200
    first.stop(signal.SIGKILL)
    assert shell.scope_uses(key=key["id"]) in (["orders:read"], sorted(BOTH))
    assert second.status(key["text"], REPORTS) == 200
    until(lambda: shell.scope_uses(key=key["id"]) == sorted(BOTH))


def test_a_clean_stop_loses_nothing(start, key, shell):
    (server,) = start(1)
    assert server.status(key["text"], REPORTS) == 200
    assert server.stop() == 0
    assert shell.scope_uses(key=key["id"]) == ["reports:read"]


def test_narrowing_waits_for_what_a_server_has_not_written_yet(pair, key, shell):
    """The command is another process: it knows of a use in a server only by the table."""
    assert pair[0].status(key["text"], ORDERS) == 200
    until(lambda: shell.scope_uses(key=key["id"]) == ["orders:read"])
    shell.age_key(key=key["id"], days=100)
    assert pair[1].status(key["text"], REPORTS) == 200
    assert shell.narrow_key(key=key["id"]) == sorted(BOTH)
    assert [server.status(key["text"], REPORTS) for server in pair] == [200, 200]


def test_what_was_not_used_is_refused_by_both_at_the_next_request(pair, key, shell):
    assert pair[0].status(key["text"], ORDERS) == 200
    shell.age_key(key=key["id"], days=100)
    assert shell.narrow_key(key=key["id"]) == ["orders:read"]
    assert [server.status(key["text"], REPORTS) for server in pair] == [403, 403]
    assert [server.status(key["text"], ORDERS) for server in pair] == [200, 200]
