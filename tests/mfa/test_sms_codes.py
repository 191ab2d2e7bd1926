"""Codes by SMS: bound to the log-in and to the phone, limited in number, and silent, whatever the gateway does."""

import logging

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.conf import access_settings
from django_apiaccess.core import digests
from django_apiaccess.mfa import challenges, sms_codes
from django_apiaccess.mfa.models import MFAChallenge, SMSFactor
from django_apiaccess.models import Event
from django_apiaccess.sms import SendResult, SMSError, SMSGateway

from .factors import (
    ELSEWHERE,
    NUMBER,
    OTHER_NUMBER,
    app_of,
    code_of,
    log_in,
    pending,
    phone_of,
    post,
    said,
    send,
    sent_code,
    verify,
)

WRONG = (400, "invalid_code")


class Gateway(SMSGateway):
    """Does what the test says."""

    provider = "test"
    does: object = None
    sent: list = []

    def send(self, to, body, *, purpose):
        Gateway.sent.append((to, body))
        does = Gateway.does
        if isinstance(does, Exception):
            raise does
        return does(to, body) if callable(does) else SendResult("1", self.provider, "sent")


@pytest.fixture
def gateway(mfa, phone):
    mfa(SMS_GATEWAY=f"{__name__}.Gateway")
    Gateway.does, Gateway.sent = None, []
    return Gateway


def waiting():
    """A log-in to whose phone a code was sent, and the code."""
    token = pending()
    answer = send(token)
    assert answer.status_code == 200, answer.content
    return token, sent_code()


def test_the_whole_way(phone, clock):
    token = pending()
    answer = send(token)
    assert answer.json() == {"sent_to": "+31******78", "expires_in": 300}
    assert verify(token, phone.uid, sent_code()).status_code == 200
    phone.refresh_from_db()
    assert phone.last_used_at == clock.now


def test_before_one_was_sent_no_code_is_right(phone, sms):
    token = pending()
    assert [said(verify(token, "sms", code)) for code in ("000000", "", "123456")] == [WRONG] * 3
    assert sms == []


def test_mf_01_a_code_is_right_once(phone):
    _, code = waiting()
    challenge = MFAChallenge.objects.get()
    assert sms_codes.use_code(challenge, phone, code)
    assert not sms_codes.use_code(challenge, phone, code)
    assert not sms_codes.use_code(MFAChallenge.objects.get(), phone, code)


def test_attack_38_a_code_is_of_the_phone_that_it_went_to(phone, ann):
    other = phone_of(ann, OTHER_NUMBER, name="Other")
    token = pending()
    assert send(token, phone.uid).status_code == 200
    code = sent_code()
    assert said(verify(token, other.uid, code)) == WRONG
    assert verify(token, phone.uid, code).status_code == 200


def test_mf_05_a_code_of_one_log_in_is_wrong_in_another(phone):
    first, code = waiting()
    second = pending()
    assert said(verify(second, "sms", code)) == WRONG
    third, other = waiting()
    assert said(verify(third, "sms", code)) == WRONG if code != other else True
    assert verify(first, "sms", code).status_code == 200


def test_attack_39_mf_05_asking_again_ends_the_code_of_before(phone):
    token, old = waiting()
    while True:
        send(token)
        if sent_code() != old:
            break
    assert said(verify(token, "sms", old)) == WRONG
    assert verify(token, "sms", sent_code()).status_code == 200


def test_attack_40_asking_again_gives_no_new_guesses(phone):
    token, code = waiting()
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _ in range(3):
        verify(token, "sms", wrong)
    send(token)
    now_wrong = f"{(int(sent_code()) + 1) % 10**6:06d}"
    for _ in range(2):
        assert said(verify(token, "sms", now_wrong)) == WRONG
    assert said(verify(token, "sms", sent_code())) == (401, "invalid_mfa_token")


def test_attack_45_mf_05_a_code_dies_with_its_ten_minutes(phone, ann, clock):
    _, challenge = challenges.begin(MFAChallenge.Purpose.LOGIN, ann, lifetime=sms_codes.LIFETIME * 2)
    code = "123456"
    challenge.method, challenge.code_expires_at = phone.uid, timezone.now() + sms_codes.LIFETIME
    challenge.code_digest = digests.make(sms_codes._bound(challenge, phone, code), access_settings.PEPPERS)
    challenge.save()
    clock.pass_by(seconds=600)
    assert not sms_codes.use_code(challenge, phone, code)
    clock.pass_by(seconds=-1)
    assert sms_codes.use_code(challenge, phone, code)


def test_attack_45_a_code_dies_with_its_log_in(phone, clock):
    token, code = waiting()
    clock.pass_by(seconds=300)
    assert said(verify(token, "sms", code)) == (401, "invalid_mfa_token")


def test_a_code_may_be_typed_in_groups(phone):
    token, code = waiting()
    assert verify(token, "sms", f" {code[:3]}-{code[3:]} ").status_code == 200


@given(st.text(max_size=30))
def test_no_text_is_an_error_and_only_the_code_is_right(text):
    phone = SMSFactor(uid="phone", number=NUMBER)
    challenge = MFAChallenge(public_id="challenge", method="phone", code_expires_at=timezone.now() + sms_codes.LIFETIME)
    challenge.code_digest = digests.make(sms_codes._bound(challenge, phone, "123456"), access_settings.PEPPERS)
    if text.replace(" ", "").replace("-", "") != "123456":
        assert sms_codes.use_code(challenge, phone, text) is False


# -- limits


def test_attack_41_mf_06_the_sixth_message_in_an_hour_is_refused_and_not_sent(phone, sms, clock):
    for _ in range(5):
        assert send(pending()).status_code == 200
        clock.pass_by(seconds=31)
    answer = send(pending())
    assert said(answer) == (429, "too_many_messages")
    assert 0 < int(answer["Retry-After"]) <= 3600
    assert len(sms) == 5
    event = Event.objects.filter(action="sms.refused").latest("pk")
    assert (event.reason, event.details["limit"]) == ("rate_limited", "user")


def test_attack_41_a_second_click_within_the_cooldown_sends_nothing_and_the_first_code_works(phone, mfa, sms):
    mfa(SMS_COOLDOWN="30s")
    token, code = waiting()
    answer = send(token)
    assert (said(answer), answer["Retry-After"]) == ((429, "too_many_messages"), "30")
    assert len(sms) == 1
    assert verify(token, "sms", code).status_code == 200


def test_attack_41_a_number_is_limited_across_accounts(phone, mfa, sms, make_user, clock):
    mfa(SMS_PER_NUMBER="3/h")
    for number in range(3):
        phone_of(make_user(f"user{number}"))
        assert send(pending(f"user{number}")).status_code == 200
        clock.pass_by(seconds=31)
    assert said(send(pending())) == (429, "too_many_messages")
    assert len(sms) == 3


def test_attack_41_a_network_is_limited_across_accounts(phone, mfa, sms, make_user):
    mfa(SMS_PER_NETWORK="3/h")
    for number in range(4):
        phone_of(make_user(f"user{number}"), f"+3161234567{number}")
    answers = [send(pending(f"user{number}")).status_code for number in range(4)]
    assert answers == [200, 200, 200, 429]
    assert send(pending(), address=ELSEWHERE).status_code == 200


def test_attack_41_mf_06_the_daily_cap_is_a_limit_on_all(phone, mfa, sms, make_user):
    mfa(SMS_DAILY_CAP=2)
    for number in range(3):
        phone_of(make_user(f"user{number}"), f"+3161234567{number}")
    answers = [send(pending(f"user{number}"), address=f"192.0.2.{number}").status_code for number in range(3)]
    assert answers == [200, 200, 429]
    assert len(sms) == 2


@pytest.mark.parametrize(
    "number", ["+31909123456", "+319001234", "112", "+44 9012345678", "not a number", "", "+999123456789"]
)
def test_attack_41_premium_and_invalid_numbers_are_refused_at_enrolment(ann, sms, clock, number):
    from .factors import tokens

    answer = post("mfa/sms/", {"number": number}, token=tokens()["access_token"])
    assert answer.status_code == 400, answer.content
    assert sms == []
    assert not SMSFactor.objects.exists()


def test_attack_41_numbers_of_other_countries_are_refused_where_the_project_says_so(ann, sms, mfa, clock):
    from .factors import tokens

    mfa(SMS_COUNTRIES=["BE"])
    access = tokens()["access_token"]
    assert post("mfa/sms/", {"number": NUMBER}, token=access).status_code == 400
    assert post("mfa/sms/", {"number": "+32470123456"}, token=access).status_code == 201


def test_a_limited_log_in_goes_on_with_another_factor(phone, ann, mfa):
    mfa(SMS_PER_USER="1/h")
    device = app_of(ann)
    assert send(pending()).status_code == 200
    token = pending()
    assert send(token).status_code == 429
    assert verify(token, "totp", code_of(device)).status_code == 200


# -- gateways that fail


BROKEN = {
    "temporary": SMSError("down", temporary=True, provider="test", code="503"),
    "permanent": SMSError("no such number", temporary=False, provider="test", code="21211"),
    "raises": RuntimeError(f"could not send to {NUMBER}: 123456"),
    "time-out": TimeoutError("timed out"),
    "lies": lambda to, body: None,
    "odd": lambda to, body: "sent",
}


@pytest.mark.parametrize("does", BROKEN, ids=str)
def test_attack_44_a_gateway_that_fails_is_a_clear_answer_and_no_500(gateway, ann, does, caplog):
    caplog.set_level(logging.DEBUG)
    device = app_of(ann)
    gateway.does = BROKEN[does]
    token = pending()
    answer = send(token)
    assert said(answer) == (503, "sms_not_sent"), answer.content
    code = gateway.sent[0][1][:6]
    seen = answer.content.decode() + caplog.text + str([vars(record) for record in caplog.records])
    seen += str(list(Event.objects.values()))
    assert code not in seen
    assert NUMBER not in seen
    assert "another method" in answer.json()["detail"]
    event = Event.objects.filter(action="sms.refused").latest("pk")
    assert (event.outcome, event.reason, event.details["number"]) == ("failed", "not_sent", "+31******78")
    assert verify(token, "totp", code_of(device)).status_code == 200


def test_attack_44_tries_to_send_are_counted_though_they_fail(gateway, clock):
    gateway.does = BROKEN["temporary"]
    for _ in range(5):
        assert send(pending()).status_code == 503
        clock.pass_by(seconds=31)
    assert send(pending()).status_code == 429
    assert len(gateway.sent) == 5


def test_attack_44_a_message_that_arrived_though_the_gateway_failed_can_be_used(gateway):
    """A time-out says nothing of whether it was sent: its owner has the code, and nobody else."""
    gateway.does = TimeoutError()
    token = pending()
    assert send(token).status_code == 503
    assert verify(token, "sms", gateway.sent[0][1][:6]).status_code == 200


def test_a_log_in_that_ends_while_the_gateway_is_slow_stays_ended(gateway, ann):
    def slow(to, body):
        ann.set_password("other")
        ann.save()
        return SendResult("1", "test", "sent")

    gateway.does = slow
    token = pending()
    send(token)
    assert said(verify(token, "sms", gateway.sent[0][1][:6])) == (401, "invalid_mfa_token")


def test_attack_43_nothing_of_code_and_number_is_in_logs_events_or_reprs(phone, caplog):
    caplog.set_level(logging.DEBUG)
    token, code = waiting()
    challenge = MFAChallenge.objects.get()
    seen = caplog.text + str([vars(record) for record in caplog.records]) + str(list(Event.objects.values()))
    seen += repr(challenge) + repr(vars(challenge)) + repr(phone) + str(list(MFAChallenge.objects.values()))
    assert code not in seen
    assert NUMBER not in seen
    assert token not in seen
    assert "+31******78" in str(list(Event.objects.values()))


def test_sms_is_off_unless_there_is_a_gateway(ann, clock):
    phone_of(ann)
    answer = log_in()
    assert (said(answer), answer.json()["methods"]) == ((403, "mfa_required"), [])
    assert said(send(answer.json()["mfa_token"])) == (400, "unknown_method")


def test_mf_07_a_number_that_was_not_confirmed_gets_no_code(ann, sms, clock):
    app_of(ann)
    unconfirmed = phone_of(ann, confirmed=False)
    assert said(send(pending(), unconfirmed.uid)) == (400, "unknown_method")
    assert sms == []


def test_the_message_is_one_message_and_says_whose_code_it_is(phone, sms, mfa):
    mfa(NAME="Shop")
    waiting()
    assert "Shop" in sms[0].body
    assert len(sms[0].body) <= 160
    assert sms[0].purpose == "login"
