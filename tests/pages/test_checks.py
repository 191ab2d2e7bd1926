"""The system checks of the browser side."""

from django.contrib import admin
from django.test import override_settings
from django.urls import include, path

from tests.checking import found, ids, with_access

OURS = "django_apiaccess.middleware.SecondFactorMiddleware"
DJANGOS = "django.contrib.auth.middleware.AuthenticationMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
WITHOUT_PAGES = "tests.pages.without_pages"
OTP = "django_otp.middleware.OTPMiddleware"
PAGES = path("access/", include("django_apiaccess.urls"))
ADMIN = path("admin/", admin.site.urls)
NEW = {"apiaccess.W060", "apiaccess.W061", "apiaccess.W062"}


def test_w060_an_admin_without_the_middleware_where_factors_can_be_had(clean_project, urls):
    urls(PAGES, ADMIN)
    with override_settings(MIDDLEWARE=[SESSIONS, DJANGOS]):
        message = found()["apiaccess.W060"]
        assert OURS in message.msg
        assert DJANGOS in message.hint
    with override_settings(MIDDLEWARE=[SESSIONS, DJANGOS, OURS]):
        assert not ids() & NEW


def test_w060_is_quiet_where_nobody_can_have_a_factor(clean_project):
    with override_settings(MIDDLEWARE=[SESSIONS, DJANGOS], ROOT_URLCONF=WITHOUT_PAGES):
        assert not ids() & NEW
        with with_access(MFA={"REQUIRED_FOR": ["staff"]}):
            assert "apiaccess.W060" in ids()


def test_w061_the_wrong_order(clean_project, urls):
    urls(PAGES)
    for order in ([SESSIONS, OURS, DJANGOS], [SESSIONS, OURS], [SESSIONS, DJANGOS, OTP, OURS]):
        with override_settings(MIDDLEWARE=order):
            assert ids() & NEW == {"apiaccess.W061"}, order
    with override_settings(MIDDLEWARE=[SESSIONS, DJANGOS, OURS, OTP]):
        assert not ids() & NEW


def test_w062_the_pages_that_it_leads_to_are_missing(clean_project):
    with override_settings(MIDDLEWARE=[SESSIONS, DJANGOS, OURS], ROOT_URLCONF=WITHOUT_PAGES):
        assert ids() & NEW == {"apiaccess.W062"}
    with override_settings(MIDDLEWARE=[SESSIONS, DJANGOS, OURS], ROOT_URLCONF=None):
        assert not ids() & NEW
