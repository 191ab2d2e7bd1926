"""Sending by Twilio: to a server that answers as Twilio does, and to one that is slow, broken, hostile or somewhere else."""

from __future__ import annotations

import socket
import ssl
import time

import pytest

from django_apiaccess.sms.twilio import TwilioGateway
from tests.core.test_outbound import certificate  # noqa: F401 - a fixture

from .conftest import BODY, NUMBER, refused
from .provider import SID, Provider, twilio_message

ACCOUNT = "AC" + "a1" * 16
TOKEN = "very-secret-token"


def gateway_of(provider: Provider | str, **options) -> TwilioGateway:
    given = {
        "account_sid": ACCOUNT,
        "auth_token": TOKEN,
        "from_number": "+15005550006",
        "allow_http": True,
        "allow_private": True,
    }
    return TwilioGateway(base_url=provider if isinstance(provider, str) else provider.url, **{**given, **options})  # fmt: skip


def test_a_message_is_sent_as_the_messages_api_wants_it(provider):
    result = gateway_of(provider).send(NUMBER, BODY, purpose="login")
    assert (result.id, result.provider, result.status) == (SID, "twilio", "queued")
    assert provider.asked == [
        (f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", {"To": NUMBER, "Body": BODY, "From": "+15005550006"})
    ]
    assert provider.basic == f"{ACCOUNT}:{TOKEN}"
    assert provider.headers[0]["Content-Type"] == "application/x-www-form-urlencoded"


def test_a_messaging_service_and_an_api_key_may_stand_in_for_the_number_and_the_token(provider):
    options = {
        "auth_token": "",
        "api_key": "SK1",
        "api_secret": TOKEN,
        "from_number": "",
        "messaging_service_sid": "MG1",
    }
    gateway_of(provider, **options).send(NUMBER, BODY, purpose="login")
    assert provider.basic == f"SK1:{TOKEN}"
    assert provider.asked[0][1] == {"To": NUMBER, "Body": BODY, "MessagingServiceSid": "MG1"}


@pytest.mark.parametrize("code", [21211, 21214, 21217, 21265, 21610, 21614, 21635])
def test_an_error_of_the_number_is_permanent(provider, code):
    provider.refuse(400, code)
    error = refused(gateway_of(provider))
    assert (error.temporary, error.code, error.provider) == (False, str(code), "twilio")


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, 20429), (401, 20003), (403, 20403), (400, 21408), (400, 21606), (400, 21612), (404, 20404), (400, 63038)],
)
def test_an_error_of_the_account_the_sender_or_the_moment_is_temporary(provider, status, code):
    provider.refuse(status, code)
    error = refused(gateway_of(provider))
    assert (error.temporary, error.code) == (True, str(code))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_provider_in_trouble_is_temporary_whatever_its_body_says(provider, status):
    provider.refuse(status, 21211)
    error = refused(gateway_of(provider))
    assert (error.temporary, error.code) == (True, str(status))


@pytest.mark.parametrize("body", [b"", b"<html>(what was sent)</html>", b"[21211]", b"null", b"21211"])
def test_a_refusal_without_a_code_is_known_by_its_status(provider, body):
    provider.serve(429, body)
    error = refused(gateway_of(provider))
    assert (error.temporary, error.code) == (True, "429")


@pytest.mark.parametrize("code", ["21211", True, None, [21211], {"a": 1}, -1, 10**9, 21211.0, "(what was sent)"])
def test_a_code_that_is_no_number_is_not_believed(provider, code):
    provider.refuse(400, code)
    error = refused(gateway_of(provider))
    assert (error.temporary, error.code) == (True, "400")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_tr_06_a_redirect_is_not_followed(make_provider, status):
    first, second = make_provider(), make_provider()
    for target in (f"{second.url}/", "http://169.254.169.254/latest/meta-data/"):
        first.serve(status, b"", Location=target)
        error = refused(gateway_of(first))
        assert (error.temporary, error.code) == (True, str(status))
    assert second.asked == []
    assert len(first.asked) == 2


@pytest.mark.parametrize("status", ["failed", "undelivered", "canceled"])
def test_a_message_that_is_taken_and_has_failed_already_is_an_error(provider, status):
    provider.serve(200, twilio_message(status=status, error_code=30006))
    assert not refused(gateway_of(provider)).temporary
    provider.serve(201, twilio_message(status=status, error_code=None))
    error = refused(gateway_of(provider))
    assert (error.temporary, error.code) == (True, status)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"OK", b"<html>(what was sent)</html>", b"[]", b"null", b'"queued"', b"{}", b"{" * 50, b"\xff\xfe",
        b'{"sid": "(what was sent)"}',
        b'{"sid": "SM1", "status": "queued"}', b'{"sid": null, "status": "queued"}',
        b'{"status": "queued"}', f'{{"sid": "{SID}", "status": "(what was sent)"}}'.encode(), f'{{"sid": "{SID}"}}'.encode(),
        f'{{"sid": "{SID}", "status": ["queued"]}}'.encode(), b'{"sid": ["' + SID.encode() + b'"], "status": "queued"}',
        f'{{"sid": "{SID}(what was sent)", "status": "queued"}}'.encode(), b"[" * 60_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 201])
def test_a_lie_in_place_of_an_answer_is_no_success(provider, status, body):
    provider.serve(status, body)
    error = refused(gateway_of(provider))
    assert (error.temporary, error.code) == (True, "broken_answer")


@pytest.mark.parametrize("status", [202, 204, 206, 299])
def test_another_success_than_twilios_is_none(provider, status):
    provider.serve(status, twilio_message())
    assert refused(gateway_of(provider)).temporary


def test_a_body_of_megabytes_is_not_read_to_its_end(provider):
    provider.serve(201, twilio_message(body="a" * 5_000_000))
    assert refused(gateway_of(provider)).code == "broken_answer"


def test_a_provider_that_closes_midway_is_an_error(provider):
    provider.claims_more = True
    assert refused(gateway_of(provider)).code == "broken_answer"
    provider.raw = b"HTTP/1.1 201 Crea"
    assert refused(gateway_of(provider)).code == "broken_answer"
    provider.raw = b""
    assert refused(gateway_of(provider)).code == "broken_answer"


def test_what_is_repeated_in_the_status_line_or_a_header_gets_into_no_error(provider):
    for raw in (
        f"{BODY} {NUMBER}\r\n\r\n",
        f"HTTP/1.1 abc {BODY} {NUMBER}\r\n\r\n",
        f"HTTP/1.1 201 {NUMBER} {BODY}\r\n\r\n",
    ):
        provider.raw = raw.encode()
        assert refused(gateway_of(provider)).temporary
    provider.raw = b"HTTP/1.1 201 Created\r\n" + f"X-{NUMBER}: {BODY}\r\n".encode() * 200 + b"\r\n"
    assert refused(gateway_of(provider)).code == "broken_answer"


@pytest.mark.parametrize("how", ["hangs", "drips"])
def test_tr_06_a_slow_provider_is_given_up_in_time(provider, how):
    provider.hangs, provider.drip = how == "hangs", 0.1
    started = time.monotonic()
    error = refused(gateway_of(provider, timeout=0.5))
    assert (error.temporary, error.code) == (True, "timeout")
    assert time.monotonic() - started < 3


def test_nobody_there_is_temporary():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert refused(gateway_of(f"http://127.0.0.1:{port}")).code == "unreachable"
    assert refused(gateway_of("https://does-not-exist.invalid")).code == "unreachable"


def test_tr_06_a_certificate_that_nobody_vouches_for_is_refused(make_provider, certificate):  # noqa: F811
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    provider = make_provider(tls=context)
    assert refused(gateway_of(provider)).code == "unreachable"
    assert provider.asked == []


def test_tr_06_a_private_address_is_not_asked_unless_allowed(provider):
    assert refused(gateway_of(provider, allow_private=False)).code == "unreachable"
    assert provider.asked == []


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"account_sid": "AC123"}, "account_sid"),
        ({"account_sid": f"{ACCOUNT}/../x"}, "account_sid"), ({"account_sid": ""}, "account_sid"),
        ({"auth_token": ""}, "auth_token"), ({"api_key": "SK1", "api_secret": "x"}, "either auth_token"),
        ({"auth_token": "", "api_key": "SK1"}, "api_secret"), ({"from_number": ""}, "from_number"),
        ({"messaging_service_sid": "MG1"}, "from_number"), ({"allow_http": False}, "https"), ({"timeout": 0}, "timeout"),
        ({"timeout": 600}, "timeout"),
    ],
)  # fmt: skip
def test_options_that_cannot_work_are_refused_when_they_are_written(options, what):
    with pytest.raises(ValueError, match=what):
        gateway_of("http://127.0.0.1:1", **options)
