"""Sending a form or a document to a server, with the protections that fetching has."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time

import pytest

from django_apiaccess.core.outbound import FetchError, post
from tests.core.test_outbound import OWN, PRIVATE, certificate  # noqa: F401 - a fixture
from tests.sms.provider import Provider


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.close()


def test_a_form_is_sent_with_user_name_and_password(provider):
    provider.serve(201, {"a": 1})
    answer = post(f"{provider.url}/x?y=1", form={"To": "+31 6", "Body": "ü&=%\n"}, basic=("me:", "pässword"), **OWN)
    assert (answer.status, answer.document()) == (201, {"a": 1})
    assert provider.asked == [("/x?y=1", {"To": "+31 6", "Body": "ü&=%\n"})]
    assert provider.basic == "me::pässword"


def test_a_document_is_sent_as_json(provider, monkeypatch):
    received = []
    monkeypatch.setattr("tests.sms.provider.parse_qs", lambda text: received.append(json.loads(text)) or {})
    post(provider.url, document={"a": ["ü", None]}, **OWN)
    assert received == [{"a": ["ü", None]}]
    assert provider.headers[0]["Content-Type"] == "application/json"
    assert "Authorization" not in provider.headers[0]


@pytest.mark.parametrize("status", [200, 201, 204, 301, 302, 307, 308, 400, 401, 429, 500, 503])
def test_every_status_is_an_answer_and_none_is_followed(provider, status):
    provider.serve(status, b"" if status == 204 else b"{}", Location=provider.url + "/elsewhere")
    assert post(provider.url, form={}, **OWN).status == status
    assert [path for path, _ in provider.asked] == ["/"]


def test_what_came_back_is_not_in_the_repr(provider):
    provider.serve(200, {"secret": "(what was sent)"})
    answer = post(provider.url, form={"Body": "481516"}, **OWN)
    assert b"481516" in answer.body
    assert repr(answer) == "Answer(status=200)"


@pytest.mark.parametrize(
    "url", ["http://id.example/", "https://user:word@id.example/", "ftp://id.example/", "", "https://"]
)
def test_odd_addresses_are_refused_before_anything_is_looked_up(url, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: pytest.fail("a name was looked up"))
    with pytest.raises(FetchError) as caught:
        post(url, form={})
    assert not caught.value.sent


@pytest.mark.parametrize("address", PRIVATE)
def test_tr_06_nothing_is_sent_to_a_private_address(address, monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)
    monkeypatch.setattr(socket, "create_connection", lambda *_args, **_kwargs: pytest.fail("a connection was made"))
    with pytest.raises(FetchError, match="no public address") as caught:
        post("https://id.example/", form={"Body": "481516"})
    assert not caught.value.sent


def test_tr_06_nothing_is_sent_before_the_certificate_is_verified(certificate):  # noqa: F811
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    provider = Provider(tls=context)
    try:
        with pytest.raises(FetchError, match=r"certificate|CERTIFICATE") as caught:
            post(provider.url, form={"Body": "481516"}, allow_private=True)
        assert not caught.value.sent
        assert provider.asked == []
        trusted = ssl.create_default_context(cafile=str(certificate))
        assert post(provider.url, form={}, allow_private=True, context=trusted).status == 201
    finally:
        provider.close()


def clocks():
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_a_clock_that_strikes_while_connecting_ends_it_too(provider, monkeypatch):
    """There is no socket yet that it could close, and a server that drips would then be read for ever."""
    connect = socket.create_connection

    def slowly(*arguments, **options):
        time.sleep(0.3)
        return connect(*arguments, **options)

    monkeypatch.setattr(socket, "create_connection", slowly)
    provider.drip = 0.1
    started = time.monotonic()
    with pytest.raises(FetchError, match="too slow") as caught:
        post(provider.url, form={}, **OWN, timeout=0.2)
    assert (caught.value.sent, caught.value.slow) == (False, True)
    assert time.monotonic() - started < 2
    assert provider.asked == []


@pytest.mark.parametrize("how", ["hangs", "drips"])
def test_a_server_that_is_slow_is_given_up_in_time_and_may_have_acted(provider, how):
    provider.hangs, provider.drip = how == "hangs", 0.1
    started = time.monotonic()
    with pytest.raises(FetchError, match="too slow") as caught:
        post(provider.url, form={}, **OWN, timeout=0.5)
    assert (caught.value.sent, caught.value.slow) == (True, True)
    assert time.monotonic() - started < 3
    deadline = time.monotonic() + 5
    while clocks() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not clocks()


def test_an_answer_that_is_cut_or_too_large_is_an_error_and_may_have_been_acted_on(provider):
    provider.claims_more = True
    with pytest.raises(FetchError, match="cut off") as caught:
        post(provider.url, form={}, **OWN)
    assert (caught.value.sent, caught.value.slow) == (True, False)
    provider.claims_more = False
    provider.serve(200, b"a" * 100_000)
    with pytest.raises(FetchError, match="larger than 65536"):
        post(provider.url, form={}, **OWN)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html>", b"\xff"])
def test_an_answer_that_is_no_object_is_no_document(provider, body):
    provider.serve(200, body)
    with pytest.raises(FetchError, match="is no JSON"):
        post(provider.url, form={}, **OWN).document()
