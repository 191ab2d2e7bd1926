"""Apps and second factors: who has given a password alone has not logged in, and an app may ask for more than a password."""

from __future__ import annotations

import pytest
from django.test import Client

from django_apiaccess.contrib.oauth.models import Consent, DeviceCode
from tests.mfa.factors import app_of, code_of
from tests.mfa.fixtures import clock  # noqa: F401 - a fixture
from tests.pages.visiting import VERIFY, led_to

from .flow import Pkce, allow, browser, claims_of, exchange, opens, post, returned, tokens_for, url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
DEVICE, CONNECTED = "/oauth/device/", "/oauth/connected/"
GUARD = "django_apiaccess.middleware.SecondFactorMiddleware"


@pytest.fixture(params=["with the middleware", "without it"])
def _either_way(request, settings):
    if request.param == "without it":
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != GUARD]


@pytest.fixture
def tv(register):
    return register(name="TV", auth_method="none", redirect_uris=[], grant_types=["device_code", "refresh_token"])


def prove(tab, factor, then):
    """Give the second factor, and go on to where that leads."""
    answer = tab.post(VERIFY, {"code": code_of(factor)}, query_params={"next": then})
    assert answer.status_code == 302, answer.content
    return answer["Location"]


@pytest.mark.usefixtures("_either_way")
def test_mf_12_a_password_alone_approves_no_device(ann, tv):
    app = app_of(ann)
    started = post("/oauth/device_authorization/", {"scope": "docs:read"}, tv).json()
    tab = browser(ann)
    for answer in (
        tab.get(DEVICE),
        tab.post(DEVICE, {"user_code": started["user_code"]}),
        tab.post(DEVICE, {"user_code": started["user_code"], "shown": "docs:read", "decision": "allow"}),
    ):
        assert answer.status_code == 302
        assert answer["Location"].startswith((VERIFY, "/accounts/login/")), answer["Location"]
    assert DeviceCode.objects.get().status == "pending"
    tab.post(VERIFY, {"code": code_of(app)})
    tab.post(DEVICE, {"user_code": started["user_code"], "shown": "docs:read", "decision": "allow"})
    assert DeviceCode.objects.get().status == "approved"


@pytest.mark.usefixtures("_either_way")
def test_mf_12_a_password_alone_sees_and_ends_no_connected_app(ann, confidential):
    body = tokens_for(ann, confidential)
    app_of(ann)
    tab = browser(ann)
    assert tab.get(CONNECTED).status_code == 302
    assert tab.post(CONNECTED, {"consent": Consent.objects.get().pk}).status_code == 302
    assert opens(body["access_token"]) == 200


@pytest.mark.usefixtures("_either_way")
def test_mf_12_a_password_alone_gives_no_code_also_to_a_client_that_asks_nobody(ann, register):
    app_of(ann)
    trusted = register(trusted=True)
    answer = browser(ann).get(url(trusted, Pkce()))
    assert answer.status_code == 302
    assert answer["Location"].startswith((VERIFY, "/accounts/login/")), answer["Location"]


def test_without_the_middleware_the_pages_lead_to_the_second_step_and_back(ann, public, settings):
    app = app_of(ann)
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != GUARD]
    for page in (f"{DEVICE}?user_code=BCDF-GHJK", CONNECTED):
        assert led_to(browser(ann).get(page)) == (VERIFY, page)
    tab, pkce = browser(ann), Pkce()
    step, back = led_to(tab.get(url(public, pkce)))
    assert step == VERIFY
    assert "code" in returned(allow(tab, prove(tab, app, back)))


def test_an_app_may_ask_for_a_second_factor_of_who_has_logged_in_without(ann, public):
    tab, pkce = browser(ann), Pkce()
    factor = app_of(ann)
    wanted = url(public, pkce, scope="openid docs:read", acr_values="aal2")
    step, back = led_to(tab.get(wanted))
    assert step == VERIFY
    answer = exchange(public, returned(allow(tab, prove(tab, factor, back)))["code"], pkce).json()
    for token in (answer["id_token"], answer["access_token"]):
        assert (claims_of(token)["acr"], claims_of(token)["amr"]) == ("aal2", ["pwd", "otp", "mfa"])


def test_it_asks_once_and_whoever_comes_back_without_is_told_the_app(ann, public):
    tab = browser(ann)
    app_of(ann)
    _, back = led_to(tab.get(url(public, Pkce(), acr_values="aal2")))
    assert returned(tab.get(back))["error"] == "unmet_authentication_requirements"


def test_a_factor_that_is_too_weak_for_what_is_asked_is_asked_of_nobody(ann, public):
    tab = browser(ann)
    app_of(ann)
    assert returned(tab.get(url(public, Pkce(), acr_values="phr")))["error"] == "unmet_authentication_requirements"


def test_silently_no_factor_is_asked_for(ann, public):
    tab = browser(ann)
    app_of(ann)
    answer = returned(tab.get(url(public, Pkce(), acr_values="aal2", prompt="none")))
    assert (answer["error"], "code" in answer) == ("interaction_required", False)


def test_nobody_sees_these_pages(public):
    for page in (DEVICE, CONNECTED):
        assert led_to(Client().get(page)) == ("/accounts/login/", page)
