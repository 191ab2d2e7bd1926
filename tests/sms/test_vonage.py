"""Sending by Vonage, whose answer is 200 also when nothing was sent."""

from __future__ import annotations

import pytest

from django_apiaccess.sms.vonage import VonageGateway

from .conftest import BODY, NUMBER, refused
from .provider import vonage_answer

OPTIONS = {
    "api_key": "abcd",
    "api_secret": "very-secret-token",
    "sender": "Example",
    "allow_http": True,
    "allow_private": True,
}


@pytest.fixture
def gateway(provider):
    return VonageGateway(base_url=provider.url, **OPTIONS)


def test_a_message_is_sent_as_the_sms_api_wants_it(provider, gateway):
    provider.serve(200, vonage_answer("0"))
    result = gateway.send(NUMBER, "Your code is 481516.", purpose="login")
    assert (result.id, result.provider, result.status) == ("aaaaaaaa-bbbb-cccc-dddd-000000000000", "vonage", "sent")
    wanted = {
        "api_key": "abcd",
        "api_secret": "very-secret-token",
        "from": "Example",
        "to": "31612345678",
        "text": "Your code is 481516.",
    }
    assert provider.asked == [("/sms/json", wanted)]  # fmt: skip


def test_letters_that_a_plain_text_message_lacks_go_as_unicode(provider, gateway):
    provider.serve(200, vonage_answer("0"))
    gateway.send(NUMBER, "Code: 1 {€}", purpose="login")
    gateway.send(NUMBER, BODY, purpose="login")
    gateway.send(NUMBER, "Код: 1", purpose="login")
    assert [form.get("type") for _, form in provider.asked] == [None, "unicode", "unicode"]


@pytest.mark.parametrize("status", ["6", "7", "33"])
def test_an_error_of_the_number_is_permanent_though_the_answer_is_200(provider, gateway, status):
    provider.serve(200, vonage_answer(status))
    error = refused(gateway)
    assert (error.temporary, error.code) == (False, status)


@pytest.mark.parametrize("status", ["1", "2", "3", "4", "5", "8", "9", "10", "12", "15", "29", "99"])
def test_another_error_is_temporary_though_the_answer_is_200(provider, gateway, status):
    provider.serve(200, vonage_answer(status))
    error = refused(gateway)
    assert (error.temporary, error.code) == (True, status)


def test_a_message_of_which_one_part_failed_has_failed(provider, gateway):
    provider.serve(200, vonage_answer("0", "0", "5"))
    assert refused(gateway).code == "5"
    provider.serve(200, vonage_answer("0", "0", "0"))
    assert gateway.send(NUMBER, BODY, purpose="login").id.endswith("0")


@pytest.mark.parametrize("status", [302, 401, 420, 429, 500, 503])
def test_another_status_than_200_is_temporary(provider, gateway, status):
    provider.serve(status, vonage_answer("0"), Location=provider.url)
    error = refused(gateway)
    assert (error.temporary, error.code) == (True, str(status))
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    "document",
    [
        b"", b"(what was sent)", {}, {"messages": []}, {"messages": {}}, {"messages": ["0"]}, {"messages": None}, {"messages": [{}]},
        {"messages": [{"status": 0, "message-id": "aaaaaaaaaa"}]}, {"messages": [{"status": "0"}]},
        {"messages": [{"status": "0", "message-id": "(what was sent)"}]}, {"messages": [{"status": "(what was sent)"}]},
        {"messages": [{"status": ["0"]}]}, {"messages": [{"status": "0", "message-id": "a" * 10}, 1]},
        {"message-count": "0", "messages": []},
    ],
)  # fmt: skip
def test_a_lie_in_place_of_an_answer_is_no_success(provider, gateway, document):
    provider.serve(200, document)
    error = refused(gateway)
    assert (error.temporary, error.code) == (True, "broken_answer")


@pytest.mark.parametrize("missing", ["api_key", "api_secret", "sender"])
def test_an_empty_option_is_refused(missing):
    with pytest.raises(ValueError, match="must not be empty"):
        VonageGateway(**{**OPTIONS, missing: ""})
