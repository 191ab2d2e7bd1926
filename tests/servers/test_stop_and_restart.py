"""Processes that end: cleanly, with nothing lost; killed, with at most the last second; and restarted with other secrets."""

from __future__ import annotations

import signal
import time

import pytest

from .processes import ROOT, Server, environment, free_port, in_parallel, until

OLD, NEW = "the-old-pepper-of-the-servers-tests-0123456789", "the-new-pepper-of-the-servers-tests-0123456789"
FORGOTTEN = "yet-another-pepper-of-the-servers-tests-0123456789"


def test_a_clean_stop_loses_no_use(start, issue, shell):
    pair = start(2)
    key, other = issue(), issue()
    assert {answer.status for answer in in_parallel(pair, key["text"], 50)} == {200}
    assert pair[1].status(other["text"]) == 200
    assert [server.stop(number) for server, number in zip(pair, (signal.SIGTERM, signal.SIGINT), strict=True)] == [0, 0]
    assert shell.uses(key=key["id"])["count"] == 50
    assert shell.uses(key=other["id"])["count"] == 1


def test_a_clean_stop_while_the_batch_is_being_written_loses_no_use(start, issue, shell):
    """The batch is written a second after the first use: stop a little before, at and after that moment."""
    servers = start(3)
    keys = [issue() for _server in servers]
    for server, key, moment in zip(servers, keys, (0.97, 1.0, 1.03), strict=True):
        assert server.status(key["text"]) == 200
        time.sleep(moment)
        assert server.stop() == 0
    assert [shell.uses(key=key["id"])["count"] for key in keys] == [1, 1, 1]


def test_a_kill_loses_at_most_the_last_second_and_breaks_nothing(start, issue, shell):
    (server,) = start(1)
    key = issue()
    assert [server.status(key["text"]) for _request in range(20)] == [200] * 20
    until(lambda: shell.uses(key=key["id"])["count"] == 20)
    assert [server.status(key["text"]) for _request in range(5)] == [200] * 5
    server.stop(signal.SIGKILL)
    assert shell.uses(key=key["id"])["count"] in {20, 25}
    (server,) = start(1)
    assert server.status(key["text"]) == 200
    server.stop()
    assert shell.uses(key=key["id"])["count"] in {21, 26}


def test_another_secret_key_does_not_end_keys_whose_peppers_stay(start, issue):
    (before,) = start(1)
    key = issue()
    assert before.status(key["text"]) == 200
    before.stop()
    (after,) = start(1, SECRET_KEY="quite-another-secret-key-of-more-than-fifty-characters-for-the-tests")
    assert after.status(key["text"]) == 200


def test_after_a_change_of_pepper_old_keys_work_and_are_signed_anew(start, issue, shell):
    key, idle = issue(), issue()
    demo = shell.pepper_of(key=key["id"])
    from_demo = "insecure-bookshop-demo-pepper-set-PEPPERS-for-anything-real"
    assert demo == shell.fingerprint(pepper=from_demo)

    both = start(2, PEPPERS=f"{NEW},{from_demo}")
    assert {answer.status for answer in in_parallel(both, key["text"], 16)} == {200}
    assert shell.pepper_of(key=key["id"]) == shell.fingerprint(pepper=NEW)
    assert shell.pepper_of(key=idle["id"]) == demo

    (new_only,) = start(1, PEPPERS=NEW)
    assert new_only.status(key["text"]) == 200
    assert new_only.status(idle["text"]) == 401
    assert shell.refusals(credential_id=str(idle["id"]))[0][0] == "pepper_missing"

    (without,) = start(1, PEPPERS=FORGOTTEN)
    assert without.status(key["text"]) == 401


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_development_server_loses_no_use_either(issue, shell, database, number):
    """`manage.py runserver --noreload`, as `make demo` runs it."""
    manage = str(ROOT / "example_project" / "manage.py")
    port = free_port()
    command = (manage, "runserver", "--noreload", f"127.0.0.1:{port}")
    server = Server(environment(**database), command, port).start()
    try:
        key = issue()
        server.ready()
        assert [server.status(key["text"]) for _request in range(12)] == [200] * 12
    finally:
        code = server.stop(number)
    assert code == (143 if number == signal.SIGTERM else 0)
    assert shell.uses(key=key["id"])["count"] == 12
