"""Two server processes on one database, as on two hosts: what is taken in one place is gone at the very next request in both."""

from __future__ import annotations

import time

import pytest

from .processes import ORDERS, in_parallel, until


def statuses(servers, key, **options):
    return [server.status(key, **options) for server in servers]


def warm(servers, key):
    """Both have seen the key, and would answer from whatever they remember."""
    for _request in range(4):
        assert statuses(servers, key) == [200, 200]


def test_a_key_revoked_through_one_server_is_refused_by_the_other_at_once(pair, issue):
    key = issue()
    warm(pair, key["text"])
    assert pair[0].status(key["text"], f"/access/keys/{key['id']}/", "DELETE") == 204
    assert statuses(pair[::-1], key["text"]) == [401, 401]


def test_a_key_revoked_in_the_shell_is_refused_by_both_at_once(pair, issue, shell):
    key = issue()
    warm(pair, key["text"])
    assert shell.revoke(key=key["id"]) == 1
    assert statuses(pair, key["text"]) == [401, 401]
    assert pair[0].ask(key["text"]).body["code"] == "invalid_credential"


def test_a_role_taken_is_missing_in_both_at_once_and_comes_back_at_once(pair, issue, shell):
    key = issue()
    warm(pair, key["text"])
    assert shell.ungrant(user=key["user"]) == 1
    assert statuses(pair, key["text"]) == [403, 403]
    assert pair[1].ask(key["text"]).body["missing"] == ["orders:read"]
    shell.grant(user=key["user"], role="support")
    assert statuses(pair, key["text"]) == [200, 200]


def test_a_role_that_gives_less_gives_less_in_both_at_once(pair, issue, shell):
    shell.narrow_role(role="passing", scopes=["orders:read"])
    key = issue(role="passing")
    warm(pair, key["text"])
    shell.narrow_role(role="passing", scopes=["reports:read"])
    assert statuses(pair, key["text"]) == [403, 403]
    shell.narrow_role(role="passing", scopes=["orders:read"])
    assert statuses(pair, key["text"]) == [200, 200]


def test_a_person_deactivated_is_out_in_both_at_once(pair, issue, shell):
    key = issue()
    warm(pair, key["text"])
    shell.set_active(user=key["user"], active=False)
    assert statuses(pair, key["text"]) == [401, 401]
    shell.set_active(user=key["user"], active=True)
    assert statuses(pair, key["text"]) == [200, 200]


def test_a_rotation_without_grace_ends_the_old_secret_in_both_at_once(pair, issue, shell):
    key = issue()
    warm(pair, key["text"])
    new = shell.rotate(key=key["id"], grace=0)
    assert statuses(pair, key["text"]) == [401, 401]
    assert statuses(pair, new) == [200, 200]


def test_a_rotation_with_grace_lets_both_secrets_in_until_its_end(pair, issue, shell):
    key = issue()
    warm(pair, key["text"])
    new = shell.rotate(key=key["id"], grace=2)
    ends = time.monotonic() + 2
    assert statuses(pair, key["text"]) == statuses(pair, new) == [200, 200]
    time.sleep(max(0.0, ends - time.monotonic()))
    assert statuses(pair, key["text"]) == [401, 401]
    assert statuses(pair, new) == [200, 200]


def test_a_refusal_is_an_event_with_its_true_reason(pair, issue, shell):
    key = issue()
    assert pair[0].status(key["text"], "/api/reports/sales/") == 403
    shell.revoke(key=key["id"])
    assert pair[1].status(key["text"]) == 401
    assert shell.refusals(credential_id=str(key["id"])) == [
        ["scope_missing", "denied", "127.0.0.1", "/api/reports/sales/", 1],
        ["revoked", "failed", "127.0.0.1", ORDERS, 1],
    ]


def test_refusals_that_cost_no_query_are_events_a_moment_later(pair, issue, shell):
    key = issue()
    mistyped = key["text"][:-1] + ("x" if key["text"][-1] != "x" else "y")
    path = f"{ORDERS}{key['id']}7777/"
    for _request in range(3):
        assert statuses(pair, mistyped, path=path) == [401, 401]
    until(lambda: sum(row[-1] for row in shell.refusals(path=path)) == 6)
    assert {tuple(row[:4]) for row in shell.refusals(path=path)} == {("checksum", "failed", "127.0.0.1", path)}


def test_uses_in_both_add_up_within_seconds_while_they_run(pair, issue, shell):
    key = issue()
    began = time.time()
    answers = in_parallel(pair, key["text"], 60)
    assert {answer.status for answer in answers} == {200}
    until(lambda: shell.uses(key=key["id"])["count"] == 60)
    used = shell.uses(key=key["id"])
    assert used["address"] == "127.0.0.1"
    assert began <= used["at"] <= time.time()


@pytest.mark.parametrize("threads", [2, 6])
def test_a_rate_is_exact_over_both_when_the_database_counts(pair, issue, threads):
    key = issue(rate="15/h")
    answers = in_parallel(pair, key["text"], 40, threads=threads)
    assert sorted(answer.status for answer in answers) == [200] * 15 + [429] * 25
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.body["code"] == "rate_limited"
    assert int(refused.headers["Retry-After"]) > 0
    remaining = [int(answer.headers["RateLimit"].split(";r=")[1].split(";")[0]) for answer in answers]
    assert min(remaining) == 0
    assert max(remaining) < 15
