"""The refresh token in a cookie: what scripts, other sites and other hosts cannot do with it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.tokens.models import RefreshToken, TokenSession

pytestmark = pytest.mark.django_db

TOKEN = "/access/token/"
REFRESH = "/access/token/refresh/"
REVOKE = "/access/token/revoke/"
NAME = "__Host-apiaccess_refresh"


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:write")


@pytest.fixture
def browser(ann):
    """Keeps cookies, and is held to CSRF as browsers are."""
    return APIClient(enforce_csrf_checks=True)


def log_in(browser, **fields):
    return browser.post(TOKEN, {"username": "ann", "password": "secret", "delivery": "cookie", **fields})


def proof(answer):
    return {"HTTP_X_CSRFTOKEN": answer.json()["csrf_token"]}


def told(response):
    return response.status_code, response.json().get("code")


def is_taken_away(cookie):
    return cookie.value == "" and cookie["max-age"] == 0 and (cookie["path"], cookie["secure"]) == ("/", True)


def test_the_refresh_token_goes_into_a_cookie_that_only_this_host_and_no_script_can_read(browser):
    answer = log_in(browser)
    assert answer.status_code == 200
    assert list(answer.json()) == ["access_token", "token_type", "expires_in", "scope", "csrf_token"]
    cookie = answer.cookies[NAME]
    assert cookie.value.startswith("rt_")
    assert cookie["secure"] is True
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == "/"
    assert cookie["domain"] == ""
    assert cookie["max-age"] == 14 * 24 * 3600
    assert cookie.value not in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"


def test_no_cookie_holds_an_access_token(browser):
    answer = log_in(browser)
    refreshed = browser.post(REFRESH, {}, **proof(answer))
    for one in (answer, refreshed):
        assert set(one.cookies) <= {NAME, "csrftoken"}
        assert all(cookie.value.count(".") != 2 for cookie in one.cookies.values())
        assert one.json()["access_token"] not in str(one.cookies)


def test_the_cookie_alone_opens_nothing_of_the_api(browser):
    log_in(browser)
    assert told(browser.get("/access/me/")) == (401, "not_authenticated")


def test_a_refresh_by_cookie_gives_a_new_cookie(browser):
    first = log_in(browser)
    answer = browser.post(REFRESH, {}, **proof(first))
    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()
    assert answer.json()["access_token"] != first.json()["access_token"]
    assert answer.cookies[NAME].value not in {"", first.cookies[NAME].value}
    assert answer.cookies[NAME]["httponly"] is True
    assert browser.post(REFRESH, {}, **proof(answer)).status_code == 200


@pytest.mark.parametrize("body", ["", "{}"])
def test_a_refresh_by_cookie_needs_no_body(browser, body):
    answer = browser.generic("POST", REFRESH, body, content_type="application/json", **proof(log_in(browser)))
    assert answer.status_code == 200


@pytest.mark.parametrize("headers", [{}, {"HTTP_X_CSRFTOKEN": ""}, {"HTTP_X_CSRFTOKEN": "x" * 32}])
@pytest.mark.parametrize("url", [REFRESH, REVOKE])
def test_the_cookie_without_the_csrf_proof_does_nothing(browser, url, headers):
    first = log_in(browser)
    answer = browser.post(url, {}, **headers)
    assert told(answer) == (403, "csrf_failed")
    assert answer["Cache-Control"] == "no-store"
    assert NAME not in answer.cookies
    assert not TokenSession.objects.exclude(revoked_at=None).exists()
    assert not RefreshToken.objects.exclude(used_at=None).exists()
    assert browser.post(REFRESH, {}, **proof(first)).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil.example"])
@pytest.mark.parametrize("url", [REFRESH, REVOKE])
def test_another_origin_does_nothing_even_with_the_csrf_token(browser, url, origin):
    first = log_in(browser)
    assert told(browser.post(url, {}, HTTP_ORIGIN=origin, **proof(first))) == (403, "csrf_failed")
    assert browser.post(REFRESH, {}, HTTP_ORIGIN="http://testserver", **proof(first)).status_code == 200


@pytest.mark.parametrize("url", [REFRESH, REVOKE])
def test_a_form_of_another_site_does_nothing(browser, url):
    log_in(browser)
    form = "application/x-www-form-urlencoded"
    answer = browser.generic("POST", url, "scope=", content_type=form, HTTP_ORIGIN="https://evil.example")
    assert told(answer) == (403, "csrf_failed")
    assert not RefreshToken.objects.exclude(used_at=None).exists()


def test_a_form_cannot_log_a_visitor_in_as_somebody_else(browser):
    body = "username=ann&password=secret&delivery=cookie"
    answer = browser.generic("POST", TOKEN, body, content_type="application/x-www-form-urlencoded")
    assert told(answer) == (400, "invalid_request")
    assert "JSON" in answer.json()["detail"]
    assert not answer.cookies
    assert not TokenSession.objects.exists()


def test_a_log_in_makes_a_new_csrf_token(browser):
    before = log_in(browser).cookies["csrftoken"].value
    assert log_in(browser).cookies["csrftoken"].value != before


def test_a_token_in_the_body_goes_before_the_cookie_and_needs_no_csrf_proof(browser):
    log_in(browser)
    other = browser.post(TOKEN, {"username": "ann", "password": "secret", "device": "app"}).json()
    answer = browser.post(REFRESH, {"refresh_token": other["refresh_token"]})
    assert answer.status_code == 200
    assert "csrf_token" not in answer.json()
    assert NAME not in answer.cookies
    assert RefreshToken.objects.get(public_id=answer.json()["refresh_token"].split("_")[1]).session.device == "app"
    assert told(browser.post(REFRESH, {"refresh_token": "x"})) == (400, "invalid_grant")
    assert browser.cookies[NAME].value


@pytest.mark.parametrize("fields", [{"refresh_token": ""}, {"refresh_token": None}])
def test_an_empty_token_in_the_body_is_no_wish_for_the_cookie(browser, fields):
    answer = browser.post(REFRESH, fields, **proof(log_in(browser)))
    assert told(answer) == (400, "invalid_request")
    assert not RefreshToken.objects.exclude(used_at=None).exists()


def test_logging_out_by_cookie_ends_the_session_and_takes_the_cookie_away(browser):
    first = log_in(browser)
    answer = browser.post(REVOKE, {}, **proof(first))
    assert (answer.status_code, answer.content) == (200, b"")
    assert is_taken_away(answer.cookies[NAME])
    assert not TokenSession.objects.live().exists()
    after = APIClient()
    after.credentials(HTTP_AUTHORIZATION=f"Bearer {first.json()['access_token']}")
    assert told(after.get("/access/me/")) == (401, "invalid_credential")


def test_a_replayed_cookie_ends_the_session_and_is_taken_away(browser, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "REFRESH_GRACE": 0}
    first = log_in(browser)
    stolen = first.cookies[NAME].value
    second = browser.post(REFRESH, {}, **proof(first))
    browser.cookies[NAME] = stolen
    answer = browser.post(REFRESH, {}, **proof(second))
    assert told(answer) == (400, "invalid_grant")
    assert is_taken_away(answer.cookies[NAME])
    assert answer["Cache-Control"] == "no-store"
    assert not TokenSession.objects.live().exists()


@pytest.mark.parametrize("value", ["x", "rt_x", "a.b.c", "ünï", "x" * 4000])
def test_a_cookie_that_is_no_token_is_taken_away(browser, value):
    first = log_in(browser)
    browser.cookies[NAME] = value
    answer = browser.post(REFRESH, {}, **proof(first))
    assert told(answer) == (400, "invalid_grant")
    assert is_taken_away(answer.cookies[NAME])
    assert TokenSession.objects.live().count() == 1
    browser.cookies[NAME] = value
    assert browser.post(REVOKE, {}, **proof(first)).status_code == 200


def test_a_scope_that_is_too_wide_leaves_the_cookie_as_it_is(browser):
    first = log_in(browser, scope="docs:read")
    answer = browser.post(REFRESH, {"scope": "docs:write"}, **proof(first))
    assert told(answer) == (400, "invalid_scope")
    assert NAME not in answer.cookies
    assert browser.post(REFRESH, {}, **proof(first)).status_code == 200


@pytest.mark.parametrize(("url", "field"), [(REFRESH, "refresh_token"), (REVOKE, "token")])
def test_without_body_and_cookie_the_answer_says_what_to_send(browser, url, field):
    answer = browser.post(url, {})
    assert told(answer) == (400, "invalid_request")
    assert field in answer.json()["detail"]


def test_the_cookie_ends_with_the_session(browser):
    first = log_in(browser)
    TokenSession.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    cookie = browser.post(REFRESH, {}, **proof(first)).cookies[NAME]
    assert 3500 < cookie["max-age"] <= 3600


def test_a_refused_log_in_sets_no_cookie(browser):
    assert not log_in(browser, password="wrong").cookies
