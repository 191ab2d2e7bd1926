"""An OAuth client in the admin, in a real browser: made, its secret copied and gone, rotated, the old one retired."""

import os
import re

import pytest
from django.urls import reverse

from django_apiaccess.contrib.oauth import client_secrets
from django_apiaccess.contrib.oauth.models import ClientSecret, OAuthClient

from .test_admin import NAMELESS, fits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SECRET = re.compile(r"cs_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}")


def address(live_server, view, *args):
    return live_server.url + reverse(f"admin:django_apiaccess_oauth_oauthclient_{view}", args=args)


def seen(page, name):
    """What the test saw, where somebody wants to look: SCREENSHOTS=/some/folder."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=f"{folder}/{name}-{page.viewport_size['width']}.png", full_page=True)


def test_a_client_is_made_its_secret_copied_rotated_and_retired(page, live_server):
    page.goto(address(live_server, "add"))
    seen(page, "client-add")
    assert fits(page)
    assert page.evaluate(NAMELESS) == []
    page.fill("#id_name", "Reading list")
    page.check("input[name=grant_types][value=authorization_code]")
    page.fill("#id_redirect_uris", "http://evil.example/cb")
    page.check("input[name=scopes][value='docs:read']")
    page.click("[name=_save]")
    page.wait_for_selector("text=would carry the code in the clear")
    seen(page, "client-error")
    assert fits(page)
    page.fill("#id_redirect_uris", "https://app.example/cb")
    page.click("[name=_save]")
    page.wait_for_selector("#aa-key")
    seen(page, "client-once")
    text = page.inner_text("#aa-key")
    client = OAuthClient.objects.get()
    assert SECRET.fullmatch(text)
    assert fits(page)
    assert client_secrets.check(client.client_id, text)[0] == client
    page.click("button[data-copy=aa-key]")
    page.wait_for_function("document.getElementById('aa-status').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == text
    page.click("button[data-copy=aa-id]")
    page.wait_for_function(f"navigator.clipboard.readText().then(text => text === '{client.client_id}')")

    page.click("text=Done: go to the client")
    page.wait_for_selector("text=when it is replaced")
    seen(page, "client-change")
    assert fits(page)
    assert text[-49:] not in page.content()
    page.goto(address(live_server, "rotate", client.pk))
    page.wait_for_selector("#id_grace")
    assert page.evaluate(NAMELESS) == []
    assert fits(page)
    seen(page, "client-rotate")
    page.click("#content-main input[type=submit]")
    page.wait_for_selector("#aa-key")
    new = page.inner_text("#aa-key")
    assert new != text

    page.click("text=Done: go to the client")
    page.click("a[href*='/retire/']")
    page.fill("#id_reason", "leaked")
    page.click("#content-main input[type=submit]")
    page.wait_for_selector("text=The secret has ended.")
    assert client_secrets.check(client.client_id, text)[0] is None
    assert client_secrets.check(client.client_id, new)[0] == client
    assert ClientSecret.objects.usable().count() == 1
