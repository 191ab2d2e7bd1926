"""Rate counters in Redis: exact over both processes while it is there; when it is not, slower, but nobody gets over the limit."""

from __future__ import annotations

import signal
import time

from django_apiaccess.authn.rates import RETRY_SECONDS

from .processes import in_parallel


def allowed(answers):
    assert {answer.status for answer in answers} <= {200, 429}
    return sum(answer.status == 200 for answer in answers)


def test_a_rate_is_exact_over_both_when_redis_counts(start, issue, redis):
    pair = start(2, REDIS_URL=redis)
    for threads in (2, 6):
        assert allowed(in_parallel(pair, issue(rate="15/h")["text"], 40, threads=threads)) == 15


UNSEEN = 2
"""Each process counts on from what it saw last; what the other one was told after that may pass in addition."""


def test_redis_killed_and_back_in_the_middle_of_a_window_lets_nobody_over_the_limit(start, issue, own_redis):
    pair = start(2, REDIS_URL=own_redis.url)
    key, unlimited = issue(rate="20/h"), issue()
    passed = allowed([server.ask(key["text"]) for server in pair * 4])
    assert passed == 8

    own_redis.kill()
    began = time.monotonic()
    passed += allowed([server.ask(key["text"]) for server in pair * 2])
    assert passed == 12
    assert time.monotonic() - began < 15, "a request waits too long for a dead Redis"
    began = time.monotonic()
    assert [server.status(unlimited["text"]) for server in pair * 5] == [200] * 10
    assert time.monotonic() - began < 2
    passed += allowed(in_parallel(pair, key["text"], 24))
    assert 20 <= passed <= 20 + UNSEEN
    assert allowed(in_parallel(pair, key["text"], 10)) == 0

    own_redis.start()  # empty
    time.sleep(RETRY_SECONDS + 0.1)
    assert allowed(in_parallel(pair, key["text"], 10)) == 0
    assert allowed(in_parallel(pair, issue(rate="10/h")["text"], 20)) == 10


def test_a_rate_holds_where_redis_was_never_there(start, issue, own_redis):
    own_redis.kill()
    pair = start(2, REDIS_URL=own_redis.url)
    assert allowed(in_parallel(pair, issue(rate="10/h")["text"], 24)) == 10


def test_a_redis_that_hangs_delays_a_request_and_hangs_none(start, issue, own_redis):
    (server,) = start(1, REDIS_URL=own_redis.url)
    key = issue(rate="10/h")
    assert allowed([server.ask(key["text"]) for _request in range(4)]) == 4
    own_redis.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    assert server.status(key["text"]) == 200
    assert time.monotonic() - began < 20
    began = time.monotonic()
    assert allowed([server.ask(key["text"]) for _request in range(8)]) == 5
    assert time.monotonic() - began < 3
