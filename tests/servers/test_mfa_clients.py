"""Second factors as a client in any language uses them: the bookshop in real server processes, and curl."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from email.parser import Parser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.mfa.passkeys import Authenticator

from .processes import Answer, Server, environment

ACCESS = "/access/"
COOKIE = "__Host-apiaccess_device"
STEP = 30

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None, reason="*** WITHOUT CURL: install Debian's package curl ***"
)


class Curl:
    """One client: a person's machine, with its cookies where `keep_cookies` is set."""

    def __init__(self, server: Server, folder: Path, *, keep_cookies: bool = False) -> None:
        self.server, self.folder, self.keep_cookies = server, folder, keep_cookies
        self.jar = folder / f"cookies-{secrets.token_hex(4)}.txt"

    def __call__(self, path: str, body: object = None, token: str = "", method: str = "") -> Answer:
        base = f"http://127.0.0.1:{self.server.port}"
        url = f"{base}{path}" if path.startswith("/") else f"{base}{ACCESS}{path}"
        out, head = (self.folder / f"{name}-{secrets.token_hex(4)}" for name in ("body", "headers"))
        command = ["curl", "-sS", "--max-time", "30", "-o", str(out), "-D", str(head), "-w", "%{http_code}", url]
        if method:
            command += ["-X", method]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "--data-binary", json.dumps(body)]
        if token:
            command += ["-H", f"Authorization: Bearer {token}"]
        if self.keep_cookies:
            command += ["-b", str(self.jar), "-c", str(self.jar)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        text = out.read_text() if out.exists() else ""
        headers = dict(Parser().parsestr(head.read_text().split("\n", 1)[1]).items())
        answer = Answer(int(done.stdout), json.loads(text) if text else None, headers)
        assert answer.status < 500, answer
        return answer

    def log_in(self, name: str, password: str = "secret") -> Answer:
        return self("token/", {"username": name, "password": password})

    def verify(self, token: str, method: str, **proof: object) -> Answer:
        return self("token/mfa/verify/", {"mfa_token": token, "method": method, **proof})


class App:
    """An authenticator app that scanned `uri` (RFC 6238, with nothing but the standard library)."""

    def __init__(self, uri: str) -> None:
        fields = parse_qs(urlsplit(uri).query)
        assert (fields["digits"], fields["period"], fields["algorithm"]) == (["6"], ["30"], ["SHA1"])
        secret = fields["secret"][0]
        self.key = base64.b32decode(secret + "=" * (-len(secret) % 8))

    def code(self, steps: int = 0) -> str:
        """The code of now, or of so many steps later. Never at the end of a step: it would be another one on its arrival."""
        left = STEP - time.time() % STEP
        if left < 3:
            time.sleep(left + 0.1)
        counter = int(time.time() // STEP) + steps
        digest = hmac.digest(self.key, counter.to_bytes(8), hashlib.sha1)
        start = digest[-1] & 15
        return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 10**6:06d}"


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    """The folder in which the gateway `file` puts its messages."""
    return tmp_path_factory.mktemp("messages")


def settings_of(messages, **mfa):
    gateway = {"BACKEND": "django_apiaccess.sms.file.FileGateway", "OPTIONS": {"path": str(messages)}}
    return json.dumps({"MFA": {"NAME": "Bookshop", "SMS_GATEWAY": gateway, "SMS_COOLDOWN": "0s", **mfa}})


@pytest.fixture(scope="module")
def server(shell, database, messages):
    running = Server(environment(**database, API_ACCESS=settings_of(messages))).start().ready()
    yield running
    running.stop()
    assert "Traceback" not in running.log, running.log


@pytest.fixture
def curl(server, tmp_path):
    return Curl(server, tmp_path)


@pytest.fixture
def ann(shell):
    name = f"ann-{secrets.token_hex(4)}"
    shell.person(name=name, role="manager")
    return name


def claims(answer):
    assert answer.status == 200, answer
    part = answer.body["access_token"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def is_refused(answer, code, status=400):
    assert (answer.status, answer.body["code"]) == (status, code), answer


def add_app(curl, token):
    """An authenticator app is set up. Returns it and the access token that confirming it brought."""
    begun = curl("mfa/totp/", {"name": "phone"}, token)
    assert begun.status == 201, begun
    app = App(begun.body["otpauth_uri"])
    done = curl(f"mfa/totp/{begun.body['id']}/confirm/", {"code": app.code(-1)}, token)
    assert done.status == 201, done
    assert begun.body["secret"] not in json.dumps(done.body)
    return app, done.body["access_token"]


def newest(messages, number):
    """The code of the last message to this number."""
    found = [path.read_text() for path in sorted(messages.glob("*.txt"))]
    return [text for text in found if f"To: {number}\n" in text][-1].split("\n\n", 1)[1].split()[0]


def an_order(curl, token):
    book = curl("/api/books/").body["results"][0]["id"]
    made = curl("/api/orders/", {"book": book, "quantity": 1}, token)
    assert made.status == 201, made
    return f"/api/orders/{made.body['id']}/refund/"


class TestTheRefundOfMara:
    """The bookshop's own story: a refund asks for a second factor of the last five minutes."""

    def test_from_a_password_to_a_step_up(self, shell, server, curl, tmp_path):
        password = shell.demo_password(name="mara")
        token = curl.log_in("mara", password).body["access_token"]
        refund = an_order(curl, token)
        refused = curl(refund, {}, token)
        is_refused(refused, "insufficient_user_authentication", 401)
        challenge = refused.headers["WWW-Authenticate"]
        assert 'error="insufficient_user_authentication"' in challenge
        assert 'acr_values="' in challenge
        assert 'max_age="300"' in challenge

        app, strong = add_app(curl, token)
        assert curl(refund, {}, strong).body["status"] == "refunded"
        assert curl(refund, {}, strong).status == 409
        again = an_order(curl, token)
        is_refused(curl(again, {}, token), "insufficient_user_authentication", 401)

        machine = Curl(server, tmp_path, keep_cookies=True)
        begun = machine.log_in("mara", password)
        is_refused(begun, "mfa_required", 403)
        assert "access_token" not in begun.body
        first = machine.verify(begun.body["mfa_token"], "totp", code=app.code(), remember=True)
        assert claims(first)["amr"] == ["pwd", "otp", "mfa"]
        weak = machine.log_in("mara", password)
        assert claims(weak)["acr"] == "aal1", "the remembered device proves no second factor"
        token = weak.body["access_token"]
        is_refused(machine(again, {}, token), "insufficient_user_authentication", 401)

        started = machine("mfa/step-up/", {}, token)
        assert [method["type"] for method in started.body["methods"]] == ["totp"]
        proof = {"mfa_token": started.body["mfa_token"], "method": started.body["methods"][0]["id"]}
        is_refused(machine("mfa/step-up/verify/", {**proof, "code": app.code()}, token), "invalid_code")
        done = machine("mfa/step-up/verify/", {**proof, "code": app.code(1)}, token)
        assert claims(done)["acr"] == "aal2"
        assert machine(again, {}, done.body["access_token"]).body["status"] == "refunded"
        is_refused(machine(again, {}, token), "insufficient_user_authentication", 401)
        refreshed = machine("token/refresh/", {"refresh_token": weak.body["refresh_token"]})
        assert claims(refreshed)["auth_time"] == claims(done)["auth_time"]
        assert machine(an_order(machine, token), {}, refreshed.body["access_token"]).status == 200


class TestEachMethod:
    def test_totp(self, curl, ann):
        app, _token = add_app(curl, curl.log_in(ann).body["access_token"])
        begun = curl.log_in(ann).body
        assert begun["expires_in"] == 300
        assert [(method["type"], method["name"]) for method in begun["methods"]] == [("totp", "phone")]
        code = app.code()
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        is_refused(curl.verify(begun["mfa_token"], "totp", code=wrong), "invalid_code")
        answer = curl.verify(begun["mfa_token"], "totp", code=code)
        assert claims(answer)["acr"] == "aal2"
        assert answer.headers["Cache-Control"] == "no-store"
        is_refused(curl.verify(begun["mfa_token"], "totp", code=app.code(1)), "invalid_mfa_token", 401)
        is_refused(curl.verify(curl.log_in(ann).body["mfa_token"], "totp", code=code), "invalid_code")

    def test_recovery_codes(self, curl, ann):
        _app, token = add_app(curl, curl.log_in(ann).body["access_token"])
        codes = curl("mfa/recovery-codes/", {}, token).body["codes"]
        assert len(set(codes)) == 10
        typed = codes[0].lower().replace("-", " ")
        answer = curl.verify(curl.log_in(ann).body["mfa_token"], "recovery", code=typed)
        assert claims(answer)["acr"] == "aal2"
        is_refused(curl.verify(curl.log_in(ann).body["mfa_token"], "recovery", code=codes[0]), "invalid_code")
        assert curl("mfa/recovery-codes/", token=answer.body["access_token"]).body == {"left": 9}
        new = curl("mfa/recovery-codes/", {}, answer.body["access_token"]).body["codes"]
        is_refused(curl.verify(curl.log_in(ann).body["mfa_token"], "recovery", code=codes[1]), "invalid_code")
        assert curl.verify(curl.log_in(ann).body["mfa_token"], "recovery", code=new[1]).status == 200

    def test_sms(self, curl, ann, messages):
        number = f"+31612{secrets.randbelow(10**6):06d}"
        token = curl.log_in(ann).body["access_token"]
        begun = curl("mfa/sms/", {"number": number}, token)
        assert begun.status == 201, begun
        assert number not in json.dumps(begun.body)
        done = curl(f"mfa/sms/{begun.body['id']}/confirm/", {"code": newest(messages, number)}, token)
        assert (done.status, done.body["acr"]) == (201, "aal2-sms")

        token = curl.log_in(ann).body["mfa_token"]
        sent = curl("token/mfa/challenge/", {"mfa_token": token, "method": "sms"})
        assert sent.status == 200, sent
        assert sent.body["sent_to"] == begun.body["sent_to"]
        code = newest(messages, number)
        other = curl.log_in(ann).body["mfa_token"]
        is_refused(curl.verify(other, "sms", code=code), "invalid_code")
        answer = curl.verify(token, "sms", code=code)
        assert claims(answer)["amr"] == ["pwd", "otp", "sms", "mfa"]
        assert claims(answer)["acr"] == "aal2-sms"

    def test_a_passkey(self, curl, ann):
        key = Authenticator()
        token = curl.log_in(ann).body["access_token"]
        begun = curl("mfa/webauthn/", {}, token).body
        made = {"credential": key.create(begun["options"]), "name": "laptop"}
        done = curl(f"mfa/webauthn/{begun['id']}/confirm/", made, token)
        assert (done.status, done.body["acr"]) == (201, "phr")

        token = curl.log_in(ann).body["mfa_token"]
        options = curl("token/mfa/challenge/", {"mfa_token": token, "method": "webauthn"}).body["options"]
        assert claims(curl.verify(token, "webauthn", credential=key.get(options)))["acr"] == "phr"

        alone = curl("token/passkey/", {}).body
        answer = curl.verify(alone["mfa_token"], "webauthn", credential=key.get(alone["options"]))
        assert claims(answer)["amr"] == ["hwk", "user", "mfa"]
        assert curl("/api/orders/", token=answer.body["access_token"]).status == 200

    def test_managing_them(self, curl, ann):
        token = curl.log_in(ann).body["access_token"]
        assert curl("mfa/methods/", token=token).body["methods"] == []
        _app, token = add_app(curl, token)
        (mine,) = curl("mfa/methods/", token=token).body["methods"]
        path = f"mfa/methods/{mine['id']}/"
        assert curl(path, {"name": "old phone"}, token, "PATCH").body["name"] == "old phone"
        assert curl(path, token=token, method="DELETE").status == 204
        assert curl.log_in(ann).status == 200


class TestRememberedDevices:
    @pytest.fixture
    def machine(self, server, tmp_path):
        return Curl(server, tmp_path, keep_cookies=True)

    @pytest.fixture
    def remembered(self, curl, machine, ann):
        app, token = add_app(curl, curl.log_in(ann).body["access_token"])
        answer = machine.verify(machine.log_in(ann).body["mfa_token"], "totp", code=app.code(), remember=True)
        assert answer.status == 200
        told = answer.headers["Set-Cookie"]
        assert told.startswith(f"{COOKIE}=td_")
        attributes = {part.strip().lower() for part in told.split(";")[1:]}
        assert {"secure", "httponly", "path=/"} <= attributes
        assert not any(part.startswith("domain") for part in attributes)
        return token

    def test_it_is_not_asked_again_and_another_is(self, curl, machine, ann, remembered):
        for _time in range(2):
            assert claims(machine.log_in(ann))["acr"] == "aal1"
        is_refused(curl.log_in(ann), "mfa_required", 403)

    def test_the_cookie_is_no_good_for_somebody_else(self, curl, machine, shell, remembered):
        name = f"bob-{secrets.token_hex(4)}"
        shell.person(name=name)
        add_app(curl, curl.log_in(name).body["access_token"])
        is_refused(machine.log_in(name), "mfa_required", 403)

    def test_until_its_owner_ends_it(self, curl, machine, ann, remembered):
        (device,) = curl("mfa/trusted-devices/", token=remembered).body
        assert device["name"].startswith("curl/")
        assert curl(f"mfa/trusted-devices/{device['id']}/", token=remembered, method="DELETE").status == 204
        is_refused(machine.log_in(ann), "mfa_required", 403)

    def test_or_changes_the_password(self, machine, shell, ann, remembered):
        shell.set_password(user=ann, password="another one")
        is_refused(machine.log_in(ann, "another one"), "mfa_required", 403)


class TestStaffWhoMustEnrol:
    """The example project with MFA_GRACE=0s, and otherwise as it is."""

    def test_they_add_a_factor_before_they_get_any_token(self, start, shell, tmp_path):
        (server,) = start(1, MFA_GRACE="0s")
        curl = Curl(server, tmp_path)
        name = f"staff-{secrets.token_hex(4)}"
        shell.person(name=name, role="manager", staff=True)
        answer = curl.log_in(name)
        is_refused(answer, "mfa_enrollment_required", 403)
        assert {"access_token", "refresh_token", "methods"}.isdisjoint(answer.body)
        token = answer.body["mfa_token"]
        for path in ("/api/orders/", "me/", "mfa/methods/", "sessions/"):
            assert curl(path, token=token).status == 401
        is_refused(curl("token/mfa/verify/", {"mfa_token": token}), "invalid_mfa_token", 401)

        begun = curl("mfa/totp/", {"mfa_token": token})
        app = App(begun.body["otpauth_uri"])
        assert "issuer=Bookshop" in begun.body["otpauth_uri"]
        path = f"mfa/totp/{begun.body['id']}/confirm/"
        is_refused(curl(path, {"mfa_token": token, "code": "000000"}), "invalid_code")
        done = curl(path, {"mfa_token": token, "code": app.code(-1)})
        assert done.status == 201
        assert "access_token" not in done.body
        is_refused(curl("mfa/totp/", {"mfa_token": token}), "insufficient_user_authentication", 401)
        answer = curl("token/mfa/verify/", {"mfa_token": token})
        assert claims(answer)["acr"] == "aal2"
        assert curl(an_order(curl, answer.body["access_token"]), {}, answer.body["access_token"]).status == 200
        is_refused(curl("token/mfa/verify/", {"mfa_token": token}), "invalid_mfa_token", 401)
        is_refused(curl.log_in(name), "mfa_required", 403)

    def test_whoever_is_no_staff_need_not(self, start, ann, tmp_path):
        (server,) = start(1, MFA_GRACE="0s")
        assert Curl(server, tmp_path).log_in(ann).status == 200


def same_time(calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


class TestTwoWorkers:
    """Two processes on one database, with their rate counters in one Redis."""

    @pytest.fixture
    def both(self, start, redis, messages, tmp_path):
        return [Curl(server, tmp_path) for server in start(2, REDIS_URL=redis, API_ACCESS=settings_of(messages))]

    def test_MF_01_a_code_of_an_app_works_once_over_both(self, both, ann):
        app, _token = add_app(both[0], both[0].log_in(ann).body["access_token"])
        tokens = [both[number % 2].log_in(ann).body["mfa_token"] for number in range(8)]
        code = app.code()

        def verify(number):
            return lambda: both[(number + 1) % 2].verify(tokens[number], "totp", code=code)

        answers = same_time([verify(number) for number in range(8)])
        assert [answer.status for answer in answers].count(200) == 1, answers
        assert {answer.status for answer in answers} <= {200, 400, 429}

    def test_MF_01_a_recovery_code_works_once_over_both(self, both, ann):
        _app, token = add_app(both[0], both[0].log_in(ann).body["access_token"])
        code = both[1]("mfa/recovery-codes/", {}, token).body["codes"][0]
        tokens = [both[number % 2].log_in(ann).body["mfa_token"] for number in range(6)]

        def verify(number):
            return lambda: both[(number + 1) % 2].verify(tokens[number], "recovery", code=code)

        answers = same_time([verify(number) for number in range(6)])
        assert [answer.status for answer in answers].count(200) == 1, answers

    def test_a_code_that_one_sent_is_taken_by_the_other_once(self, both, ann, messages):
        number = f"+31612{secrets.randbelow(10**6):06d}"
        token = both[0].log_in(ann).body["access_token"]
        begun = both[0]("mfa/sms/", {"number": number}, token).body
        path = f"mfa/sms/{begun['id']}/confirm/"
        assert both[1](path, {"code": newest(messages, number)}, token).status == 201
        token = both[1].log_in(ann).body["mfa_token"]
        assert both[0]("token/mfa/challenge/", {"mfa_token": token, "method": "sms"}).status == 200
        code = newest(messages, number)
        answers = same_time([lambda at=at: both[at % 2].verify(token, "sms", code=code) for at in range(6)])
        assert [answer.status for answer in answers].count(200) == 1, answers
        assert {answer.status for answer in answers} <= {200, 400, 401, 429}

    def test_MF_09_an_answer_of_a_passkey_is_taken_once(self, both, ann):
        key = Authenticator()
        token = both[0].log_in(ann).body["access_token"]
        begun = both[0]("mfa/webauthn/", {}, token).body
        made = {"credential": key.create(begun["options"])}
        assert both[1](f"mfa/webauthn/{begun['id']}/confirm/", made, token).status == 201
        alone = both[0]("token/passkey/", {}).body
        answer = key.get(alone["options"])
        calls = [
            lambda at=at: both[at % 2].verify(alone["mfa_token"], "webauthn", credential=answer) for at in range(8)
        ]
        answers = same_time(calls)
        assert [answer.status for answer in answers].count(200) == 1, answers
        assert {answer.status for answer in answers} <= {200, 400, 401}

    def test_MF_06_wrong_codes_at_either_count_together(self, both, ann):
        app, _token = add_app(both[0], both[0].log_in(ann).body["access_token"])
        code = app.code()
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        token = both[0].log_in(ann).body["mfa_token"]
        answers = same_time([lambda at=at: both[at % 2].verify(token, "totp", code=wrong) for at in range(12)])
        assert [answer.status for answer in answers].count(400) == 5, answers
        is_refused(both[1].verify(token, "totp", code=code), "invalid_mfa_token", 401)
