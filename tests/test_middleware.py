"""A session that waits for its second factor is nobody's, and log-in pages lead on to the second step."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.test import AsyncClient, Client, override_settings
from django.urls import include, path

from django_apiaccess.mfa.models import TOTPFactor
from tests import urls as suite
from tests.mfa.factors import HOME, code_of
from tests.mfa.fixtures import *  # noqa: F403
from tests.pages.visiting import ADD, LOGIN, SECURITY, VERIFY, led_to, log_in

ADMIN_LOGIN = "/admin/login/"


def whoami(request):
    return HttpResponse(f"{request.user.username or 'nobody'}|{request.apiaccess_pending_user or ''}")


async def whoami_later(request):
    return HttpResponse((await request.auser()).username or "nobody")


def log_in_by_itself(request):
    from django.contrib.auth import authenticate, login

    login(request, authenticate(request, username=request.POST["username"], password=request.POST["password"]))
    return HttpResponseRedirect(request.POST["to"])


class Second(admin.AdminSite):
    """Another admin, under another name."""


second = Second(name="second")
urlpatterns = [
    path("whoami/", whoami),
    path("whoami-later/", whoami_later),
    path("members/", login_required(whoami)),
    path("accounts/login/", whoami),
    path("own-login/", log_in_by_itself),
    path("second/", second.urls),
    path("", include(suite.urlpatterns)),
]
pytestmark = [pytest.mark.urls(__name__)]


@pytest.fixture
def tab(db):
    return Client(REMOTE_ADDR=HOME)


@pytest.fixture
def root(make_user):
    return make_user("root", is_staff=True, is_superuser=True)


@pytest.fixture
def key(root, clock):
    """The superuser's authenticator app."""
    device = TOTPFactor(user=root, name="App", confirmed=True)
    device.seal(b"12345678901234567890")
    device.save()
    return device


def at_admin(tab, path=ADMIN_LOGIN, **query):
    return tab.post(path, {"username": "root", "password": "secret", "next": "/admin/"}, query_params=query)


def pages_of(site):
    """Every address of an admin, with something in the place of ids."""
    found = []

    def walk(patterns, before):
        for pattern in patterns:
            here = before + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, here)
            else:
                found.append(here)

    walk(site.get_urls(), "/admin/")
    named = [page.replace("<path:object_id>", "1").replace("<id>", "1").replace("<path:url>", "x") for page in found]
    return [page for page in named if "<" not in page and "(" not in page and "^" not in page]


def test_the_log_in_of_the_admin_goes_on_to_the_second_step_and_back(tab, key):
    assert led_to(at_admin(tab)) == (VERIFY, "/admin/")
    assert led_to(tab.get("/admin/")) == (ADMIN_LOGIN, "/admin/")
    assert led_to(tab.get(f"{ADMIN_LOGIN}?next=/admin/testapp/")) == (VERIFY, "/admin/testapp/")
    assert led_to(tab.get(ADMIN_LOGIN)) == (VERIFY, "/admin/")
    assert (
        led_to(tab.post(VERIFY, {"code": code_of(key)}, query_params={"next": "/admin/testapp/"}))[0]
        == "/admin/testapp/"
    )
    assert tab.get("/admin/").status_code == 200


def test_74_no_page_of_the_admin_opens_before_the_second_step(tab, key):
    at_admin(tab)
    pages = pages_of(admin.site)
    assert len(pages) > 60
    for page in pages:
        for method in (tab.get, tab.post):
            answer = method(page)
            if answer.status_code == 200:
                assert page == "/admin/jsi18n/" or (page, method) == (ADMIN_LOGIN, tab.post), page
            elif answer.status_code == 302:
                assert answer["Location"].startswith((ADMIN_LOGIN, VERIFY, "/admin/")), (page, answer["Location"])
    assert TOTPFactor.objects.filter(pk=key.pk).exists()


def test_74_another_admin_site_is_guarded_too(tab, key):
    assert led_to(tab.post("/second/login/", {"username": "root", "password": "secret", "next": "/second/"})) == (
        VERIFY,
        "/second/",
    )
    assert led_to(tab.get("/second/"))[0] == "/second/login/"
    assert led_to(tab.get("/second/login/")) == (VERIFY, "/second/")


def test_80_a_superuser_without_a_factor_enrols_at_the_door(tab, root, mfa):
    mfa(REQUIRED_FOR=["staff"], GRACE="0s")
    assert led_to(at_admin(tab)) == (VERIFY, "/admin/")
    assert led_to(tab.get(VERIFY)) == (ADD, "")
    assert led_to(tab.get("/admin/")) == (ADMIN_LOGIN, "/admin/")


def test_a_superuser_without_a_factor_and_without_a_policy_gets_in_as_always(tab, root):
    assert led_to(at_admin(tab)) == ("/admin/", "")
    assert tab.get("/admin/").status_code == 200


def test_76_the_page_after_the_admins_log_in_holds_no_password(tab, key):
    answer = tab.post(ADMIN_LOGIN, {"username": "root", "password": "secret", "next": "/admin/"}, follow=True)
    assert "secret" not in answer.content.decode()


def test_77_a_pending_session_is_told_by_the_api_what_it_lacks(tab, key):
    at_admin(tab)
    answer = tab.get("/read-only/")
    assert (answer.status_code, answer.json()["code"]) == (401, "mfa_required")


def test_a_pending_user_is_nobody_everywhere_else(tab, key):
    at_admin(tab)
    assert tab.get("/whoami/").content == b"nobody|root"
    assert led_to(tab.get("/members/"))[0] == "/accounts/login/"
    assert led_to(tab.get("/accounts/login/?next=/members/")) == (VERIFY, "/members/")
    tab.post(VERIFY, {"code": code_of(key)})
    assert tab.get("/members/").content == b"root|"
    assert tab.get("/accounts/login/").status_code == 200


@pytest.mark.parametrize(
    "address", ["/accounts/login/", "apiaccess-security-login", "/whoami/", "https://other.example/whoami/"]
)
def test_log_in_pages_are_known_by_path_and_by_name(tab, key, address):
    at_admin(tab)
    with override_settings(LOGIN_URL=address):
        if address == "apiaccess-security-login":
            assert led_to(tab.get(LOGIN)) == (VERIFY, "")
        else:
            assert led_to(tab.get(address.replace("https://other.example", "")))[0] == VERIFY


@pytest.mark.parametrize(
    ("to", "then"), [("/whoami/", "/whoami/"), ("https://evil.example/", ""), ("//evil.example/", "")]
)
def test_78_a_log_in_form_of_the_project_leads_on_and_off_to_no_other_site(tab, key, to, then):
    answer = tab.post("/own-login/", {"username": "root", "password": "secret", "to": to})
    assert led_to(answer) == (VERIFY, then)


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_78_the_admins_next_leads_to_no_other_site(tab, key, evil):
    assert led_to(at_admin(tab, next=evil))[1] in {"", "/admin/"}
    assert led_to(tab.get(ADMIN_LOGIN, {"next": evil})) == (VERIFY, "/admin/")


def test_68_the_admin_asks_also_on_a_remembered_device(tab, key, clock):
    log_in(tab, "root")
    tab.post(VERIFY, {"code": code_of(key), "remember": "on"})
    tab.post(f"{SECURITY}logout/")
    clock.next_code()
    assert led_to(at_admin(tab)) == ("/admin/", "")
    assert led_to(tab.get("/admin/testapp/")) == (VERIFY, "/admin/testapp/")
    assert led_to(tab.post("/admin/testapp/document/add/"))[0] == VERIFY
    assert led_to(tab.post(VERIFY, {"code": code_of(key)}, query_params={"next": "/admin/"})) == ("/admin/", "")
    assert tab.get("/admin/").status_code == 200


def test_the_admins_log_in_has_a_button_for_passkeys_whatever_its_template(tab, root):
    page = tab.get(f"{ADMIN_LOGIN}?next=/admin/testapp/").content.decode()
    assert "Sign in with a passkey" in page
    assert 'name="next" value="/admin/testapp/"' in page
    assert "login-form" in page
    wrong = tab.post(ADMIN_LOGIN, {"username": "root", "password": "wrong"}).content.decode()
    assert "Sign in with a passkey" in wrong
    assert "errornote" in wrong


def test_without_passkeys_the_admins_log_in_is_as_it_was(tab, root, mfa):
    mfa(METHODS=["totp"])
    assert "passkey" not in tab.get(ADMIN_LOGIN).content.decode()


def test_without_our_pages_nothing_is_led_anywhere_and_nothing_opens(tab, key):
    with override_settings(ROOT_URLCONF="tests.pages.without_pages"):
        assert led_to(at_admin(tab)) == ("/admin/", "")
        assert tab.get("/admin/").status_code == 302
        assert tab.get(ADMIN_LOGIN).status_code == 200
        assert tab.get("/whoami/").content == b"nobody|root"


def test_a_request_without_a_session_cookie_asks_the_database_nothing(tab, root, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert tab.get("/whoami/").content == b"nobody|"
        assert tab.get("/whoami-later/").content == b"nobody"


def test_it_asks_nothing_beside_the_session_itself(tab, root, django_assert_num_queries):
    tab.force_login(root)
    with django_assert_num_queries(2):  # the session and its user
        assert tab.get("/whoami/").content == b"root|"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pending", [True, False])
def test_async_views_see_the_same(root, key, tab, pending):
    at_admin(tab)
    if not pending:
        tab.post(VERIFY, {"code": code_of(key)})

    async def ask():
        browser = AsyncClient()
        browser.cookies = tab.cookies
        return (await browser.get("/whoami-later/")).content

    with ThreadPoolExecutor(1) as elsewhere:  # a browser of another test may have left its loop in this thread
        seen = elsewhere.submit(lambda: asyncio.run(ask())).result()
    assert seen == (b"nobody" if pending else b"root")


def test_the_otp_middleware_of_django_otp_may_come_after_it(tab, key, settings):
    place = settings.MIDDLEWARE.index("django_apiaccess.middleware.SecondFactorMiddleware")
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[: place + 1],
        "django_otp.middleware.OTPMiddleware",
        *settings.MIDDLEWARE[place + 1 :],
    ]
    at_admin(tab)
    assert tab.get("/whoami/").content == b"nobody|root"
    tab.post(VERIFY, {"code": code_of(key)})
    assert tab.get("/whoami/").content == b"root|"
