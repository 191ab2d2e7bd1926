"""Credentials that are bound to a key, over two server processes on one database: a proof counts once at whichever it comes to."""

from __future__ import annotations

import http.client
import json
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.tokens.proofs import Holder

from .processes import ORDERS, Answer

HOST = "localhost"
"""The name that both servers have for their clients, as behind a load balancer."""


def call(server, method, path, *, body=None, headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        sent = {"Host": HOST, "Content-Type": "application/json", **dict(headers)}
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        response = connection.getresponse()
        answer = response.read()
        return Answer(response.status, json.loads(answer) if answer else None, dict(response.headers))
    finally:
        connection.close()


def bound(holder, credential):
    proof = holder.proof("GET", f"http://{HOST}{ORDERS}", credential)
    return {"Authorization": f"DPoP {credential}", "DPoP": proof}


@pytest.fixture
def holder():
    return Holder()


def test_RS08_of_eight_requests_at_two_servers_with_one_proof_exactly_one_passes(pair, issue, holder):
    key = issue(dpop_jkt=holder.jkt)["text"]
    for _round in range(5):
        headers = bound(holder, key)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n, sent=headers: call(pair[n % 2], "GET", ORDERS, headers=sent), range(8)))
        assert Counter(answer.status for answer in answers) == {200: 1, 401: 7}


def test_a_log_in_at_one_server_opens_and_refreshes_at_the_other(pair, shell, holder):
    name = f"ann-{secrets.token_hex(4)}"
    shell.person(name=name)
    path = "/access/token/"
    body = {"username": name, "password": "secret"}
    proof = {"DPoP": holder.proof("POST", f"http://{HOST}{path}")}
    answers = [call(server, "POST", path, body=body, headers=proof) for server in pair]
    assert [answer.status for answer in answers] == [200, 400], answers
    tokens = answers[0].body
    assert [call(server, "GET", ORDERS, headers=bound(holder, tokens["access_token"])).status for server in pair] == [
        200,
        200,
    ]
    stolen = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert [call(server, "GET", ORDERS, headers=stolen).status for server in pair] == [401, 401]
    path = "/access/token/refresh/"
    body = {"refresh_token": tokens["refresh_token"]}
    assert call(pair[1], "POST", path, body=body).status == 400
    proof = {"DPoP": holder.proof("POST", f"http://{HOST}{path}")}
    assert call(pair[1], "POST", path, body=body, headers=proof).status == 200


def test_two_headers_with_a_proof_each_are_refused(pair, issue, holder):
    key = issue(dpop_jkt=holder.jkt)["text"]
    connection = http.client.HTTPConnection("127.0.0.1", pair[0].port, timeout=30)
    connection.putrequest("GET", ORDERS, skip_host=True)
    for name, value in (("Host", HOST), ("Authorization", f"DPoP {key}"), *[("DPoP", bound(holder, key)["DPoP"])] * 2):
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    assert (response.status, body["code"]) == (401, "invalid_dpop_proof")


def test_with_nonces_a_client_learns_one_from_either_server(start, issue, holder):
    servers = start(2, API_ACCESS='{"DPOP": {"NONCE": true}}')
    key = issue(dpop_jkt=holder.jkt)["text"]
    asked = call(servers[0], "GET", ORDERS, headers=bound(holder, key))
    assert (asked.status, asked.body["code"]) == (401, "use_dpop_nonce")
    proof = holder.proof("GET", f"http://{HOST}{ORDERS}", key, nonce=asked.headers["DPoP-Nonce"])
    answer = call(servers[1], "GET", ORDERS, headers={"Authorization": f"DPoP {key}", "DPoP": proof})
    assert answer.status == 200
    assert answer.headers["DPoP-Nonce"]
