"""The device grant (RFC 8628): a device that waits, and a person who decides."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from django_apiaccess.contrib.oauth import clients
from django_apiaccess.contrib.oauth.models import Consent, DeviceCode
from django_apiaccess.models import Event

from .flow import TOKEN, browser, opens, post, refresh

pytestmark = pytest.mark.django_db
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
START, PAGE = "/oauth/device_authorization/", "/oauth/device/"


@pytest.fixture
def tv(register):
    return register(name="TV", auth_method="none", redirect_uris=[], grant_types=["device_code", "refresh_token"])


def start(client, **more):
    answer = post(START, {"scope": "docs:read", **more}, client)
    assert answer.status_code == 200, answer.content
    return answer.json()


def poll(client, started, *, wait=True, **more):
    if wait:
        DeviceCode.objects.update(polled_at=None)
    return post(TOKEN, {"grant_type": GRANT, "device_code": started["device_code"], **more}, client)


def decide(user, code, decision="allow"):
    chrome = browser(user)
    shown = chrome.post(PAGE, {"user_code": code})
    assert shown.status_code == 200, shown.content
    data = {"user_code": code, "shown": shown.context["shown"], "decision": decision}
    return chrome.post(PAGE, data)


def test_a_device_waits_and_gets_its_tokens_when_the_person_allowed_it(ann, tv):
    started = start(tv)
    assert started["verification_uri"] == "https://testserver/oauth/device/"
    assert started["user_code"] in started["verification_uri_complete"]
    waiting = poll(tv, started)
    assert (waiting.status_code, waiting.json()["error"]) == (400, "authorization_pending")
    assert decide(ann, started["user_code"].lower().replace("-", " ")).status_code == 200
    body = poll(tv, started).json()
    assert opens(body["access_token"]) == 200
    assert refresh(tv, body["refresh_token"]).status_code == 200
    assert Consent.objects.get().user == ann


def test_a_device_code_works_once_and_its_second_use_ends_the_session(ann, tv):
    started = start(tv)
    decide(ann, started["user_code"])
    body = poll(tv, started).json()
    again = poll(tv, started)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert opens(body["access_token"]) == 401
    assert Event.objects.filter(action="code.replayed").count() == 1


def test_an_expired_device_code_gives_nothing_also_when_it_was_allowed(ann, tv):
    started = start(tv)
    decide(ann, started["user_code"])
    DeviceCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = poll(tv, started)
    assert (answer.status_code, answer.json()["error"]) == (400, "expired_token")


def test_another_client_gets_nothing_for_it(ann, tv, register):
    started = start(tv)
    decide(ann, started["user_code"])
    other = register(name="Other", auth_method="none", redirect_uris=[], grant_types=["device_code"])
    assert poll(other, started).json()["error"] == "invalid_grant"
    assert poll(tv, started).status_code == 200


def test_a_denied_device_is_told_so(ann, tv):
    started = start(tv)
    decide(ann, started["user_code"], "deny")
    answer = poll(tv, started)
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")


def test_a_device_that_asks_too_often_must_slow_down_more_and_more(tv):
    started = start(tv)
    errors = [poll(tv, started, wait=False).json()["error"] for _ in range(3)]
    assert errors == ["authorization_pending", "slow_down", "slow_down"]
    assert DeviceCode.objects.get().interval == 15


def test_a_wrong_user_code_is_refused_and_guessing_is_stopped(ann, tv, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"ACCOUNT_FREE": 3}}
    started = start(tv)
    chrome = browser(ann)
    statuses = [chrome.post(PAGE, {"user_code": "BCDF-GHJK"}).status_code for _ in range(6)]
    assert statuses[:4] == [400, 400, 400, 400]
    assert statuses[-1] == 429
    assert chrome.post(PAGE, {"user_code": started["user_code"]}).status_code == 429
    assert Event.objects.filter(action="device.refused").count() >= 3


def test_no_code_is_looked_up_before_the_person_is_logged_in(tv):
    started = start(tv)
    answer = Client().post(PAGE, {"user_code": started["user_code"]})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_an_address_that_brings_the_code_approves_nothing_by_itself(ann, tv):
    started = start(tv)
    answer = browser(ann).get(f"{PAGE}?user_code={started['user_code']}&decision=allow")
    assert started["user_code"] in answer.content.decode()
    assert DeviceCode.objects.get().status == "pending"


def test_oa_14_the_page_is_not_framed_and_its_form_needs_a_csrf_token(ann, tv):
    started = start(tv)
    chrome = browser(ann, enforce_csrf_checks=True)
    page = chrome.get(PAGE)
    assert (page["X-Frame-Options"], page["Cache-Control"]) == ("DENY", "no-store")
    assert chrome.post(PAGE, {"user_code": started["user_code"]}).status_code == 403


def test_what_the_person_does_not_hold_they_cannot_give(make_user, tv):
    started = start(tv, scope="docs:read docs:write")
    decide(make_user("bob", "docs:read"), started["user_code"])
    assert poll(tv, started).json()["scope"] == "docs:read"


def test_who_holds_nothing_of_it_cannot_allow_it(make_user, tv):
    started = start(tv)
    decide(make_user("bob"), started["user_code"])
    assert poll(tv, started).json()["error"] == "authorization_pending"


@pytest.mark.parametrize("text", ["dc_nothing", "x" * 600, "é", "ac_x"])
def test_a_device_code_that_is_none_is_an_invalid_grant(tv, text):
    answer = post(TOKEN, {"grant_type": GRANT, "device_code": text}, tv)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_an_account_or_a_client_that_is_switched_off_gets_nothing(ann, tv, operator):
    started = start(tv)
    decide(ann, started["user_code"])
    ann.is_active = False
    ann.save()
    assert poll(tv, started).json()["error"] == "access_denied"
    ann.is_active = True
    ann.save()
    clients.change(tv.client, by=operator, is_active=False)
    assert poll(tv, started).status_code == 401


def test_oa_12_a_client_without_the_grant_cannot_start_it(confidential):
    answer = post(START, {"scope": "docs:read"}, confidential)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize("scope", ["reports:read", "nothing"])
def test_oa_12_nor_ask_for_more_than_it_may(tv, scope):
    assert post(START, {"scope": scope}, tv).json()["error"] == "invalid_scope"


def test_se_14_neither_code_is_stored(tv):
    started = start(tv)
    row = DeviceCode.objects.get()
    stored = f"{row.digest} {row.user_code_digest} {row.public_id}"
    assert started["device_code"] not in stored
    assert started["user_code"].replace("-", "") not in stored
