"""Several gateways: who is asked after whom, and what is said at the end."""

from __future__ import annotations

import time

import pytest

from django_apiaccess.sms import SendResult, SMSError, SMSGateway, get_gateway
from django_apiaccess.sms.failover import FailoverGateway

from .conftest import BODY, CODE, NUMBER, refused
from .provider import SID, vonage_answer
from .test_twilio import gateway_of
from .test_vonage import OPTIONS


@pytest.fixture
def two(make_provider):
    first, second = make_provider(), make_provider()
    gateway = FailoverGateway(gateways=[gateway_of(first, timeout=0.5), gateway_of(second, timeout=0.5)])
    return first, second, gateway


def test_the_first_that_works_is_the_only_one_asked(two):
    first, second, gateway = two
    assert gateway.send(NUMBER, BODY, purpose="login").id == SID
    assert (len(first.asked), len(second.asked)) == (1, 0)


@pytest.mark.parametrize("trouble", ["down", "500", "429", "401", "hangs", "drips", "lies", "closes", "redirects"])
def test_the_next_is_asked_when_the_first_fails_for_a_reason_of_its_own(two, trouble, caplog):
    first, second, gateway = two
    if trouble.isdecimal():
        first.refuse(int(trouble), 20429)
    first.hangs, first.drip, first.claims_more = trouble == "hangs", 0.1 * (trouble == "drips"), trouble == "closes"
    if trouble == "lies":
        first.serve(200, b"all is well")
    if trouble == "redirects":
        first.serve(307, b"", Location=second.url + "/elsewhere")
    if trouble == "down":
        first.close()
    assert gateway.send(NUMBER, BODY, purpose="login").id == SID
    assert len(second.asked) == 1
    told = [record.getMessage() for record in caplog.records if record.name == "django_apiaccess"]
    assert len(told) == 1
    assert "+31******78" in told[0]


@pytest.mark.parametrize("code", [21211, 21610, 21614])
def test_a_number_that_one_refuses_is_not_tried_with_the_next(two, code):
    first, second, gateway = two
    first.refuse(400, code)
    error = refused(gateway)
    assert (error.temporary, error.provider, error.code) == (False, "twilio", str(code))
    assert second.asked == []


def test_when_all_fail_it_says_what_each_said(two):
    first, second, gateway = two
    first.refuse(429, 20429)
    second.serve(500, b"(what was sent)")
    error = refused(gateway)
    assert (error.temporary, error.code) == (True, "all_failed")
    assert "twilio: 20429; twilio: 500" in str(error)


def test_a_gateway_of_the_project_that_raises_anything_is_passed_over(make_provider):
    class Broken(SMSGateway):
        provider = "broken"

        def send(self, to, body, *, purpose):
            raise RuntimeError(f"cannot send {body} to {to}")

    second = make_provider()
    gateway = FailoverGateway(gateways=[Broken(), gateway_of(second)])
    assert gateway.send(NUMBER, BODY, purpose="login").id == SID
    assert "RuntimeError" in str(refused(FailoverGateway(gateways=[Broken(), Broken()])))


def test_after_the_time_in_all_no_further_gateway_is_asked():
    asked = []

    class Slow(SMSGateway):
        def send(self, to, body, *, purpose):
            asked.append(purpose)
            time.sleep(0.3)
            raise SMSError("slow", temporary=True)

    started = time.monotonic()
    refused(FailoverGateway(gateways=[Slow()] * 9, total=0.5))
    assert asked == ["login"] * 2
    assert time.monotonic() - started < 2


def test_a_list_in_the_settings_is_asked_in_its_order(make_provider, mfa):
    first, second = make_provider(), make_provider()
    first.serve(200, vonage_answer("9"))
    mfa(
        SMS_GATEWAY=[
            {"BACKEND": "django_apiaccess.sms.vonage.VonageGateway", "OPTIONS": {**OPTIONS, "base_url": first.url}},
            {
                "BACKEND": "django_apiaccess.sms.twilio.TwilioGateway",
                "OPTIONS": {
                    "account_sid": "AC" + "0" * 32, "auth_token": "x", "from_number": "+15005550006", "base_url": second.url,
                    "allow_http": True, "allow_private": True,
                },
            },
        ]
    )  # fmt: skip
    result = get_gateway().send(NUMBER, BODY, purpose="login")
    assert isinstance(result, SendResult)
    assert (len(first.asked), len(second.asked)) == (1, 1)
    assert CODE in first.asked[0][1]["text"]


def test_none_is_no_list():
    with pytest.raises(ValueError, match="no gateway"):
        FailoverGateway(gateways=[])
