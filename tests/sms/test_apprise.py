"""Sending by apprise, to a receiver of its `json://` and to one that plays Twilio's part for apprise's own plugin."""

from __future__ import annotations

import json
import logging
import time

import apprise
import pytest
from apprise.plugins.twilio import NotifyTwilio

from django_apiaccess.sms.apprise import AppriseGateway

from .conftest import BODY, CODE, NUMBER, refused

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of one of its plugins


@pytest.fixture
def gateway(provider):
    provider.serve(200, {"ok": True})
    return AppriseGateway(
        url=f"json://{provider.url.removeprefix('http://')}/sms?:to={{to}}&:digits={{digits}}", timeout=0.5
    )


@pytest.fixture
def received(provider, monkeypatch):
    """The JSON documents that came."""
    documents = []
    monkeypatch.setattr("tests.sms.provider.parse_qs", lambda text: documents.append(json.loads(text)) or {})
    return documents


def test_a_message_is_sent_with_the_number_in_its_place(gateway, received, provider):
    result = gateway.send(NUMBER, BODY, purpose="login")
    assert (result.provider, result.status) == ("apprise", "sent")
    assert [(document["message"], document["to"], document["digits"]) for document in received] == [
        (BODY, NUMBER, NUMBER[1:])
    ]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_a_failure_is_temporary_and_tells_nothing(gateway, provider, make_provider, received, status):
    other = make_provider()
    provider.serve(status, b"(what was sent)", Location=other.url)
    error = refused(gateway)
    assert (error.temporary, error.code, error.provider) == (True, "failed", "apprise")
    assert (len(provider.asked), other.asked) == (1, [])


def test_a_provider_that_hangs_or_closes_is_given_up_in_time(gateway, provider, received):
    provider.hangs = True
    started = time.monotonic()
    assert refused(gateway).code == "failed"
    assert time.monotonic() - started < 3
    provider.hangs, provider.raw = False, b"HTTP/1.1 2"
    assert refused(gateway).code == "failed"


def test_nothing_of_the_message_is_logged_though_apprise_logs_whole_payloads(gateway, received, caplog):
    apprise.Apprise.instantiate(gateway._url.replace("{to}", "0").replace("{digits}", "0")).notify(body="spoken aloud")
    assert "spoken aloud" in caplog.text
    caplog.clear()
    gateway.send(NUMBER, BODY, purpose="login")
    names = {record.name.partition(".")[0] for record in caplog.records}
    assert {"apprise", "urllib3"} <= names
    assert CODE not in caplog.text


def test_apprises_own_twilio_which_logs_number_and_code_is_silent(provider, monkeypatch, caplog):
    monkeypatch.setattr(NotifyTwilio, "notify_sms_url", provider.url + "/{sid}")
    url = f"twilio://AC{'0' * 32}:{'d' * 32}@15005550006/{{digits}}"
    AppriseGateway(url=url).send(NUMBER, BODY, purpose="login")
    assert provider.asked[0][1]["Body"] == BODY
    provider.refuse(400, 21211)
    assert refused(AppriseGateway(url=url)).code == "failed"
    warned = [record for record in caplog.records if record.name == "apprise" and record.levelno >= logging.WARNING]
    assert warned, "apprise would have told the number here"


@pytest.mark.parametrize("url", ["nonsense://host/{to}", "twilio://{to}", "twilio://AC:token@15005550006/{to}"])
def test_a_url_that_apprise_does_not_know_is_an_error_of_the_gateway(url):
    assert refused(AppriseGateway(url=url)).code == "bad_url"


@pytest.mark.parametrize("url", ["json://localhost/", "localhost/{to}", ""])
def test_a_url_without_a_place_for_the_number_is_refused(url):
    with pytest.raises(ValueError, match="url must"):
        AppriseGateway(url=url)


def test_a_plugin_that_raises_is_an_error_of_the_gateway(gateway, monkeypatch):
    def broken(self, **given):
        raise ZeroDivisionError(f"cannot send {given}")

    monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.notify", broken)
    assert refused(gateway).code == "ZeroDivisionError"
