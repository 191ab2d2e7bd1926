"""The page of DEBUG and the mail to ADMINS show no credential, wherever it stood."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.test import AsyncRequestFactory, RequestFactory

from django_apiaccess.core import secrets
from django_apiaccess.errors import RedactingExceptionReporter, RedactingReporterFilter

KEY = secrets.make_key("ak").text
SECRET = KEY.split("_")[2]


@pytest.fixture(params=[True, False], ids=["debug", "production"])
def reported(request: Any, settings: Any) -> Any:
    settings.DEBUG = request.param
    settings.DEFAULT_EXCEPTION_REPORTER_FILTER = "django_apiaccess.errors.RedactingReporterFilter"

    def report(http: HttpRequest, error: str = "boom", **variables: Any) -> str:
        from django.views.debug import get_default_exception_reporter_filter

        get_default_exception_reporter_filter.cache_clear()
        try:
            fail(http, error, **variables)
        except ValueError:
            reporter = RedactingExceptionReporter(http, *sys.exc_info())
        return str(reporter.get_traceback_html()) + str(reporter.get_traceback_text())

    def fail(request: HttpRequest, error: str, **variables: Any) -> None:
        locals().update(variables)
        presented, headers, nested = variables.get("presented"), variables.get("headers"), [variables]
        raise ValueError(error, bool(presented), bool(headers), bool(nested))

    yield report
    from django.views.debug import get_default_exception_reporter_filter

    get_default_exception_reporter_filter.cache_clear()


def test_headers_are_hidden(reported):
    http = RequestFactory().get(
        "/", HTTP_AUTHORIZATION=f"Token {SECRET}", HTTP_X_API_KEY=KEY, HTTP_DPOP="proof-abc", HTTP_X_OTHER=KEY
    )
    text = reported(http)
    assert SECRET not in text
    assert "proof-abc" not in text
    assert "HTTP_AUTHORIZATION" in text


def test_every_cookie_is_hidden(reported):
    http = RequestFactory().get("/", HTTP_COOKIE="__Host-refresh=cookie-abc; theme=cookie-def")
    text = reported(http)
    assert "cookie-abc" not in text
    assert "cookie-def" not in text


FIELDS = (
    "refresh_token",
    "client_secret",
    "code",
    "mfa_token",
    "password",
    "token",
    "code_verifier",
    "device_code",
    "otp_token",
)


def test_fields_of_forms_are_hidden_also_in_debug(reported):
    http = RequestFactory().post("/", {**{name: f"{name}-value" for name in FIELDS}, "plain": "plain-value"})
    text = reported(http)
    assert [name for name in FIELDS if f"{name}-value" in text] == []
    assert "plain-value" in text


def test_keys_in_variables_are_hidden(reported):
    text = reported(RequestFactory().get("/"), presented=KEY, headers={"Authorization": f"Token {SECRET}"})
    assert SECRET not in text


def test_keys_in_the_address_and_in_the_exception_are_hidden(reported):
    http = RequestFactory().get("/", {"key": KEY, "q": KEY, "code": "code-value"})
    text = reported(http, error=f"bad key {KEY}")
    assert SECRET not in text
    assert "code-value</pre>" not in text
    assert f"bad key ak_{KEY.split('_')[1]}_…" in text


def test_a_key_that_stands_in_the_path_is_hidden(reported):
    text = reported(RequestFactory().get(f"/api/{KEY}/"))
    assert SECRET not in text
    assert f"/api/ak_{KEY.split('_')[1]}_…/" in text


@pytest.mark.parametrize("name", ["token", "user_code", "code", "to%6Ben", "client_secret", "api_key", "password"])
def test_parameters_that_hold_a_credential_are_hidden_wherever_the_address_is_shown(reported, name):
    http = RequestFactory().get(
        f"/x/?page=7&{name}=opaque-123&q=plain-text", HTTP_REFERER=f"https://a.example/?{name}=opaque-123"
    )
    text = reported(http)
    assert "opaque-123" not in text
    assert "?page=7&amp;" in text
    assert "q=plain-text" in text


def test_the_request_itself_stays_as_it_is(reported):
    http = RequestFactory().post(f"/api/{KEY}/?token=opaque-123", {"a": "b"})
    reported(http)
    assert SECRET in http.path
    assert http.META["QUERY_STRING"] == "token=opaque-123"
    assert http.GET["token"] == "opaque-123"


def test_an_upload_is_still_listed(reported):
    assert "notes.txt" in reported(RequestFactory().post("/", {"file": SimpleUploadedFile("notes.txt", b"x")}))


def test_a_request_of_asgi_is_reported_too(settings):
    http = AsyncRequestFactory().get(f"/api/{KEY}/", {"token": SECRET[::-1]})
    try:
        raise ValueError(KEY)
    except ValueError:
        text = RedactingExceptionReporter(http, *sys.exc_info()).get_traceback_html()
    assert SECRET not in text
    assert SECRET[::-1] not in text


def test_the_peppers_are_hidden_among_the_settings(reported, settings):
    assert settings.API_ACCESS["PEPPERS"][0] not in reported(RequestFactory().get("/"))


def test_a_report_without_a_request_is_made(settings):
    try:
        raise ValueError(KEY)
    except ValueError:
        reporter = RedactingExceptionReporter(None, *sys.exc_info())
        reporter.filter = RedactingReporterFilter()
    assert SECRET not in reporter.get_traceback_text()
