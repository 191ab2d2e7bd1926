"""Four eyes in a real browser, by two people: asked for, approved, claimed, seen once."""

from __future__ import annotations

import pytest

from django_apiaccess.keys.approvals.models import KeyRequest
from django_apiaccess.keys.models import APIKey
from tests.adminkit import KEY, allow, url

from .test_admin import NAMELESS, fits

pytest.importorskip("playwright.sync_api", reason="NO BROWSER TESTS: playwright is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WHY = "Nightly clean-up of old documents"


@pytest.fixture(autouse=True)
def _guarded(settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "APPROVALS": {"SCOPES": ["docs:delete"]}}


@pytest.fixture
def log_in(browser, live_server, page):
    """`log_in(ann)`: a page of that person, in a window as wide as `page`."""
    contexts = []

    def make(user):
        context = browser.new_context(viewport=page.viewport_size, color_scheme="light")
        context.set_default_timeout(15_000)
        contexts.append(context)
        tab = context.new_page()
        tab.goto(f"{live_server.url}/admin/login/?next=/admin/")
        tab.fill("input[name=username]", user.get_username())
        tab.fill("input[name=password]", "secret")
        tab.click("[type=submit]")
        tab.wait_for_url(f"{live_server.url}/admin/")
        return tab

    yield make
    for context in contexts:
        context.close()


def looks_right(tab):
    assert fits(tab), tab.url
    assert tab.evaluate(NAMELESS) == [], tab.url


def test_two_people_make_one_key(page, log_in, live_server, make_user, client_of):
    ann = allow(make_user("ann", "docs:delete"), "add_apikey", "view_apikey")
    bob = allow(make_user("bob", "docs:delete"), "approve_keyrequest")
    hers, his = log_in(ann), log_in(bob)
    hers.goto(f"{live_server.url}{url('apikey', 'add')}?principal={ann.pk}")
    hers.fill("#id_name", "cleaner")
    hers.check("input[name=scopes][value='docs:delete']")
    looks_right(hers)
    hers.click("[name=_save]")
    hers.wait_for_selector("text=Another person must approve this because of")
    hers.fill("#id_justification", WHY)
    hers.click("[name=_save]")
    hers.wait_for_selector("text=It was asked for, and nothing was changed yet")
    looks_right(hers)
    row = KeyRequest.objects.get()
    his.goto(f"{live_server.url}{url('keyrequest')}?state=pending")
    looks_right(his)
    his.click("text=cleaner")
    his.wait_for_selector(f"text={WHY}")
    his.wait_for_selector("text=What it would open")
    looks_right(his)
    his.click("text=Approve")
    his.wait_for_selector("text=Approve it only if you would answer for it")
    looks_right(his)
    his.click("input[type=submit].aa-button")
    his.wait_for_selector("text=The requester was told")
    assert not his.locator(f"a[href='{url('keyrequest', 'claim', row.pk)}']").count()
    hers.goto(f"{live_server.url}{url('keyrequest', 'change', row.pk)}")
    hers.click("a:has-text('Claim')")
    hers.wait_for_selector("text=The key is made now and shown once")
    looks_right(hers)
    hers.click("input[type=submit].aa-button")
    hers.wait_for_selector("#aa-key")
    looks_right(hers)
    text = hers.inner_text("#aa-key")
    assert KEY.fullmatch(text)
    assert client_of(text).get("/access/me/").json()["scopes"] == ["docs:delete"]
    hers.on("dialog", lambda dialog: dialog.accept())
    hers.reload()
    assert text[-49:] not in hers.content()
    assert APIKey.objects.count() == 1


def test_the_report_is_found_and_downloaded(page, live_server, make_user, make_key):
    make_key(make_user("ann", "docs:read"), "docs:read", name="nightly")
    page.goto(f"{live_server.url}{url('apikey')}")
    page.click("a:has-text('Credential report')")
    page.wait_for_selector("text=Download as CSV")
    looks_right(page)
    with page.expect_download() as found:
        page.click("text=Download as CSV")
    assert found.value.suggested_filename.endswith(".csv")
    assert "nightly" in found.value.path().read_text(encoding="utf-8")
    page.goto(f"{live_server.url}{url('reminder')}")
    looks_right(page)
    assert page.locator("a:has-text('Credential report')").count()
