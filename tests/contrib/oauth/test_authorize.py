"""The authorization endpoint: whom it answers, what the person sees, and what a client may ask of their log-in."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from django_apiaccess.contrib.oauth import clients, consents
from django_apiaccess.contrib.oauth.models import AuthorizationCode, Consent, OAuthClient
from django_apiaccess.exceptions import InvalidChange
from django_apiaccess.models import TokenSession

from .flow import (
    AUTHORIZE,
    CALLBACK,
    ISSUER,
    Pkce,
    allow,
    browser,
    claims_of,
    code_for,
    exchange,
    opens,
    parameters,
    refresh,
    returned,
    tokens_for,
    url,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "uri",
    [
        CALLBACK + "/",
        CALLBACK + "?x",
        "https://app.example/CALLBACK",
        "HTTPS://app.example/callback",
        CALLBACK + "%2f..",
        "https://sub.app.example/callback",
        "https://app.example@evil.example/callback",
        "https://app.example:443/callback",
        CALLBACK + "#x",
        "https://app.example/callback/../callback",
        "//app.example/callback",
        "javascript:alert(1)",
        "https://app.example\\@evil.example/callback",
        CALLBACK + "\0",
        CALLBACK + "\r\nX: 1",
    ],
)
@pytest.mark.parametrize("logged_in", [True, False])
def test_oa_01_another_redirect_uri_is_a_page_and_no_redirect(ann, public, uri, logged_in):
    answer = browser(ann if logged_in else None).get(url(public, Pkce(), redirect_uri=uri))
    assert answer.status_code == 400
    assert not answer.has_header("Location")


@pytest.mark.parametrize("registered", ["http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://[::1]/cb"])
def test_oa_01_of_a_loopback_address_the_port_may_vary_for_an_app_on_a_machine(ann, register, registered):
    host = registered.partition("//")[2].partition("/")[0].removesuffix(":1")
    native = register(auth_method="none", redirect_uris=[registered])
    assert browser(ann).get(url(native, Pkce(), redirect_uri=f"http://{host}:49152/cb")).status_code == 200
    for other in (
        f"http://{host}:49152/other",
        f"http://{host}.evil.example/cb",
        f"https://{host}/cb",
        "http://localhost:49152/cb",
    ):
        assert browser(ann).get(url(native, Pkce(), redirect_uri=other)).status_code == 400
    web = register(redirect_uris=[registered])
    assert browser(ann).get(url(web, Pkce(), redirect_uri=f"http://{host}:49152/cb")).status_code == 400


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "myapp:/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://*.app.example/cb",
        "https://app.example/cb#x",
        "https:///cb",
        "https://user@app.example/cb",
        "/cb",
        "https://app.example/ü",
    ],
)
def test_oa_02_what_no_client_may_register(register, uri):
    with pytest.raises(InvalidChange) as error:
        register(redirect_uris=[uri])
    assert error.value.field == "redirect_uris"
    assert not OAuthClient.objects.exists()


def test_oa_02_a_scheme_of_its_own_has_a_dot(ann, register):
    client = register(auth_method="none", redirect_uris=["com.example.app:/cb"])
    answer = allow(browser(ann), url(client, Pkce(), redirect_uri="com.example.app:/cb"))
    assert answer["Location"].startswith("com.example.app:/cb?code=ac_")


@pytest.mark.parametrize("client_id", [None, "", "42", "app_unknown", "é", "x" * 500, "app\0"])
def test_oa_13_an_unknown_client_is_a_page_and_no_redirect(ann, public, client_id):
    answer = browser(ann).get(url(public, Pkce(), client_id=client_id))
    assert (answer.status_code, answer.has_header("Location")) == (400, False)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_oa_11_a_client_or_an_address_that_comes_twice_is_a_page(ann, public, name):
    address = url(public, Pkce()) + "&" + urlencode({name: parameters(public, Pkce())[name]})
    answer = browser(ann).get(address)
    assert (answer.status_code, answer.has_header("Location")) == (400, False)


@pytest.mark.parametrize("name", ["scope", "state", "response_type", "code_challenge", "nonce"])
def test_oa_11_another_parameter_that_comes_twice_is_told_to_the_client(ann, public, name):
    address = url(public, Pkce(), nonce="n") + f"&{name}=other"
    answer = returned(browser(ann).get(address))
    assert answer["error"] == "invalid_request"
    assert ("state" in answer) == (name != "state")


def test_oa_13_a_client_that_was_switched_off_is_unknown(ann, public, operator):
    clients.change(public.client, by=operator, is_active=False)
    assert browser(ann).get(url(public, Pkce())).status_code == 400


@pytest.mark.parametrize("state", ["a b", "a+b", "%FF%FE", "ü&x=1", "<script>", "%0d%0aX: 1", "a" * 2000])
def test_oa_13_state_comes_back_byte_by_byte(ann, public, state):
    raw = state if "%" in state else urlencode({"s": state})[2:]
    address = url(public, Pkce(), state=None) + f"&state={raw}"
    response = allow(browser(ann), address)
    query = urlsplit(response["Location"]).query
    sent = parse_qsl(f"state={raw}", encoding="latin-1")
    assert [pair for pair in parse_qsl(query, encoding="latin-1") if pair[0] == "state"] == sent
    assert "\n" not in response["Location"]


def test_oa_13_the_answer_says_who_gives_it(ann, public):
    assert returned(allow(browser(ann), url(public, Pkce())))["iss"] == ISSUER


def test_oa_14_the_page_is_not_framed_not_cached_and_leaks_nothing(ann, public):
    answer = browser(ann).get(url(public, Pkce()), HTTP_ORIGIN="https://evil.example")
    assert answer["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert "form-action 'self' https://app.example;" in answer["Content-Security-Policy"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cache-Control"] == "no-store"
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_oa_14_the_redirect_after_the_form_is_303(ann, public):
    answer = allow(browser(ann), url(public, Pkce()))
    assert answer.status_code == 303
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"


def test_oa_14_the_form_needs_its_csrf_token(ann, public):
    client = browser(ann, enforce_csrf_checks=True)
    address = url(public, Pkce())
    shown = client.get(address).context["shown"]
    assert client.post(address, {"decision": "allow", "shown": shown}).status_code == 403
    assert not AuthorizationCode.objects.exists()
    token = client.cookies["csrftoken"].value
    sent = {"decision": "allow", "shown": shown, "csrfmiddlewaretoken": token}
    assert client.post(address, sent).status_code == 303


def test_the_form_is_judged_from_the_start(ann, public, operator):
    client, address = browser(ann), url(public, Pkce())
    shown = client.get(address).context["shown"]
    clients.change(public.client, by=operator, redirect_uris=["https://app.example/other"])
    assert client.post(address, {"decision": "allow", "shown": shown}).status_code == 400
    assert not AuthorizationCode.objects.exists()


def test_a_person_allows_what_the_page_showed_and_nothing_else(ann, public):
    client, address = browser(ann), url(public, Pkce(), scope="docs:read docs:write")
    client.get(address)
    answer = client.post(address, {"decision": "allow", "shown": "docs:read"})
    assert answer.status_code == 200
    assert not AuthorizationCode.objects.exists()


@pytest.mark.parametrize("decision", ["", "yes", "ALLOW"])
def test_anything_but_the_two_buttons_asks_again(ann, public, decision):
    client, address = browser(ann), url(public, Pkce())
    shown = client.get(address).context["shown"]
    assert client.post(address, {"decision": decision, "shown": shown}).status_code == 200
    assert not AuthorizationCode.objects.exists()


def test_somebody_who_is_not_logged_in_goes_to_the_log_in_page_and_comes_back(ann, public):
    client = Client()
    answer = client.get(url(public, Pkce()))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=/oauth/authorize/")
    target = dict(parse_qsl(urlsplit(answer["Location"]).query))["next"]
    assert client.login(username="ann", password="secret")
    assert client.get(target).status_code == 200


def test_oa_15_a_public_client_always_asks(ann, public):
    tokens_for(ann, public)
    assert Consent.objects.count() == 1
    assert browser(ann).get(url(public, Pkce())).status_code == 200


def test_oa_15_a_client_that_proves_itself_asks_once(ann, confidential):
    tokens_for(ann, confidential)
    answer = browser(ann).get(url(confidential, Pkce()))
    assert (answer.status_code, "code" in returned(answer)) == (302, True)


@pytest.mark.parametrize("why", ["new scope", "prompt", "age", "revoked", "resource"])
def test_oa_15_it_asks_again_for_more_or_after_long(ann, register, operator, oauth, why):
    client = register(audiences=["https://files.example/"])
    tokens_for(ann, client)
    more = {}
    if why == "new scope":
        more = {"scope": "docs:read docs:write"}
    elif why == "prompt":
        more = {"prompt": "consent"}
    elif why == "resource":
        more = {"resource": "https://files.example/"}
    elif why == "age":
        Consent.objects.update(granted_at=timezone.now() - timedelta(days=91))
    else:
        consents.revoke(Consent.objects.all(), reason="test", by=operator)
    assert browser(ann).get(url(client, Pkce(), **more)).status_code == 200


def test_oa_15_revoking_a_consent_ends_its_tokens_and_codes(ann, confidential, operator):
    body = tokens_for(ann, confidential)
    pkce = Pkce()
    code = code_for(ann, confidential, pkce, prompt="consent")
    assert consents.revoke(Consent.objects.all(), reason="test", by=operator) == 1
    assert opens(body["access_token"]) == 401
    assert refresh(confidential, body["refresh_token"]).status_code == 400
    assert exchange(confidential, code, pkce).status_code == 400


def test_a_trusted_client_asks_nobody_and_a_public_one_cannot_be_trusted(ann, register):
    client = register(trusted=True)
    assert "code" in returned(browser(ann).get(url(client, Pkce())))
    with pytest.raises(InvalidChange):
        register(trusted=True, auth_method="none")


def test_switching_a_client_off_ends_its_tokens_and_codes_at_once(ann, confidential, operator):
    body = tokens_for(ann, confidential)
    pkce = Pkce()
    code = code_for(ann, confidential, pkce)
    clients.change(confidential.client, by=operator, is_active=False)
    assert opens(body["access_token"]) == 401
    assert exchange(confidential, code, pkce).status_code == 401


@pytest.mark.parametrize(
    ("logged_in", "more", "error"),
    [
        (False, {}, "login_required"),
        (True, {}, "consent_required"),
        (True, {"max_age": "0"}, "login_required"),
    ],
)
def test_oa_24_prompt_none_never_shows_a_page(ann, confidential, logged_in, more, error):
    answer = returned(browser(ann if logged_in else None).get(url(confidential, Pkce(), prompt="none", **more)))
    assert (answer["error"], answer["state"]) == (error, "xyz")


def test_oa_24_prompt_none_answers_where_nothing_must_be_asked(ann, confidential):
    tokens_for(ann, confidential)
    assert "code" in returned(browser(ann).get(url(confidential, Pkce(), prompt="none")))


def back_from_login(client, response, name="ann"):
    """Log in on the page where the browser was sent, and follow it back."""
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")
    target = dict(parse_qsl(urlsplit(response["Location"]).query))["next"]
    assert client.login(username=name, password="secret")
    return target


@pytest.mark.parametrize("more", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "0"}])
def test_oa_24_a_fresh_log_in_is_asked_once_and_the_token_says_when(ann, public, more):
    client, pkce = browser(ann), Pkce()
    stale = client.session
    stale["apiaccess_proof"] = {"auth_time": int(timezone.now().timestamp()) - 500, "amr": ["pwd"]}
    stale.save()
    target = back_from_login(client, client.get(url(public, pkce, **more)))
    code = returned(allow(client, target))["code"]
    claims = claims_of(exchange(public, code, pkce).json()["access_token"])
    assert claims["auth_time"] > timezone.now().timestamp() - 60


def test_oa_24_a_stamp_of_another_request_or_of_nobody_does_not_spare_the_log_in(ann, public):
    client = browser(ann)
    target = back_from_login(client, client.get(url(public, Pkce(), prompt="login")))
    stamp = dict(parse_qsl(urlsplit(target).query))["reauth"]
    for forged in (stamp, "x", stamp[:-1]):
        assert client.get(url(public, Pkce(), prompt="login", reauth=forged)).status_code == 302


def test_oa_24_an_old_log_in_is_too_old(ann, public):
    client = browser(ann)
    stale = client.session
    stale["apiaccess_proof"] = {"auth_time": int(timezone.now().timestamp()) - 100, "amr": ["pwd"]}
    stale.save()
    assert client.get(url(public, Pkce(), max_age="50")).status_code == 302
    assert client.get(url(public, Pkce(), max_age="500")).status_code == 200


@pytest.mark.parametrize(
    ("acr", "met"), [("aal1", True), ("aal2", False), ("phr", False), ("aal2 aal1", True), ("x", False)]
)
def test_oa_24_a_level_that_cannot_be_reached_is_an_error_and_no_loop(ann, public, acr, met):
    answer = browser(ann).get(url(public, Pkce(), acr_values=acr))
    if met:
        assert answer.status_code == 200
    else:
        assert returned(answer)["error"] == "unmet_authentication_requirements"


def test_the_bound_of_sessions_holds_for_apps_too(ann, public, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "SESSIONS_PER_USER": 2}
    bodies = [tokens_for(ann, public) for _ in range(3)]
    assert [opens(body["access_token"]) for body in bodies] == [401, 200, 200]
    assert TokenSession.objects.filter(revoked_at=None).count() == 2


def test_in_clear_nothing_is_shown_where_tls_is_required(ann, public, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": True}
    assert browser(ann).get(url(public, Pkce())).status_code == 400
    assert browser(ann).get(url(public, Pkce()), secure=True).status_code == 200


def test_what_is_neither_get_nor_post_is_refused(ann, public):
    for method in ("put", "delete", "patch"):
        assert getattr(browser(ann), method)(url(public, Pkce())).status_code == 405


def test_the_page_escapes_what_a_client_calls_itself(ann, register):
    client = register(name="<script>alert(1)</script>", auth_method="none")
    page = browser(ann).get(url(client, Pkce())).content.decode()
    assert "<script>" not in page


def test_a_query_that_is_too_long_is_a_page(ann, public):
    answer = browser(ann).get(url(public, Pkce(), state="x" * 20_000))
    assert (answer.status_code, answer.has_header("Location")) == (400, False)


def test_parameters_in_the_forms_body_change_nothing(ann, public):
    client, address = browser(ann), url(public, Pkce())
    shown = client.get(address).context["shown"]
    data = {"decision": "allow", "shown": shown, "redirect_uri": "https://evil.example/", "client_id": "x"}
    assert client.post(address, data)["Location"].startswith(CALLBACK)


def test_an_empty_request_is_a_page(ann):
    assert browser(ann).get(AUTHORIZE).status_code == 400
