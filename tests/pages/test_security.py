"""The page "Security" and what is done from there; and what every page sends along."""

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from django_apiaccess.mfa.models import TOTPFactor, TrustedDevice
from django_apiaccess.models import Event, TokenSession
from django_apiaccess.pages import agents, urls
from tests.mfa.factors import app_of, code_of, post
from tests.mfa.factors import log_in as api_log_in
from tests.pages.visiting import LOGIN, SECURITY, VERIFY, led_to, log_in

PAGES = sorted(
    {reverse(route.name, args=["x"] * len(route.pattern.converters)) for route in urls.urlpatterns if route.name}
)


@pytest.fixture
def inside(tab, ann, app):
    """Ann's browser, all proven."""
    log_in(tab)
    tab.post(VERIFY, {"code": code_of(app)})
    return tab


def test_every_page_is_listed():
    assert len(PAGES) >= 20
    assert get_resolver().resolve(SECURITY).url_name == "apiaccess-security"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "head"])
def test_no_page_is_kept_framed_or_runs_a_script_of_a_line(tab, db, path, method):
    answer = getattr(tab, method)(path)
    assert answer.status_code in {200, 302, 400, 401, 405}
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Frame-Options"] == "DENY"
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_static_files_of_another_host_are_allowed_by_name(tab, db, settings):
    settings.STATIC_URL = "https://cdn.example/static/"
    assert "script-src 'self' https://cdn.example;" in tab.get(LOGIN)["Content-Security-Policy"]


@pytest.mark.parametrize("path", [path for path in PAGES if path != LOGIN])
def test_nobody_sees_a_page_and_is_led_to_the_log_in(tab, db, path):
    answer = tab.get(path)
    if answer.status_code == 302:
        assert led_to(answer)[0] in {LOGIN, SECURITY}
    else:
        assert path.endswith("/options/")
        assert answer.status_code in {401, 405}


@pytest.mark.parametrize("path", PAGES)
def test_without_a_csrf_token_nothing_is_taken(path, ann, settings):
    careful = Client(enforce_csrf_checks=True)
    assert careful.post(path).status_code == 403
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    assert Client(enforce_csrf_checks=True).post(path).status_code == 403, (
        "also where the project has no such middleware"
    )


def test_a_factor_gets_another_name(inside, app):
    path = f"{SECURITY}factors/{app.uid}/name/"
    assert 'value="App"' in inside.get(path).content.decode()
    assert inside.post(path, {"name": "  "}).status_code == 400
    assert led_to(inside.post(path, {"name": "<b>Work</b>"})) == (SECURITY, "")
    page = inside.get(SECURITY).content.decode()
    assert "<b>Work</b>" not in page
    assert "&lt;b&gt;Work&lt;/b&gt;" in page
    assert Event.objects.filter(action="factor.renamed").count() == 1


def test_a_factor_is_removed_after_a_question(inside, app):
    path = f"{SECURITY}factors/{app.uid}/remove/"
    assert "It is your last one." in inside.get(path).content.decode()
    assert TOTPFactor.objects.exists()
    assert led_to(inside.post(path)) == (SECURITY, "")
    assert not TOTPFactor.objects.exists()
    assert Event.objects.filter(action="factor.removed").count() == 1


def test_30_the_last_factor_stays_where_the_policy_wants_one(inside, app, mfa):
    mfa(REQUIRED_FOR=["everyone"])
    answer = inside.post(f"{SECURITY}factors/{app.uid}/remove/")
    assert answer.status_code == 400
    assert "must keep a second factor" in answer.content.decode()
    assert TOTPFactor.objects.exists()


@pytest.mark.parametrize("what", ["name", "remove"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_another_persons_factor_is_not_there(inside, bob, what, method):
    other = app_of(bob, seed=b"x" * 20)
    for factor_id in (other.uid, "x", "a\0b"):
        answer = getattr(inside, method)(f"{SECURITY}factors/{factor_id}/{what}/", {"name": "mine"})
        assert answer.status_code == 404
    assert TOTPFactor.objects.get(pk=other.pk).name == "App"


def test_my_sessions_are_listed_and_ended_and_nobody_elses(tab, bob, make_user):
    make_user("carl")
    mine, other = api_log_in("bob").json(), api_log_in("carl").json()
    log_in(tab, "bob")
    assert "Where you are logged in" in tab.get(SECURITY).content.decode()
    foreign = TokenSession.objects.get(user__username="carl")
    tab.post(f"{SECURITY}sessions/{foreign.sid}/end/")
    tab.post(f"{SECURITY}sessions/a\0b/end/")
    assert post("token/refresh/", {"refresh_token": other["refresh_token"]}).status_code == 200
    own = TokenSession.objects.get(user=bob)
    assert led_to(tab.post(f"{SECURITY}sessions/{own.sid}/end/")) == (SECURITY, "")
    assert "1 session has ended." in tab.get(SECURITY).content.decode()
    assert post("token/refresh/", {"refresh_token": mine["refresh_token"]}).status_code == 400
    api_log_in("bob")
    api_log_in("bob")
    tab.post(f"{SECURITY}sessions/end/")
    assert "2 sessions have ended." in tab.get(SECURITY).content.decode()


def test_my_trusted_devices_end_and_nobody_elses(inside, ann, bob, app, client):
    device = app_of(bob, seed=b"x" * 20)
    log_in(client, "bob")
    client.post(VERIFY, {"code": code_of(device), "remember": "on"})
    foreign = TrustedDevice.objects.get()
    inside.post(f"{SECURITY}devices/{foreign.public_id}/end/")
    inside.post(f"{SECURITY}devices/end/")
    foreign.refresh_from_db()
    assert foreign.revoked_at is None


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 something else", "A browser"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
    ],
)
def test_devices_are_named_as_their_owners_know_them(agent, words):
    assert agents.in_words(agent) == words


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_page_or_a_password_sent_in_the_clear_is_not_looked_at(client, make_user, settings, method):
    settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": True}
    make_user("ann")
    ask = getattr(client, method)
    answer = ask("/access/security/login/", {"username": "ann", "password": "secret"})
    assert answer.status_code == 400
    assert "https" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert client.get("/access/security/login/", secure=True).status_code == 200
