"""A person lets an application in, looks at what is connected, disconnects it, and connects a device: in a real browser."""

from urllib.parse import parse_qs, urlsplit

import pytest

from django_apiaccess.contrib.oauth import clients, devices
from django_apiaccess.contrib.oauth.models import Consent
from tests.contrib.oauth.flow import CALLBACK, Pkce, url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SCOPES = ["docs:read", "docs:write", "profile"]
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["wide", "phone"])
def tab(request, browser, live_server, make_user, settings):
    """Ann, logged in."""
    settings.API_ACCESS = {**settings.API_ACCESS, "ISSUER": live_server.url}
    make_user("ann", "docs:read", "docs:write", is_staff=True)  # logs in at the admin's page
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(15_000)
    page = context.new_page()
    wrong, page.sent = [], []
    page.on("request", lambda asked: page.sent.append(asked.url) if asked.url.startswith(CALLBACK) else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(f"{live_server.url}/admin/login/?next=/oauth/connected/")
    page.fill("input[name=username]", "ann")
    page.fill("input[name=password]", "secret")
    page.click("[type=submit]")
    page.wait_for_load_state()
    yield page
    context.close()
    assert not wrong, wrong


@pytest.fixture
def registered(operator, db):
    return clients.create(
        by=operator,
        name="Reading list",
        description="Keeps what you want to read",
        homepage="https://app.example/",
        redirect_uris=[CALLBACK],
        grant_types=["authorization_code", "refresh_token", "device_code"],
        scopes=SCOPES,
        auth_method="none",
    )


def returned(tab):
    """What the browser was sent back to the application with. That host is nowhere: the redirect is what counts."""
    for _attempt in range(100):
        if tab.sent:
            tab.wait_for_timeout(700)  # until the browser has seen that there is no such host
            return parse_qs(urlsplit(tab.sent.pop()).query)
        tab.wait_for_timeout(100)
    raise AssertionError("the browser is not sent back")


def ask(tab, live_server, registered):
    tab.goto(f"{live_server.url}{url(registered, Pkce(), scope=' '.join(SCOPES))}")


def test_OA15_a_person_reads_who_asks_allows_and_disconnects(tab, live_server, registered):
    ask(tab, live_server, registered)
    text = tab.inner_text("main")
    for told in ("Reading list", "ann", "app.example", "https://app.example/", "days", "can change things", "Not you?"):
        assert told in text, told
    assert tab.evaluate(FITS)
    deny, allow = (tab.locator(f"button[value={value}]").bounding_box() for value in ("deny", "allow"))
    assert (deny["width"], deny["height"]) == pytest.approx((allow["width"], allow["height"]))
    assert deny["height"] >= 44
    tab.click("button[value=allow]")
    answer = returned(tab)
    assert answer["state"] == ["xyz"]
    assert answer["code"]

    tab.goto(f"{live_server.url}/oauth/connected/")
    assert "Reading list" in tab.inner_text("main")
    assert tab.evaluate(FITS)
    tab.click("text=Disconnect")
    tab.wait_for_selector("text=No app is connected")
    assert not Consent.objects.live().exists()


def test_OA15_what_is_new_is_marked(tab, live_server, registered):
    tab.goto(f"{live_server.url}{url(registered, Pkce(), scope='docs:read')}")
    tab.click("button[value=allow]")
    returned(tab)
    ask(tab, live_server, registered)
    assert tab.locator(".new").count() == len(SCOPES) - 1


def test_the_keyboard_alone_will_do_and_deny_comes_first(tab, live_server, registered):
    ask(tab, live_server, registered)
    focused = []
    for _step in range(12):
        tab.keyboard.press("Tab")
        focused.append(tab.evaluate("document.activeElement.value || document.activeElement.textContent.trim()"))
        if focused[-1] == "deny":
            break
    assert "Skip to content" in focused[0]
    assert focused[-1] == "deny"
    tab.keyboard.press("Enter")
    assert returned(tab)["error"] == ["access_denied"]
    assert not Consent.objects.exists()


def test_OA13_a_request_of_nobody_ends_on_a_page(tab, live_server):
    tab.goto(f"{live_server.url}/oauth/authorize/?client_id=app_nobody&redirect_uri=https://app.example/callback")
    assert "cannot go on" in tab.inner_text("h1")
    assert tab.evaluate(FITS)


def test_a_device_is_connected_by_its_code(tab, live_server, registered):
    started = devices.start(registered.client, scope="docs:read docs:write", resources=[], jkt="")
    tab.goto(f"{live_server.url}/oauth/device/")
    tab.fill("#user_code", "WRNG-CODE")
    tab.click("button")
    assert tab.get_attribute("#user_code", "aria-invalid") == "true"
    tab.fill("#user_code", started["user_code"])
    tab.click("button")
    tab.wait_for_selector("button[value=allow]")
    assert started["user_code"] in tab.inner_text("main")
    assert tab.evaluate(FITS)
    tab.click("button[value=allow]")
    tab.wait_for_selector("text=You can close this page")
