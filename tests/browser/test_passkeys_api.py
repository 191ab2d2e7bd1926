"""Passkeys through the API in a real browser: a page that speaks JSON, and an authenticator that the browser takes for a device."""

import base64
import json
import re
from pathlib import Path

import pytest
from django.apps import apps

from django_apiaccess.models import Event

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.passkey_urls"),
]
ROOT = Path(__file__).resolve().parent.parent.parent
Credential = apps.get_model("django_otp_webauthn", "WebAuthnCredential")
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Tab:
    """A tab with an authenticator; `origin` is where its page is."""

    def __init__(self, browser, url, **device):
        self.context = browser.new_context()
        self.context.set_default_timeout(15_000)
        self.page = self.context.new_page()
        self.wrong = []
        self.page.on("response", lambda answer: self.wrong.append(answer.url) if answer.status >= 500 else None)
        self.cdp = self.context.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable")
        self.device = self.add_device(**device)
        self.page.goto(f"{url}/shop/")

    def add_device(self, **options):
        made = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": {**DEVICE, **options}})
        return made["authenticatorId"]

    def on_device(self, command, **arguments):
        return self.cdp.send(f"WebAuthn.{command}", {"authenticatorId": self.device, **arguments})

    def keys(self):
        return self.on_device("getCredentials")["credentials"]

    def run(self, call, *arguments):
        return self.page.evaluate(f"arguments => app.{call}(...arguments)", list(arguments))

    def post(self, url, body, token=""):
        return self.run("post", url, body, token)

    def passkey(self, kind, options, **more):
        return self.run("passkey", kind, options, more)

    def password(self, name="ann"):
        return self.post("token/", {"username": name, "password": "secret"})["body"]

    def enrol(self, token, name="laptop", **changes):
        begun = self.post("mfa/webauthn/", {}, token)
        assert begun["status"] == 201, begun
        made = self.passkey("create", {**begun["body"]["options"], **changes})
        assert "error" not in made, made
        body = {"credential": made, "name": name}
        return self.post(f"mfa/webauthn/{begun['body']['id']}/confirm/", body, token)

    def begin(self, name="ann"):
        token = self.password(name)["mfa_token"]
        return token, self.options(token)

    def options(self, token):
        return self.post("token/mfa/challenge/", {"mfa_token": token, "method": "webauthn"})["body"]["options"]

    def alone(self):
        body = self.post("token/passkey/", {})["body"]
        return body["mfa_token"], body["options"]

    def verify(self, token, credential):
        assert "error" not in credential, credential
        body = {"mfa_token": token, "method": "webauthn", "credential": credential}
        return self.post("token/mfa/verify/", body)

    def log_in(self, name="ann", **changes):
        token, options = self.begin(name)
        return self.verify(token, self.passkey("get", {**options, **changes}))


@pytest.fixture
def open_tab(browser, live_server, settings):
    settings.OTP_WEBAUTHN_ALLOWED_ORIGINS = [live_server.url]
    opened = []

    def make(**device):
        opened.append(Tab(browser, live_server.url, **device))
        return opened[-1]

    yield make
    for tab in opened:
        tab.context.close()
        assert not tab.wrong, tab.wrong


@pytest.fixture
def tab(open_tab, make_user):
    make_user("ann", "docs:read", email="ann@example.org")
    return open_tab()


@pytest.fixture
def enrolled(tab):
    answer = tab.enrol(tab.password()["access_token"])
    assert answer["status"] == 201, answer
    return answer["body"]


def claims(answer):
    assert answer["status"] == 200, answer
    part = answer["body"]["access_token"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def is_refused(answer, code="invalid_code", status=400):
    assert (answer["status"], answer["body"]["code"]) == (status, code), answer
    return True


class TestTheFlow:
    def test_enrolment_then_log_in_with_password_and_passkey_and_with_the_passkey_alone(self, tab, enrolled):
        assert (enrolled["type"], enrolled["name"], enrolled["acr"]) == ("webauthn", "laptop", "phr")
        assert len(tab.keys()) == 1
        answer = tab.password()
        is_refused({"status": 403, "body": answer}, "mfa_required", 403)
        assert [(method["type"], method["name"]) for method in answer["methods"]] == [("webauthn", "laptop")]
        first = claims(tab.log_in())
        assert (first["acr"], first["amr"]) == ("phr", ["pwd", "hwk", "user", "mfa"])

        token, options = tab.alone()
        assert options.get("allowCredentials", []) == []
        found = tab.verify(token, tab.passkey("get", options))
        assert (claims(found)["acr"], claims(found)["amr"]) == ("phr", ["hwk", "user", "mfa"])
        assert claims(found)["sub"] == first["sub"]
        assert tab.run("open", found["body"]["access_token"])["body"] == {"gold": True}
        refreshed = tab.post("token/refresh/", {"refresh_token": found["body"]["refresh_token"]})
        assert claims(refreshed)["acr"] == "phr"
        assert claims(refreshed)["auth_time"] == claims(found)["auth_time"]
        row = Credential.objects.get()
        assert row.sign_count == tab.keys()[0]["signCount"] == 3
        assert row.discoverable

    def test_step_up_to_phr(self, tab, enrolled):
        codes = tab.post("mfa/recovery-codes/", {}, enrolled["access_token"])["body"]["codes"]
        body = {"mfa_token": tab.password()["mfa_token"], "method": "recovery", "code": codes[0]}
        weak = tab.post("token/mfa/verify/", body)["body"]["access_token"]
        assert tab.run("open", weak)["status"] == 401
        told = tab.run("challenged", weak)
        assert 'error="insufficient_user_authentication"' in told
        assert 'acr_values="phr"' in told
        assert 'max_age="300"' in told

        begun = tab.post("mfa/step-up/", {}, weak)["body"]
        body = {"mfa_token": begun["mfa_token"], "method": "webauthn"}
        options = tab.post("mfa/step-up/", body, weak)["body"]["options"]
        answer = tab.post("mfa/step-up/verify/", {**body, "credential": tab.passkey("get", options)}, weak)
        assert claims(answer)["acr"] == "phr"
        assert tab.run("open", answer["body"]["access_token"])["status"] == 200
        assert tab.run("open", weak)["status"] == 401

    def test_two_passkeys_of_one_user(self, tab, open_tab, enrolled):
        other = open_tab(transport="usb")
        assert other.enrol(enrolled["access_token"], "key ring")["status"] == 201
        for holder in (tab, other, tab):
            claims(holder.log_in())
            token, options = holder.alone()
            claims(holder.verify(token, holder.passkey("get", options)))
        assert {row.name for row in Credential.objects.all()} == {"laptop", "key ring"}

    def test_the_browser_makes_no_second_one_on_the_same_device(self, tab, enrolled):
        begun = tab.post("mfa/webauthn/", {}, enrolled["access_token"])["body"]
        assert tab.passkey("create", begun["options"]) == {"error": "InvalidStateError"}

    def test_as_the_first_factor_under_a_policy(self, tab, settings):
        settings.API_ACCESS = {**settings.API_ACCESS, "MFA": {"REQUIRED_FOR": ["everyone"], "GRACE": "0s"}}
        answer = tab.password()
        assert answer["code"] == "mfa_enrollment_required"
        token = answer["mfa_token"]
        begun = tab.post("mfa/webauthn/", {"mfa_token": token})["body"]
        made = tab.passkey("create", begun["options"])
        body = {"mfa_token": token, "credential": made, "name": "first"}
        confirmed = tab.post(f"mfa/webauthn/{begun['id']}/confirm/", body)
        assert confirmed["status"] == 201
        assert "access_token" not in confirmed["body"]
        assert claims(tab.post("token/mfa/verify/", {"mfa_token": token}))["acr"] == "phr"
        claims(tab.log_in())

    def test_one_that_is_synced_is_no_hardware_key(self, open_tab, make_user):
        make_user("ann")
        tab = open_tab(defaultBackupEligibility=True, defaultBackupState=True)
        made = tab.enrol(tab.password()["access_token"])["body"]
        assert made["hint"] == "synced"
        assert claims(tab.log_in())["amr"] == ["pwd", "swk", "user", "mfa"]

    def test_61_conditional_mediation_logs_in_with_the_passkey_alone(self, tab, enrolled):
        token, options = tab.alone()
        answer = tab.passkey("get", options, mediation="conditional")
        assert claims(tab.verify(token, answer))["amr"] == ["hwk", "user", "mfa"]


class TestTheHowTo:
    """The scripts of docs/how-to/passkeys.md, as they stand there."""

    def test_they_enrol_log_in_and_step_up(self, tab):
        text = (ROOT / "docs" / "how-to" / "passkeys.md").read_text()
        for script in re.findall(r"```js\n(.*?)```", text, re.DOTALL):
            tab.page.add_script_tag(content=script)
        found = tab.page.evaluate(
            """async () => {
                const password = await logIn("ann", "secret")
                const access = await addPasskey(password.access_token, "laptop")
                const both = await logIn("ann", "secret")
                const alone = await logInWithPasskey()
                return [access, both.access_token, alone.access_token, await stepUp(alone.access_token)]
            }"""
        )
        levels = [claims({"status": 200, "body": {"access_token": token}}) for token in found]
        assert [level["acr"] for level in levels] == ["phr"] * 4
        assert [level["amr"][0] for level in levels] == ["pwd", "pwd", "hwk", "hwk"]
        assert Credential.objects.get().name == "laptop"


class TestHostileClients:
    def test_48_MF_09_a_replay_opens_nothing(self, tab, enrolled):
        token, options = tab.begin()
        answer = tab.passkey("get", options)
        claims(tab.verify(token, answer))
        is_refused(tab.verify(token, answer), "invalid_mfa_token", 401)
        again, _options = tab.begin()
        is_refused(tab.verify(again, answer))
        is_refused(tab.verify(again, answer))
        assert Credential.objects.get().confirmed

    def test_49_MF_08_without_user_verification_nothing_opens(self, tab, enrolled):
        tab.on_device("setUserVerified", isUserVerified=False)
        for begin in (tab.begin, tab.alone):
            token, options = begin()
            assert tab.passkey("get", options) == {"error": "NotAllowedError"}
            lowered = tab.passkey("get", {**options, "userVerification": "discouraged"})
            is_refused(tab.verify(token, lowered))
        tab.on_device("setUserVerified", isUserVerified=True)
        claims(tab.log_in())

    def test_49_nor_is_a_passkey_registered(self, tab):
        token = tab.password()["access_token"]
        tab.on_device("setUserVerified", isUserVerified=False)
        begun = tab.post("mfa/webauthn/", {}, token)["body"]
        assert tab.passkey("create", begun["options"]) == {"error": "NotAllowedError"}
        selection = {**begun["options"]["authenticatorSelection"], "userVerification": "discouraged"}
        made = tab.passkey("create", {**begun["options"], "authenticatorSelection": selection})
        answer = tab.post(f"mfa/webauthn/{begun['id']}/confirm/", {"credential": made}, token)
        is_refused(answer)
        assert not Credential.objects.exists()

    def test_49_a_key_that_cannot_verify_its_user_is_none(self, open_tab, make_user):
        make_user("ann")
        tab = open_tab(protocol="u2f", transport="usb", hasResidentKey=False, hasUserVerification=False)
        begun = tab.post("mfa/webauthn/", {}, tab.password()["access_token"])["body"]
        assert tab.passkey("create", begun["options"]) == {"error": "NotAllowedError"}

    def test_50_MF_09_a_page_on_another_port_gets_an_answer_that_opens_nothing(self, tab, enrolled, live_server):
        body = tab.page.content()
        tab.context.route("http://localhost:9876/**", lambda route: route.fulfill(content_type="text/html", body=body))
        token, options = tab.begin()
        tab.page.goto("http://localhost:9876/shop/")
        caught = tab.passkey("get", options)
        assert "error" not in caught
        tab.page.goto(f"{live_server.url}/shop/")
        is_refused(tab.verify(token, caught))

    def test_50_MF_09_a_page_of_another_name_gets_none(self, tab, enrolled, live_server):
        _token, options = tab.begin()
        tab.page.goto(f"{live_server.url}/shop/".replace("localhost", "127.0.0.1"))
        assert tab.passkey("get", options) == {"error": "SecurityError"}

    def test_50_in_a_frame_of_another_site_it_opens_nothing(self, tab, enrolled, live_server):
        allowed = "publickey-credentials-get *; publickey-credentials-create *"
        frame = f'<iframe src="{live_server.url}/framed/" allow="{allowed}"></iframe>'
        body = tab.page.content()
        tab.context.route("**/framed/", lambda route: route.fulfill(content_type="text/html", body=body))
        tab.context.route("http://127.0.0.1:9876/**", lambda route: route.fulfill(content_type="text/html", body=frame))
        token, options = tab.begin()
        tab.page.goto("http://127.0.0.1:9876/")
        inner = tab.page.frame(url=f"{live_server.url}/framed/")
        inner.wait_for_function("window.PublicKeyCredential && app.passkey")
        caught = inner.evaluate("options => app.passkey('get', options)", options)
        assert "error" not in caught, caught
        told = json.loads(base64.urlsafe_b64decode(caught["response"]["clientDataJSON"] + "=="))
        assert (told["origin"], told["crossOrigin"]) == (live_server.url, True)
        tab.page.goto(f"{live_server.url}/shop/")
        is_refused(tab.verify(token, caught))

    def test_51_MF_09_a_clone_suspends_the_passkey_and_other_factors_still_work(self, tab, enrolled, mailoutbox):
        codes = tab.post("mfa/recovery-codes/", {}, enrolled["access_token"])["body"]["codes"]
        stolen = tab.keys()[0]
        claims(tab.log_in())
        tab.on_device("clearCredentials")
        tab.on_device("addCredential", credential=stolen)
        is_refused(tab.log_in())
        row = Credential.objects.get()
        assert (row.confirmed, row.sign_count) == (False, 2)
        event = Event.objects.get(action="passkey.suspended")
        assert (event.reason, event.address) == ("clone_suspected", "127.0.0.1")
        methods = tab.password()["methods"]
        assert [method["type"] for method in methods] == ["recovery"]
        token, options = tab.alone()
        is_refused(tab.verify(token, tab.passkey("get", options)))
        body = {"mfa_token": tab.password()["mfa_token"], "method": "recovery", "code": codes[0]}
        assert claims(tab.post("token/mfa/verify/", body))["acr"] == "aal2"

    def test_06_another_users_passkey_does_not_open_the_account(self, tab, open_tab, enrolled, make_user):
        make_user("bob")
        bobs = open_tab()
        assert bobs.enrol(bobs.password("bob")["access_token"])["status"] == 201
        token, options = bobs.begin("ann")
        assert bobs.passkey("get", options) == {"error": "NotAllowedError"}
        is_refused(bobs.verify(token, bobs.passkey("get", {**options, "allowCredentials": []})))
        assert claims(bobs.log_in("bob"))["sub"] != claims(tab.log_in())["sub"]

    def test_55_a_registration_does_not_log_in_nor_the_reverse(self, tab, enrolled):
        token, options = tab.begin()
        begun = tab.post("mfa/webauthn/", {}, enrolled["access_token"])["body"]
        creation = {**begun["options"], "excludeCredentials": [], "challenge": options["challenge"]}
        is_refused(tab.verify(token, tab.passkey("create", creation)))
        found = tab.passkey("get", {**options, "allowCredentials": [], "challenge": begun["options"]["challenge"]})
        answer = tab.post(f"mfa/webauthn/{begun['id']}/confirm/", {"credential": found}, enrolled["access_token"])
        is_refused(answer)

    def test_59_an_algorithm_that_was_not_offered(self, tab, settings):
        settings.OTP_WEBAUTHN_SUPPORTED_COSE_ALGORITHMS = [-7]
        token = tab.password()["access_token"]
        assert is_refused(tab.enrol(token, pubKeyCredParams=[{"type": "public-key", "alg": -257}]))
        assert not Credential.objects.exists()
        assert tab.enrol(token)["status"] == 201

    @pytest.mark.parametrize("wanted", ["none", "direct", "enterprise"])
    def test_62_attestation_that_the_client_asked_for_is_checked_and_kept(self, tab, wanted):
        answer = tab.enrol(tab.password()["access_token"], attestation=wanted)
        assert answer["status"] == 201, answer
        kept = Credential.objects.get().attestation
        assert (kept.fmt == "none") == (wanted == "none")
        claims(tab.log_in())
