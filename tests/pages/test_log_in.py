"""The first step: user name and password, and where it leads."""

import pytest
from django.contrib.sessions.models import Session

from django_apiaccess.models import Event
from tests.mfa.factors import code_of
from tests.pages.visiting import LOGIN, SECURITY, VERIFY, is_whole, led_to, log_in

EVIL = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "https://testserver@evil.example/",
    " https://evil.example",
    "/\t/evil.example",
    "ftp://testserver/",
    "/" + "x" * 3000,
]


def test_a_password_alone_does_for_whoever_has_nothing_else(tab, ann):
    assert led_to(log_in(tab)) == (SECURITY, "")
    assert is_whole(tab)


def test_a_second_factor_is_asked_for_and_nothing_opens_before(tab, app):
    assert led_to(log_in(tab, next="/report/")) == (VERIFY, "/report/")
    assert led_to(tab.get(SECURITY)) == (VERIFY, SECURITY)
    assert not is_whole(tab)
    assert led_to(tab.post(f"{VERIFY}?next=/report/", {"code": code_of(app)})) == ("/report/", "")
    assert is_whole(tab)


@pytest.mark.parametrize("next_page", EVIL)
def test_78_no_log_in_ends_on_another_site(tab, app, next_page):
    assert led_to(log_in(tab, next=next_page)) == (VERIFY, "")
    answer = tab.post(VERIFY, {"code": code_of(app)}, query_params={"next": next_page})
    assert led_to(answer) == (SECURITY, "")
    assert next_page not in tab.get(LOGIN, {"next": next_page}).content.decode()


@pytest.mark.parametrize(("name", "password"), [("ann", "wrong"), ("nobody", "secret"), ("", "x"), ("ann\0", "secret")])
def test_wrong_and_unknown_read_the_same_and_change_nothing(tab, ann, name, password):
    answer = log_in(tab, name, password)
    assert answer.status_code == 400
    assert "secret" not in answer.content.decode()
    assert not is_whole(tab)


def test_a_wrong_password_is_never_put_back_into_the_page(tab, ann):
    page = log_in(tab, password="correct-horse-battery").content.decode()
    assert "correct-horse-battery" not in page
    assert "The user name or the password is not right." in page
    assert 'value="ann"' in page


def test_too_many_wrong_passwords_are_told_with_the_time_to_wait(tab, ann):
    for _attempt in range(7):
        answer = log_in(tab, password="wrong")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert "Try again in" in answer.content.decode()
    assert log_in(tab).status_code == 429, "the right one is not looked at either"


def test_75_each_step_gives_a_new_session_and_a_session_fixed_before_it_is_worthless(tab, app):
    tab.post(f"{LOGIN}passkey/options/")
    fixed = tab.session.session_key
    log_in(tab)
    between = tab.session.session_key
    tab.post(VERIFY, {"code": code_of(app)})
    after = tab.session.session_key
    assert len({fixed, between, after}) == 3
    assert is_whole(tab)
    for stolen in (fixed, between):
        assert not Session.objects.filter(session_key=stolen).exists()
        tab.cookies["sessionid"] = stolen
        assert not is_whole(tab)


def test_75_logging_in_once_more_changes_the_key_too(tab, app):
    log_in(tab)
    known = tab.session.session_key
    log_in(tab)
    assert tab.session.session_key != known


def test_somebody_elses_log_in_takes_nothing_of_the_one_before(tab, app, bob):
    log_in(tab)
    tab.post(VERIFY, {"code": "000000"})
    assert led_to(log_in(tab, "bob")) == (SECURITY, "")
    assert "bob" in tab.get(SECURITY).content.decode()
    assert "apiaccess_challenge" not in tab.session


def test_logging_out_ends_a_log_in_that_waits(tab, app):
    log_in(tab)
    assert led_to(tab.post(f"{SECURITY}logout/")) == (LOGIN, "")
    assert led_to(tab.get(VERIFY))[0] == LOGIN
    assert "You are logged out." in tab.get(LOGIN).content.decode()


def test_an_inactive_user_does_not_log_in(tab, ann):
    ann.is_active = False
    ann.save()
    assert log_in(tab).status_code == 400


def test_a_passkey_that_nobody_has_logs_nobody_in(tab, ann):
    begun = tab.post(f"{LOGIN}passkey/options/").json()
    assert set(begun) == {"id", "options"}
    assert begun["options"]["userVerification"] == "required"
    for credential in ("", "{", "[]", '{"id": "x"}', "[" * 100_000, "null"):
        answer = tab.post(f"{LOGIN}passkey/", {"id": begun["id"], "credential": credential})
        assert answer.status_code == 400
    assert not is_whole(tab)


def test_the_text_of_a_challenge_is_in_no_page(tab, app):
    answer = tab.post(f"{LOGIN}passkey/options/")
    assert "mfa_" not in answer.content.decode()
    log_in(tab)
    page = tab.post(VERIFY, {"code": "000000"}).content.decode()
    assert tab.session["apiaccess_challenge"].startswith("mfa_")
    assert "mfa_" not in page


def test_a_failed_log_in_is_in_the_events_without_the_password(tab, ann):
    log_in(tab, password="correct-horse-battery")
    event = Event.objects.get(action="login.refused")
    assert "correct-horse-battery" not in str(event.__dict__)
