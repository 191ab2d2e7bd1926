"""Four eyes over two real server processes: two people who log in, one key."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from .processes import ORDERS
from .test_tokens import call, log_in

API_ACCESS = {"APPROVALS": {"SCOPES": ["orders:refund"]}}
KEYS, REQUESTS = "/access/keys/", "/access/keys/requests/"


@pytest.fixture
def people(shell, pair):
    """The requester and the approver: name and access token of each."""
    found = []
    for word in ("asks", "decides"):
        name = f"{word}-{secrets.token_hex(4)}"
        shell.person(name=name, role="manager")
        if word == "decides":
            shell.approver(user=name)
        found.append((name, log_in(pair[0], name)["access_token"]))
    return found


def test_a_key_for_refunds_takes_two_people_and_is_claimed_once_from_either_process(pair, people, shell):
    one, other = pair
    (name, asks), (approver, decides) = people
    wanted = {"name": "till", "scopes": ["orders:refund", "orders:read"]}
    bare = call(one, KEYS, wanted, asks)
    assert (bare.status, bare.body["code"]) == (400, "approval_required")
    asked = call(one, KEYS, {**wanted, "justification": "Refunds at the desk in hall 2"}, asks)
    assert asked.status == 202
    assert shell.keys_of(user=name) == 0
    number = asked.body["id"]
    own = call(other, f"{REQUESTS}{number}/approve/", {}, asks)
    assert own.status == 403  # without the scope, and it is their own
    waiting = call(other, f"{REQUESTS}waiting/", token=decides).body["results"]
    assert number in [row["id"] for row in waiting]
    with ThreadPoolExecutor(4) as pool:
        decided = [
            pool.submit(call, server, f"{REQUESTS}{number}/approve/", {}, decides) for server in (one, other) * 2
        ]
    assert sorted(answer.result().status for answer in decided) == [200, 409, 409, 409]
    with ThreadPoolExecutor(6) as pool:
        claims = [pool.submit(call, server, f"{REQUESTS}{number}/claim/", {}, asks) for server in (one, other) * 3]
    answers = [claim.result() for claim in claims]
    assert sorted(answer.status for answer in answers) == [201, *[409] * 5]
    (made,) = [answer for answer in answers if answer.status == 201]
    assert shell.keys_of(user=name) == 1
    assert [server.status(made.body["key"], ORDERS) for server in pair] == [200, 200]
    assert call(one, f"{REQUESTS}{number}/", token=decides).status == 404
    shown = call(one, f"{REQUESTS}{number}/", token=asks).body
    assert (shown["status"], shown["decided_by"]) == ("claimed", approver)
    assert made.body["key"] not in one.log + other.log


def test_an_approver_who_left_before_the_claim_vouches_for_nothing(pair, people, shell):
    one, other = pair
    (name, asks), (approver, decides) = people
    wanted = {"name": "till", "scopes": ["orders:refund"], "justification": "Refunds at the desk in hall 2"}
    number = call(one, KEYS, wanted, asks).body["id"]
    assert call(one, f"{REQUESTS}{number}/approve/", {}, decides).status == 200
    shell.set_active(user=approver, active=False)
    refused = call(other, f"{REQUESTS}{number}/claim/", {}, asks)
    assert (refused.status, refused.body["code"]) == (403, "four_eyes")
    assert shell.keys_of(user=name) == 0
