"""Django's sessions as a credential: how and when their user logged in, with CSRF."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from rest_framework.test import APIClient

from django_apiaccess.passwords.sessions import STAMP, proof_of, stamp

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
ME = "/access/me/"


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read", is_staff=True)


@pytest.fixture
def browser(ann):
    client = APIClient()
    page = client.post(
        "/admin/login/", {"username": "ann", "password": "secret", "next": "/admin/"}, format="multipart"
    )
    assert page.status_code == 302
    return client


def test_a_session_says_how_and_when_its_user_logged_in(browser, clock):
    me = browser.get(ME).json()
    assert (me["credential"]["kind"], me["amr"], me["acr"]) == ("session", ["pwd"], "aal1")
    assert me["auth_time"] is not None


def test_the_time_of_log_in_does_not_move_with_use(ann, clock):
    client = APIClient()
    client.force_login(ann, MODEL_BACKEND)
    first = client.get(ME).json()["auth_time"]
    clock.pass_by(minutes=5)
    assert client.get(ME).json()["auth_time"] == first
    client.force_login(ann, MODEL_BACKEND)
    assert client.get(ME).json()["auth_time"] > first


def test_a_backend_that_may_have_asked_for_something_else_is_not_said_to_have_seen_a_password(ann):
    client = APIClient()
    client.force_login(ann, "django_apiaccess.backends.AccessBackend")
    me = client.get(ME).json()
    assert (me["amr"], me["acr"]) == ([], "aal1")
    assert me["auth_time"] is not None


@pytest.mark.parametrize("kept", [None, "garbage", 7, [], {}, {"auth_time": "x", "amr": 7}, {"amr": ["pwd"]}])
def test_a_session_without_a_sound_stamp_has_no_time(kept):
    assert proof_of({STAMP: kept} if kept is not None else {}) == {"acr": "aal1"}
    assert proof_of(None) == {"acr": "aal1"}


def test_a_log_in_that_opened_no_session_stamps_none(ann):
    request = RequestFactory().post("/")
    stamp(request=request, user=ann)
    request.session = {}
    stamp(request=request, user=ann)
    assert request.session == {}


def test_a_token_log_in_leaves_no_session_behind(ann, log_in):
    response = log_in("ann", "secret")
    assert response.status_code == 200
    assert "sessionid" not in response.cookies
    ann.refresh_from_db()
    assert ann.last_login is not None


def test_a_session_may_not_write_without_its_csrf_token(ann):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(ann, MODEL_BACKEND)
    response = client.post("/access/keys/", {"name": "x", "scopes": ["docs:read"]})
    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")
    client.cookies["csrftoken"] = "a" * 32
    written = client.post("/access/keys/", {"name": "x", "scopes": ["docs:read"]}, HTTP_X_CSRFTOKEN="a" * 32)
    assert written.status_code == 201


def test_a_changed_password_ends_the_session(ann, browser):
    ann.set_password("other")
    ann.save()
    assert browser.get(ME).status_code == 401
