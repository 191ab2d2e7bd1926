"""Clients of other packages' endpoints meet the second factor too, in words that they can show."""

import base64

import pytest
from rest_framework.test import APIClient

from django_apiaccess.models import APIKey, TokenSession
from tests.mfa.factors import code_of, me, said, verify


def basic_header(pair=b"ann:secret"):
    return "Basic " + base64.b64encode(pair).decode()


@pytest.mark.urls("tests.contrib.simplejwt_urls")
def test_simplejwts_log_in_goes_on_at_our_second_step(app):
    answer = APIClient().post("/api/token/", {"username": "ann", "password": "secret"})
    assert said(answer) == (403, "mfa_required")
    assert not {"access", "refresh"} & set(answer.json())
    assert not TokenSession.objects.exists()
    given = verify(answer.json()["mfa_token"], "totp", code_of(app)).json()
    assert me(given["access_token"])["acr"] == "aal2"
    again = APIClient().post("/api/token/refresh/", {"refresh": given["refresh_token"]}).json()
    assert me(again["access"])["acr"] == "aal2"


@pytest.mark.urls("tests.contrib.simplejwt_urls")
def test_simplejwts_endpoints_take_no_mfa_token(app):
    token = APIClient().post("/api/token/", {"username": "ann", "password": "secret"}).json()["mfa_token"]
    assert APIClient().post("/api/token/refresh/", {"refresh": token}).status_code == 401
    assert APIClient().post("/api/token/verify/", {"token": token}).status_code == 401


@pytest.mark.urls("tests.contrib.simplejwt_urls")
def test_simplejwts_log_in_leads_to_enrolment_where_the_policy_says_so(ann, mfa, clock):
    mfa(REQUIRED_FOR=["everyone"])
    answer = APIClient().post("/api/token/", {"username": "ann", "password": "secret"})
    assert said(answer) == (403, "mfa_enrollment_required")


@pytest.mark.urls("tests.contrib.knox_urls")
def test_knoxs_log_in_by_password_is_closed_for_who_has_a_factor(app):
    answer = APIClient().post("/api/auth/login/", secure=True, HTTP_AUTHORIZATION=basic_header())
    assert answer.status_code == 401
    assert not APIKey.objects.exists()


@pytest.mark.urls("tests.contrib.knox_urls")
def test_knoxs_log_in_by_a_session_that_waits_for_its_factor_is_closed(app, ann):
    client = APIClient()
    client.login(username="ann", password="secret")
    assert client.post("/api/auth/login/", secure=True).status_code == 401
    assert not APIKey.objects.exists()


@pytest.mark.urls("tests.contrib.knox_urls")
def test_knoxs_log_in_is_closed_where_enrolment_is_due(ann, mfa, clock):
    mfa(REQUIRED_FOR=["everyone"])
    answer = APIClient().post("/api/auth/login/", secure=True, HTTP_AUTHORIZATION=basic_header())
    assert answer.status_code == 401
    assert not APIKey.objects.exists()
