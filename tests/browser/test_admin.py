"""The admin in a real browser: the key is seen once, copied, found, and gone."""

import contextlib
import re

import pytest

from django_apiaccess.audit.models import AuditRun
from django_apiaccess.keys.models import APIKey
from tests.adminkit import KEY, url

Error = pytest.importorskip("playwright.sync_api", reason="NO BROWSER TESTS: playwright is not installed").Error
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def fits(page):
    """Nothing sticks out of the window."""
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def settled(page):
    """What the page holds, once it has stopped moving."""
    for _attempt in range(50):
        with contextlib.suppress(Error):
            return page.content()
        page.wait_for_timeout(100)
    raise AssertionError("the page does not come to rest")


NAMELESS = """() => [...document.querySelectorAll("#content-main :is(input:not([type=hidden]), select, textarea)")]
    .filter(field => field.offsetParent && field.type !== "submit" && !field.labels.length && !field.placeholder
            && !field.getAttribute("aria-label") && !field.getAttribute("aria-labelledby"))
    .map(field => field.name || field.id)
    .filter(name => !/^(ends|starts|expires)_at/.test(name))"""
"""Fields that a screen reader cannot name. Django itself labels neither half of a date and time."""


def make_key(page, live_server, principal, name="nightly"):
    page.goto(f"{live_server.url}{url('apikey', 'add')}?principal={principal.pk}")
    page.fill("#id_name", name)
    page.check("input[name=scopes][value='docs:read']")
    page.click("[name=_save]")
    page.wait_for_selector("#aa-key")
    return page.inner_text("#aa-key")


def test_a_key_is_made_copied_and_not_seen_again(page, live_server, make_user, client_of):
    ann = make_user("ann", "docs:read")
    text = make_key(page, live_server, ann)
    assert KEY.fullmatch(text)
    assert fits(page)
    page.click("button[data-copy=aa-key]")
    page.wait_for_function("document.getElementById('aa-status').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == text
    assert client_of(text).get("/read-only/").status_code == 200
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    assert text[-49:] not in page.content()
    assert APIKey.objects.count() == 1


def test_the_back_button_does_not_bring_the_key_back(page, live_server, make_user):
    text = make_key(page, live_server, make_user("ann", "docs:read"))
    page.click("text=Done: go to the key")
    page.wait_for_selector("text=Effective rights")
    with contextlib.suppress(Error):  # Chromium kept no copy: it would have to send the form again
        page.go_back()
    assert text[-49:] not in settled(page)
    assert APIKey.objects.count() == 1


def test_a_key_pasted_into_the_search_is_found_and_is_in_no_address(page, live_server, make_user):
    text = make_key(page, live_server, make_user("ann", "docs:read"))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{live_server.url}{url('apikey')}")
    page.fill("#searchbar", text)
    page.press("#searchbar", "Enter")
    page.wait_for_url(re.compile(r"\?q=[0-9A-Za-z]{12}$"))
    assert page.locator("text=nightly").count()
    assert not [address for address in asked if text[-49:] in address]


def test_the_date_is_asked_for_only_where_it_is_chosen(page, live_server):
    page.goto(f"{live_server.url}{url('apikey', 'add')}")
    assert not page.is_visible("#id_expires_at_0")
    page.select_option("#id_lifetime", "date")
    assert page.is_visible("#id_expires_at_0")


def test_rotating_shows_a_new_key_and_revoking_asks_why(page, live_server, make_user, make_key, client_of):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    page.goto(f"{live_server.url}{url('apikey', 'change', issued.key.pk)}")
    page.goto(f"{live_server.url}{url('apikey', 'rotate', issued.key.pk)}")
    page.select_option("#id_grace", "0")
    page.click("input[type=submit].aa-button")
    page.wait_for_selector("#aa-key")
    text = page.inner_text("#aa-key")
    assert client_of(issued).get("/read-only/").status_code == 401
    assert client_of(text).get("/read-only/").status_code == 200
    page.goto(f"{live_server.url}{url('apikey', 'revoke', issued.key.pk)}")
    page.click("input[type=submit].aa-button")
    assert client_of(text).get("/read-only/").status_code == 200
    page.fill("#id_reason", "laptop lost")
    page.click("input[type=submit].aa-button")
    page.wait_for_selector("text=laptop lost")
    assert client_of(text).get("/read-only/").status_code == 401


def test_every_page_fits_its_window_and_names_its_fields(page, live_server, make_user, make_role, make_key):
    role = make_role("editor", "docs:write")
    ann = make_user("ann", role="editor")
    key = make_key(ann, "docs:read", name="nightly").key
    pages = [
        url("apikey"),
        url("apikey", "add"),
        url("apikey", "change", key.pk),
        url("apikey", "rotate", key.pk),
        url("apikey", "revoke", key.pk),
        url("role", "change", role.pk),
        url("grant", "add"),
        url("grant", "rights", ann.pk),
        url("serviceaccount", "add"),
        url("scope"),
        url("event"),
    ]
    for address in pages:
        page.goto(live_server.url + address)
        assert fits(page), address
        assert page.evaluate(NAMELESS) == [], address


def test_the_dashboard_fits_and_runs_an_audit(page, live_server, make_user, make_key):
    make_key(make_user("ann", "docs:read"), "docs:read")
    page.goto(f"{live_server.url}{url('auditrun')}")
    page.click("text=Run the audit now")
    page.wait_for_selector("text=The audit looked at everything")
    assert page.locator(".aa-tile").count() == 4
    assert fits(page)
    page.goto(f"{live_server.url}{url('auditrun', 'change', AuditRun.objects.get().pk)}")
    assert fits(page)


def test_unused_scopes_are_taken_away_by_two_clicks(page, live_server, make_user, client_of):
    """The button on the key's page, then the one below what goes and what stays."""
    from django_apiaccess.events.source import Actor
    from django_apiaccess.keys import service
    from tests.planting import aged, used

    ann = make_user("ann", "docs:read", "docs:write", "reports:read")
    issued = service.issue(
        principal=ann, name="wide", scopes=["docs:read", "docs:write", "reports:read"], by=Actor.command("test")
    )
    aged(issued.key, 100)
    used(issued.key, "docs:read")
    page.goto(f"{live_server.url}{url('apikey', 'change', issued.key.pk)}")
    assert fits(page)
    page.click("text=Narrow the key to what it used")
    page.wait_for_url(f"{live_server.url}{url('apikey', 'narrow', issued.key.pk)}")
    assert page.locator("li", has_text="Goes:").locator("code").all_inner_texts() == ["docs:write", "reports:read"]
    assert page.locator("li", has_text="Stays:").locator("code").all_inner_texts() == ["docs:read"]
    assert fits(page)
    assert page.evaluate(NAMELESS) == []
    assert client_of(issued).get("/report/").status_code == 200  # meanwhile the key uses one of them
    page.click("input[type=submit].aa-button")
    page.wait_for_selector("text=Taken away: docs:write.")
    assert page.locator("text=Used since you looked, so it stays: reports:read.").count()
    assert APIKey.objects.get(pk=issued.key.pk).scopes == {"docs:read", "reports:read"}
    assert client_of(issued).get("/report/").status_code == 200


def test_the_access_tester_says_why_and_what_would_help(page, live_server, make_user, make_role):
    make_role("reader", "docs:read")
    make_user("zoe", role="reader")
    page.goto(f"{live_server.url}/admin/django_apiaccess/scope/explain/?who=user&name=zoe")
    assert page.evaluate(NAMELESS) == []
    page.fill("#id_path", "/documents/")
    page.select_option("#id_method", "POST")
    page.click("#content-main [type=submit]")
    page.wait_for_selector("[role=status]")
    assert "refused" in page.inner_text("[role=status]")
    assert page.locator("text=grant zoe the scope docs:write").count()
    assert fits(page)
    page.select_option("#id_method", "GET")
    page.click("#content-main [type=submit]")
    page.wait_for_selector("[role=status] .aa-good")
    assert "role reader -> docs:read" in page.inner_text("#content-main")
    assert fits(page)
