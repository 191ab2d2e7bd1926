"""The second step, and the fresh proof before a change of factors."""

import pytest
from django.db import connection

from django_apiaccess.mfa import enrolment, trusted
from django_apiaccess.mfa.models import TrustedDevice
from django_apiaccess.sms.locmem import LocMemGateway
from tests.mfa.factors import app_of, code_of, phone_of, sent_code, wrong_for
from tests.pages.visiting import LOGIN, RECOVERY, SECURITY, VERIFY, is_whole, led_to, log_in


def test_76_the_password_is_in_no_page_of_the_second_step_and_in_no_session(tab, app):
    answer = tab.post(LOGIN, {"username": "ann", "password": "secret"}, follow=True)
    assert answer.status_code == 200
    assert "secret" not in answer.content.decode()
    assert "secret" not in str(dict(tab.session))


def test_a_wrong_code_is_told_beside_its_field_and_not_put_back(tab, app):
    log_in(tab)
    wrong = wrong_for(app)
    answer = tab.post(VERIFY, {"code": wrong})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert 'id="id_code_error"' in page
    assert 'aria-describedby="id_code_error"' in page
    assert 'aria-invalid="true"' in page
    assert wrong not in page
    assert led_to(tab.post(VERIFY, {"code": code_of(app)})) == (SECURITY, "")


def test_after_five_wrong_codes_the_log_in_begins_anew(tab, app):
    log_in(tab)
    for _attempt in range(5):
        assert tab.post(VERIFY, {"code": wrong_for(app)}).status_code == 400
    answer = tab.post(VERIFY, {"code": code_of(app)}, query_params={"next": "/report/"})
    assert led_to(answer) == (LOGIN, "/report/")
    assert not is_whole(tab)
    assert "too many tries" in tab.get(LOGIN).content.decode()


def test_13_a_new_log_in_does_not_give_new_guesses_for_free(tab, app):
    log_in(tab)
    for _attempt in range(5):
        tab.post(VERIFY, {"code": wrong_for(app)})
    log_in(tab)
    tab.post(VERIFY, {"code": wrong_for(app)})
    answer = tab.post(VERIFY, {"code": code_of(app)})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert "Try again in" in answer.content.decode()
    assert not is_whole(tab)


def test_the_second_step_must_follow_the_first_within_a_quarter_of_an_hour(tab, app, clock):
    log_in(tab)
    clock.pass_by(minutes=16)
    assert led_to(tab.post(VERIFY, {"code": code_of(app)}))[0] == LOGIN
    assert not is_whole(tab)


@pytest.mark.parametrize("change", ["inactive", "password"])
def test_9_who_may_not_log_in_any_more_does_not_finish(tab, ann, app, change):
    log_in(tab)
    if change == "inactive":
        ann.is_active = False
    else:
        ann.set_password("another")
    ann.save()
    assert led_to(tab.post(VERIFY, {"code": code_of(app)}))[0] == LOGIN
    assert not is_whole(tab)


def test_5_another_persons_app_proves_nothing(tab, app, bob):
    of_bob = app_of(bob, seed=b"x" * 20)
    log_in(tab)
    answer = tab.post(f"{VERIFY}?method={of_bob.uid}", {"code": code_of(of_bob)})
    assert answer.status_code == 400
    assert not is_whole(tab)


def test_7_a_factor_that_is_not_confirmed_is_not_asked_for(tab, ann, app):
    begun = app_of(ann, confirmed=False, seed=b"y" * 20)
    log_in(tab)
    assert tab.post(f"{VERIFY}?method={begun.uid}", {"code": code_of(begun)}).status_code == 400
    assert not is_whole(tab)


def test_a_text_message_is_sent_once_asked_for_and_its_code_works_once(tab, ann, phone, sms):
    log_in(tab)
    assert "Send the code" in tab.get(VERIFY).content.decode()
    assert sms == [], "looking sends nothing"
    path, _then = led_to(tab.post(VERIFY, {"action": "send"}))
    assert path == VERIFY
    page = tab.get(VERIFY).content.decode()
    assert phone.number not in page
    assert "78" in page
    code = sent_code()
    assert led_to(tab.post(VERIFY, {"code": code})) == (SECURITY, "")
    tab.post(f"{SECURITY}logout/")
    log_in(tab)
    assert tab.post(VERIFY, {"code": code}).status_code == 400


def test_44_a_gateway_that_fails_is_told_and_another_way_still_works(tab, ann, app, phone, monkeypatch):
    def fail(self, to, body, *, purpose):
        raise RuntimeError(body)

    monkeypatch.setattr(LocMemGateway, "send", fail)
    log_in(tab)
    answer = tab.post(f"{VERIFY}?method={phone.uid}", {"action": "send"})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "could not be sent" in page
    assert "Another way" in page
    assert led_to(tab.post(f"{VERIFY}?method={app.uid}", {"code": code_of(app)})) == (SECURITY, "")


def test_too_many_messages_are_told_with_the_time_to_wait(tab, ann, phone, mfa, sms):
    mfa(SMS_COOLDOWN="30s")
    log_in(tab)
    tab.post(VERIFY, {"action": "send"})
    answer = tab.post(VERIFY, {"action": "send"})
    assert answer.status_code == 429
    assert "You can try again in" in answer.content.decode()
    assert len(sms) == 1


def test_a_recovery_code_works_once(tab, ann, app, rf):
    code = enrolment.make_recovery_codes(ann, request=rf.get("/"))[0]
    for status in (302, 400):
        log_in(tab)
        assert tab.post(f"{VERIFY}?method=recovery", {"code": code}).status_code == status
        tab.post(f"{SECURITY}logout/")


def test_31_one_code_of_the_app_works_for_one_of_two_browsers(tab, app, client):
    log_in(tab)
    log_in(client)
    code = code_of(app)
    assert led_to(tab.post(VERIFY, {"code": code})) == (SECURITY, "")
    assert client.post(VERIFY, {"code": code}).status_code == 400


def test_a_remembered_device_is_not_asked_and_proves_no_more_than_the_password(tab, ann, app, clock):
    log_in(tab)
    answer = tab.post(VERIFY, {"code": code_of(app), "remember": "on"})
    cookie = answer.cookies[trusted.COOKIE]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")
    tab.post(f"{SECURITY}logout/")
    assert led_to(log_in(tab)) == (SECURITY, "")
    assert led_to(tab.get(RECOVERY)) == (VERIFY, RECOVERY), "changing factors asks all the same"
    page = tab.get(SECURITY).content.decode()
    assert "Chrome on Linux" in page
    device = TrustedDevice.objects.get()
    tab.post(f"{SECURITY}devices/{device.public_id}/end/")
    tab.post(f"{SECURITY}logout/")
    assert led_to(log_in(tab))[0] == VERIFY


def test_69_the_cookie_of_one_person_spares_no_other(tab, ann, app, bob):
    app_of(bob, seed=b"x" * 20)
    log_in(tab)
    tab.post(VERIFY, {"code": code_of(app), "remember": "on"})
    tab.post(f"{SECURITY}logout/")
    assert led_to(log_in(tab, "bob"))[0] == VERIFY


def test_nothing_is_remembered_where_the_project_trusts_no_device(tab, ann, app, mfa):
    mfa(TRUST_LIFETIME="0s")
    log_in(tab)
    assert "Remember" not in tab.get(VERIFY).content.decode()
    answer = tab.post(VERIFY, {"code": code_of(app), "remember": "on"})
    assert trusted.COOKIE not in answer.cookies
    assert not TrustedDevice.objects.exists()


def test_81_a_stale_session_proves_itself_again_and_comes_back(tab, ann, app, clock):
    log_in(tab)
    tab.post(VERIFY, {"code": code_of(app)})
    there = f"{SECURITY}factors/{app.uid}/remove/"
    assert tab.get(there).status_code == 200
    clock.pass_by(minutes=11)
    assert led_to(tab.get(there)) == (VERIFY, there)
    assert led_to(tab.post(there)) == (VERIFY, there)
    type(app).objects.get(pk=app.pk)
    assert led_to(tab.post(VERIFY, {"code": code_of(app)}, query_params={"next": there})) == (there, "")
    assert tab.get(there).status_code == 200


def test_81_without_a_factor_the_password_is_asked_for_again(tab, ann, clock):
    log_in(tab)
    clock.pass_by(minutes=11)
    assert led_to(tab.get(f"{SECURITY}add/")) == (VERIFY, f"{SECURITY}add/")
    assert tab.post(VERIFY, {"code": "wrong"}).status_code == 400
    assert led_to(tab.post(VERIFY, {"code": "secret"})) == (SECURITY, "")
    assert tab.get(f"{SECURITY}add/").status_code == 200


def test_the_password_does_not_do_for_whoever_has_a_factor(tab, ann, app):
    log_in(tab)
    assert tab.post(f"{VERIFY}?method=password", {"code": "secret"}).status_code == 400
    assert not is_whole(tab)


@pytest.mark.django_db(transaction=True)
def test_15_the_count_of_tries_survives_where_each_request_is_a_transaction(tab, app, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    log_in(tab)
    for _attempt in range(5):
        assert tab.post(VERIFY, {"code": wrong_for(app)}).status_code == 400
    assert led_to(tab.post(VERIFY, {"code": code_of(app)}))[0] == LOGIN
    assert not is_whole(tab)


def test_several_phones_are_told_apart_by_their_last_digits(tab, ann, phone, sms):
    other = phone_of(ann, "+31687654321", name="Second")
    log_in(tab)
    page = tab.get(VERIFY).content.decode()
    assert "+31******78" in page
    assert "+31******21" in page
    tab.post(f"{VERIFY}?method={other.uid}", {"action": "send"})
    assert sms[-1].to == other.number
    assert tab.post(f"{VERIFY}?method={phone.uid}", {"code": sent_code()}).status_code == 400
    assert led_to(tab.post(f"{VERIFY}?method={other.uid}", {"code": sent_code()})) == (SECURITY, "")
