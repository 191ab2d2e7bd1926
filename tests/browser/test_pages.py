"""The pages for people in a real browser: each kind of factor is added and logged in with, the admin included, on a desk and on a phone."""

import os
import re
import time
from base64 import b32decode
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.apps import apps
from django.test import override_settings
from django_otp.oath import hotp

from django_apiaccess.mfa.models import SMSFactor, TOTPFactor, TrustedDevice
from django_apiaccess.sms.locmem import outbox

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
"""A folder that gets a picture of each page, for people who want to look."""
UNNAMED = """() => [...document.querySelectorAll("main :is(input:not([type=hidden]), select, textarea)")]
    .filter(field => field.offsetParent && !field.labels.length && !field.getAttribute("aria-label")).map(field => field.name)"""
SMALL = """() => [...document.querySelectorAll("main :is(button, .button)")]
    .filter(one => one.offsetParent && !one.classList.contains("link") && one.getBoundingClientRect().height < 40)
    .map(one => one.textContent)"""


class Tab:
    """A tab with an authenticator, and what people do in it."""

    def __init__(self, browser, url, width, colours):
        self.url, self.width = url, width
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=colours)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
        self.context.set_default_timeout(15_000)
        self.page = self.context.new_page()
        self.wrong = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda line: self.wrong.append(line.text) if "Content Security" in line.text else None)
        self.page.on("response", lambda answer: self.wrong.append(answer.url) if answer.status >= 500 else None)
        self.cdp = self.context.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable")
        self.device = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"]

    def open(self, path):
        self.page.goto(self.url + path)

    def at(self, heading):
        """Wait for a page of ours; it must fit, and every field must have a name."""
        self.page.wait_for_selector(f"h1:has-text('{heading}')")
        assert self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert self.page.evaluate(UNNAMED) == []
        assert self.page.evaluate(SMALL) == []

    def at_admin(self):
        self.page.wait_for_selector("text=Site administration")

    def click(self, text):
        self.page.click(f":is(a, button, summary):has-text('{text}'):visible")

    def shot(self, name):
        if SCREENSHOTS:
            self.page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{self.width}.png", full_page=True)

    def enter(self, **fields):
        for name, value in fields.items():
            self.page.fill(f"[name={name}]", value)
        self.page.keyboard.press("Enter")

    def log_in(self, name, path="/access/security/login/"):
        self.open(path)
        self.enter(username=name, password="secret")

    def log_out(self):
        self.open("/access/security/")
        self.page.click("header button")
        self.at("Log in")

    def user_verified(self, verified):
        self.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self.device, "isUserVerified": verified})


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desk", "phone"])
def tab(request, browser, live_server, settings):
    outbox.clear()
    settings.OTP_WEBAUTHN_ALLOWED_ORIGINS = [live_server.url]
    mfa = {"NAME": "Bookshop", "SMS_GATEWAY": "django_apiaccess.sms.locmem.LocMemGateway", "SMS_COOLDOWN": "0s"}
    settings.API_ACCESS = {**settings.API_ACCESS, "MFA": {**mfa, **getattr(request.module, "POLICY", {})}}
    opened = Tab(browser, live_server.url, *request.param)
    yield opened
    opened.page.wait_for_load_state("networkidle")  # no request of it is under way when the tables are emptied
    opened.context.close()
    assert not opened.wrong, opened.wrong
    outbox.clear()


@pytest.fixture
def required(settings):
    """Staff must have a second factor, at once."""
    mfa = {**settings.API_ACCESS["MFA"], "REQUIRED_FOR": ["staff"], "GRACE": "0s"}
    with override_settings(API_ACCESS={**settings.API_ACCESS, "MFA": mfa}):
        yield


def code_of(secret, ahead=0):
    """What an authenticator app shows; `ahead` steps later, for a code cannot be used twice."""
    key = b32decode(secret + "=" * (-len(secret) % 8))
    return f"{hotp(key, int(time.time()) // 30 + ahead):06d}"


def sent_code():
    return re.match(r"\d{6}", outbox[-1].body).group()


def scan(page):
    """The secret in the QR code, as a phone's camera reads it off the screen."""
    zxing = pytest.importorskip("zxingcpp")
    image = pytest.importorskip("PIL.Image")
    import io

    seen = image.open(io.BytesIO(page.locator(".qr").screenshot()))
    found = zxing.read_barcodes(seen)
    assert len(found) == 1, "one QR code that a camera can read"
    return found[0].text


def add_totp(tab):
    tab.at("Add an authenticator app")
    tab.shot("totp-1")
    tab.enter(name="My phone")
    tab.page.wait_for_selector(".qr")
    tab.at("Add an authenticator app")
    uri = scan(tab.page)
    tab.click("You cannot scan it?")
    typed = tab.page.inner_text("#secret").replace(" ", "")
    tab.shot("totp-2")
    assert uri.startswith("otpauth://totp/Bookshop:")
    secret = parse_qs(urlsplit(uri).query)["secret"][0]
    assert secret == typed
    return secret


def keep_codes(tab):
    """Make recovery codes, and keep them in each way that there is."""
    tab.click("Make recovery codes")
    tab.at("Your recovery codes")
    tab.shot("codes")
    codes = tab.page.locator("#codes li").all_inner_texts()
    assert len(set(codes)) == 10
    tab.click("Copy")
    tab.page.wait_for_selector("#aa-status:has-text('Copied.')", state="attached")
    assert tab.page.evaluate("navigator.clipboard.readText()").split() == codes
    with tab.page.expect_download() as download:
        tab.click("Download")
    assert download.value.suggested_filename == "recovery-codes.txt"
    assert all(code in Path(download.value.path()).read_text() for code in codes)
    return codes


def test_82_a_superuser_enrols_an_app_at_the_admins_door_and_logs_in_with_it(tab, required, make_user):
    make_user("root", is_staff=True, is_superuser=True)
    tab.open("/admin/testapp/")
    tab.shot("admin-log-in")
    tab.enter(username="root", password="secret")
    tab.at("Add a second factor")
    tab.shot("add-required")
    tab.click("Authenticator app")
    secret = add_totp(tab)
    tab.enter(code="000000" if code_of(secret) != "000000" else "000001")
    tab.page.wait_for_selector(".wrong")
    assert tab.page.evaluate("document.activeElement.name") == "code"
    assert tab.page.title().startswith("Error:")
    tab.shot("totp-wrong")
    assert secret not in tab.page.content().replace(" ", "")
    tab.enter(code=code_of(secret))
    tab.at("Recovery codes")
    tab.shot("recovery")
    codes = keep_codes(tab)
    tab.click("I have kept them")
    tab.page.wait_for_url("**/admin/testapp/")

    tab.log_out()
    tab.log_in("root", "/admin/login/?next=/admin/")
    tab.at("Confirm that it is you")
    tab.shot("verify-totp")
    assert "secret" not in tab.page.content()
    tab.enter(code=code_of(secret, ahead=1))
    tab.at_admin()

    tab.log_out()
    tab.log_in("root", "/admin/login/?next=/admin/")
    tab.at("Confirm that it is you")
    tab.click("Recovery code")
    tab.page.wait_for_selector("text=Enter one of the recovery codes")
    tab.shot("verify-recovery")
    tab.enter(code=codes[3].lower().replace("-", " "))
    tab.at_admin()
    tab.log_out()
    tab.log_in("root")
    tab.click("Recovery code")
    tab.page.wait_for_selector("text=Enter one of the recovery codes")
    tab.enter(code=codes[3])
    tab.page.wait_for_selector(".wrong")


def test_a_person_adds_a_phone_and_logs_in_with_it(tab, make_user):
    make_user("ann")
    tab.open("/access/security/")
    tab.at("Log in")
    tab.shot("log-in")
    tab.enter(username="ann", password="wrong")
    tab.page.wait_for_selector(".problem p")
    tab.shot("log-in-wrong")
    tab.enter(username="ann", password="secret")
    tab.at("Security")
    tab.shot("security-empty")
    tab.click("Add a factor")
    tab.at("Add a second factor")
    tab.shot("add")
    tab.click("Text message")
    tab.at("Add a phone")
    tab.enter(number="12")
    tab.page.wait_for_selector(".wrong")
    tab.shot("phone-wrong")
    tab.enter(number="+31 6 12345678")
    tab.page.wait_for_selector("[name=code]")
    tab.at("Add a phone")
    tab.shot("phone-code")
    tab.click("Send a new code")
    tab.page.wait_for_selector(".said p")
    assert len(outbox) == 2
    tab.enter(code=sent_code())
    tab.at("Recovery codes")
    tab.click("Not now")
    tab.at("Security")
    tab.shot("security-phone")
    assert SMSFactor.objects.get().confirmed

    tab.log_out()
    tab.log_in("ann")
    tab.at("Confirm that it is you")
    tab.shot("verify-sms")
    tab.click("Send the code")
    tab.page.wait_for_selector("[name=code]")
    tab.at("Confirm that it is you")
    tab.shot("verify-sms-sent")
    tab.enter(code=sent_code())
    tab.at("Security")


def test_a_person_adds_a_passkey_and_logs_in_with_it_beside_and_without_the_password(tab, make_user):
    make_user("root", is_staff=True, is_superuser=True)
    tab.log_in("root")
    tab.click("Add a factor")
    tab.click("Passkey")
    tab.at("Add a passkey")
    tab.shot("passkey")
    tab.page.fill("[name=name]", "Laptop")
    tab.click("Create a passkey")
    tab.at("Recovery codes")
    tab.click("Not now")
    tab.at("Security")
    assert apps.get_model("django_otp_webauthn", "WebAuthnCredential").objects.get().name == "Laptop"

    tab.log_out()
    tab.log_in("root", "/admin/login/?next=/admin/")
    tab.at("Confirm that it is you")
    tab.shot("verify-passkey")
    tab.click("Use a passkey")
    tab.at_admin()

    tab.log_out()
    tab.click("Sign in with a passkey")
    tab.at("Security")

    tab.log_out()
    tab.open("/admin/testapp/")
    tab.click("Sign in with a passkey")
    tab.page.wait_for_url("**/admin/testapp/")


def test_a_passkey_that_is_refused_is_told_and_tried_again(tab, make_user):
    make_user("ann")
    tab.log_in("ann")
    tab.click("Add a factor")
    tab.click("Passkey")
    tab.at("Add a passkey")
    tab.user_verified(False)
    tab.click("Create a passkey")
    tab.page.wait_for_selector(".aa-passkey-status.wrong")
    tab.shot("passkey-refused")
    assert "cancelled" in tab.page.inner_text(".aa-passkey-status")
    assert tab.page.evaluate("document.activeElement.textContent") == "Create a passkey"
    tab.user_verified(True)
    tab.click("Create a passkey")
    tab.at("Recovery codes")
    tab.open("/access/security/passkey/")
    tab.click("Create a passkey")
    tab.page.wait_for_selector(".aa-passkey-status.wrong")
    assert "already" in tab.page.inner_text(".aa-passkey-status")


def test_factors_are_renamed_and_removed_after_a_fresh_proof(tab, make_user, settings):
    ann = make_user("ann")
    tab.log_in("ann")
    tab.at("Security")
    tab.open("/access/security/totp/")
    secret = add_totp(tab)
    tab.enter(code=code_of(secret))
    tab.at("Recovery codes")
    tab.click("Make recovery codes")
    tab.click("I have kept them")
    tab.at("Security")
    tab.shot("security-totp")
    mfa = {**settings.API_ACCESS["MFA"], "MAX_AGE": "1s"}
    with override_settings(API_ACCESS={**settings.API_ACCESS, "MFA": mfa}):
        time.sleep(2.1)
        tab.click("Rename")
        tab.at("Confirm that it is you")
        tab.shot("verify-again")
    tab.enter(code=code_of(secret, ahead=1))
    tab.at("Rename My phone")
    tab.enter(name="Old phone")
    tab.at("Security")
    assert TOTPFactor.objects.get(user=ann).name == "Old phone"
    tab.click("Remove")
    tab.at("Remove Old phone?")
    tab.shot("remove")
    tab.page.click("button.danger")
    tab.at("Security")
    assert not TOTPFactor.objects.filter(user=ann).exists()
    tab.page.wait_for_selector("text=You log in with your password alone")


def test_a_remembered_device_is_not_asked_again_but_by_the_admin(tab, make_user):
    make_user("root", is_staff=True, is_superuser=True)
    tab.log_in("root")
    tab.at("Security")
    tab.open("/access/security/totp/")
    secret = add_totp(tab)
    tab.enter(code=code_of(secret))
    tab.at("Recovery codes")
    tab.log_out()
    tab.log_in("root")
    tab.at("Confirm that it is you")
    tab.page.check("[name=remember]")
    tab.enter(code=code_of(secret, ahead=1))
    tab.at("Security")
    tab.shot("security-device")
    assert TrustedDevice.objects.count() == 1
    tab.log_out()
    tab.log_in("root")
    tab.at("Security")
    tab.open("/admin/")
    tab.at("Confirm that it is you")
    tab.enter(code=code_of(secret, ahead=2))
    tab.at_admin()
    tab.open("/access/security/")
    tab.click("Forget")
    tab.page.wait_for_selector(".said p")
    tab.log_out()
    tab.log_in("root")
    tab.at("Confirm that it is you")
