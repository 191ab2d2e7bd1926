"""`POST leaks/`: whoever holds a text may end it; the answer tells nothing of what it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from django_apiaccess.core import secrets
from django_apiaccess.core.leaks import Report
from django_apiaccess.events.models import Event
from django_apiaccess.events.source import Actor
from django_apiaccess.keys import leaks as key_leaks
from django_apiaccess.keys.models import APIKey
from django_apiaccess.leaks import service

from .conftest import leak_events
from .test_github import forged

pytestmark = pytest.mark.django_db


@pytest.fixture
def issued(make_user: Any, make_key: Any) -> Any:
    return make_key(make_user("ann", "docs:read", email="ann@example.org"), "docs:read", name="ci")


def is_open(issued: Any) -> bool:
    return APIKey.objects.get(pk=issued.key.pk).revoked_at is None


def test_a_reported_key_is_revoked_and_its_owner_told_once(report, issued, told, client_of):
    assert [report(issued.text).status_code for _ in range(3)] == [202] * 3

    assert client_of(issued).get("/read-only/").status_code == 401
    assert [entry[:2] for entry in told] == [("ann", "credential_leaked")]
    assert len(leak_events()) == 1


@pytest.mark.parametrize("prefix", ["ak", "rt", "cs"])
def test_a_report_of_many_texts_costs_no_more_queries_than_one_of_a_few(db, prefix):
    counts = []
    for number in (2, 200):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            service.judge([secrets.make_key(prefix).text for _ in range(number)])
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 1


def test_the_answer_is_the_same_for_every_text(report, issued):
    answers = [
        report(issued.text),
        report(issued.text),
        report(forged(issued.text)),
        report(secrets.make_key("ak").text),
        report("no key at all"),
        report(issued.text, forged(issued.text), "x"),
    ]
    assert {(answer.status_code, answer.content, str(sorted(answer.headers.items()))) for answer in answers} == {
        (202, answers[0].content, str(sorted(answers[0].headers.items())))
    }


def test_before_the_answer_as_much_is_asked_for_a_real_key_as_for_none(issued, make_key):
    """What follows from a real key happens when the answer is on its way."""
    counts = []
    for text in (issued.text, forged(issued.text), secrets.make_key("ak").text):
        with CaptureQueriesContext(connection) as asked:
            service.judge([text])
        counts.append([query["sql"].partition("WHERE")[0] for query in asked])
    assert counts[0] == counts[1] == counts[2]
    assert len(counts[0]) == 1
    assert is_open(issued)


def test_what_is_reported_again_costs_the_database_no_write(make_user, make_key, leaks):
    """Else whoever has a dead key could make every worker forget what it remembers."""
    leaks(ON_LEAK="retire")
    text = make_key(make_user("ann", "docs:read"), "docs:read").text
    told = Report("a test", Actor.command("test"))
    service.respond(service.judge([text]).values(), told)
    with CaptureQueriesContext(connection) as asked:
        service.respond(service.judge([text]).values(), told)
    assert {query["sql"].partition(" ")[0] for query in asked} == {"SELECT"}


def test_a_forged_text_with_the_id_of_a_real_key_ends_nothing(report, issued, told):
    assert report(forged(issued.text), issued.text[:-1], issued.text.upper()).status_code == 202
    assert is_open(issued)
    assert not told
    assert not Event.objects.filter(action="credential.leaked").exists()


def test_many_texts_at_once_are_dealt_with(report, make_user, make_key):
    ann = make_user("ann", "docs:read")
    keys = [make_key(ann, "docs:read").text for _ in range(30)]
    assert report(*keys, *keys, "ключ", " ").status_code == 400  # an empty text is none
    assert report(*keys, *keys, "ключ").status_code == 202
    assert APIKey.objects.filter(revoked_at=None).count() == 0


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"tokens": []}', b'{"tokens": "ak_x"}', b'{"tokens": [[]]}', b'{"tokens": null}',
        b'{"tokens": ["a"], "tokens": ["b"]}', b"\xff", json.dumps({"tokens": ["a" * 9000]}).encode(),
        json.dumps({"tokens": ["a"] * 501}).encode(), json.dumps({"tokens": ["a" * 300] * 400}).encode(),
        json.dumps({"tokens": ["a\0b"]}).encode(),
    ],
)  # fmt: skip
def test_a_body_of_a_wrong_form_is_refused(body):
    response = APIClient().generic("POST", "/access/leaks/", body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_request"


def test_forms_are_not_taken(issued):
    assert APIClient().post("/access/leaks/", {"tokens": issued.text}, format="multipart").status_code == 415


def test_reports_are_throttled_by_network(report, leaks):
    leaks(REPORTS_RATE="2/h")
    assert [report("x").status_code for _ in range(4)] == [202, 202, 429, 429]
    assert report("x", REMOTE_ADDR="198.51.100.7").status_code == 202
    assert report("x", REMOTE_ADDR="2001:db8::1").status_code == 202
    assert [report("x", REMOTE_ADDR=f"2001:db8::{tail}").status_code for tail in (2, 3)] == [202, 429]


def test_the_endpoint_can_be_closed(report, leaks, issued):
    leaks(REPORTS=False)
    assert report(issued.text).status_code == 404
    assert is_open(issued)


def test_nobody_needs_a_credential_or_a_csrf_token(issued, django_capture_on_commit_callbacks):
    strict = APIClient(enforce_csrf_checks=True)
    assert strict.post("/access/leaks/", {"tokens": [issued.text]}, format="json").status_code == 202
    assert not is_open(issued)


def test_a_database_that_fails_for_one_key_hinders_none_of_the_others(report, make_user, make_key, monkeypatch):
    ann = make_user("ann", "docs:read")
    keys = [make_key(ann, "docs:read") for _ in range(3)]
    real = key_leaks.respond

    def fail(public_id: str, told: Any) -> None:
        if public_id == keys[0].text.split("_")[1]:
            raise OperationalError("locked")
        real(public_id, told)

    monkeypatch.setattr(key_leaks, "respond", fail)
    assert report(*(key.text for key in keys)).status_code == 202
    assert [is_open(key) for key in keys] == [True, False, False]


class TestOtherCredentials:
    @pytest.fixture
    def tokens(self, make_user: Any) -> dict[str, Any]:
        make_user("ann", "docs:read")
        data = {"username": "ann", "password": "secret", "device": "Laptop"}
        found: dict[str, Any] = APIClient().post("/access/token/", data, format="json").json()
        return found

    @pytest.mark.parametrize("which", ["refresh_token", "access_token"])
    def test_a_token_of_a_session_ends_the_session(self, report, tokens, told, client_of, which):
        assert client_of(tokens["access_token"], "Bearer").get("/read-only/").status_code == 200

        assert [report(tokens[which]).status_code for _ in range(2)] == [202, 202]

        assert client_of(tokens["access_token"], "Bearer").get("/read-only/").status_code == 401
        assert [entry[:2] for entry in told] == [("ann", "credential_leaked")]
        assert "Laptop" in told[0][2]["what"]
        assert len(leak_events()) == 1

    def test_a_used_refresh_token_ends_the_session_too(self, report, tokens):
        old = tokens["refresh_token"]
        new = APIClient().post("/access/token/refresh/", {"refresh_token": old}, format="json").json()
        report(old)
        again = APIClient().post("/access/token/refresh/", {"refresh_token": new["refresh_token"]}, format="json")
        assert again.status_code == 400

    @pytest.mark.parametrize("which", ["refresh_token", "access_token"])
    def test_a_token_that_was_altered_ends_nothing(self, report, tokens, told, which):
        text = tokens[which]
        altered = forged(text) if which == "refresh_token" else text[:-8] + "AAAAAAAA"
        assert report(altered).status_code == 202
        assert not told

    def test_the_secret_of_an_oauth_client_ends(self, report, make_user, told, operator, leaks):
        from django_apiaccess.contrib.oauth import clients
        from django_apiaccess.contrib.oauth.client_secrets import check

        made = clients.create(
            by=operator, name="shop", owner=make_user("mara"), redirect_uris=["https://shop.example/cb"]
        )
        client_id, secret = made.client.client_id, made.secret
        assert check(client_id, secret)[0] is not None

        leaks(ON_LEAK="retire")
        report(secret)
        assert check(client_id, secret)[0] is not None
        leaks(ON_LEAK="revoke")
        report(secret)
        report(secret)
        assert check(client_id, secret)[0] is None
        assert [entry[0] for entry in told] == ["mara", "mara"]
        assert check(client_id, forged(secret))[0] is None
