"""Adding and removing factors over HTTP: by the owner, freshly proven, and never around a policy."""

import base64
import logging
import re

import pytest
from django.core import mail
from rest_framework.test import APIClient

from django_apiaccess.mfa import recovery
from django_apiaccess.mfa.models import SMSFactor, TOTPFactor
from django_apiaccess.models import Event, TokenSession
from tests.mfa.factors import (
    NUMBER,
    app_of,
    call,
    code_of,
    log_in,
    me,
    pending,
    post,
    said,
    sent_code,
    tokens,
    tokens_with,
    verify,
    wrong_for,
)

STALE = (401, "insufficient_user_authentication")


def begin(token, name=""):
    """A new authenticator app: the answer, and its row."""
    answer = post("mfa/totp/", {"name": name}, token=token)
    assert answer.status_code == 201, answer.content
    return answer.json(), TOTPFactor.objects.get(uid=answer.json()["id"])


def listed(token):
    return call("get", "/access/mfa/methods/", token).json()


# -- an authenticator app


def test_an_app_is_added_by_its_own_code_and_asked_for_at_the_next_log_in(ann, clock):
    access = tokens()["access_token"]
    told, device = begin(access, "Phone")
    assert told["otpauth_uri"].startswith("otpauth://totp/")
    assert f"secret={told['secret']}" in told["otpauth_uri"]
    assert told["qr_svg"].startswith("<svg")
    done = post(f"mfa/totp/{device.uid}/confirm/", {"code": code_of(device)}, token=access)
    assert done.status_code == 201
    assert {"id": device.uid, "type": "totp", "name": "Phone"}.items() <= done.json().items()
    clock.next_code()
    assert verify(pending(), device.uid, code_of(device)).status_code == 200


def test_the_code_that_confirmed_an_app_logs_nobody_in(ann, clock):
    access = tokens()["access_token"]
    _, device = begin(access)
    code = code_of(device)
    post(f"mfa/totp/{device.uid}/confirm/", {"code": code}, token=access)
    assert said(verify(pending(), "totp", code)) == (400, "invalid_code")


def test_mf_13_se_01_confirming_steps_the_session_up_and_the_old_token_stays_weak(ann, clock):
    given = tokens()
    _, device = begin(given["access_token"])
    done = post(f"mfa/totp/{device.uid}/confirm/", {"code": code_of(device)}, token=given["access_token"]).json()
    assert (done["acr"], done["amr"]) == ("aal2", ["pwd", "otp", "mfa"])
    assert me(done["access_token"])["acr"] == "aal2"
    assert me(given["access_token"])["acr"] == "aal1"
    refreshed = post("token/refresh/", {"refresh_token": given["refresh_token"]}).json()
    assert me(refreshed["access_token"])["acr"] == "aal2"


def test_attack_27_mf_04_the_secret_is_shown_once(ann, clock, caplog):
    caplog.set_level(logging.DEBUG)
    access = tokens()["access_token"]
    told, device = begin(access)
    secret, seed = told["secret"], device.bin_key
    done = post(f"mfa/totp/{device.uid}/confirm/", {"code": code_of(device)}, token=access).json()
    access = done["access_token"]
    seen = [str(done), str(listed(access))]
    seen += [call("get", f"/access/mfa/methods/{device.uid}/", access).content.decode()]
    for path in (f"mfa/totp/{device.uid}/", f"mfa/totp/{device.uid}/confirm/", "mfa/totp/"):
        answer = call("get", f"/access/{path}", access)
        assert answer.status_code in {404, 405}
        seen.append(answer.content.decode())
    seen += [str(list(Event.objects.values())), caplog.text, repr(device), str(list(TOTPFactor.objects.values()))]
    assert base64.b32decode(secret) == seed
    for text in seen:
        assert secret not in text
        assert seed.hex() not in text
    again = post(f"mfa/totp/{device.uid}/confirm/", {"code": code_of(device)}, token=access)
    assert said(again) == (400, "unknown_method")


def test_attack_28_an_app_is_confirmed_by_its_own_code_only(app, ann, bob, clock):
    access = tokens_with(app)["access_token"]
    clock.next_code()
    _, device = begin(access)
    assert said(post(f"mfa/totp/{device.uid}/confirm/", {"code": code_of(app)}, token=access)) == (400, "invalid_code")
    of_bob = app_of(bob, seed=b"b" * 20, confirmed=False)
    answer = post(f"mfa/totp/{of_bob.uid}/confirm/", {"code": code_of(of_bob)}, token=access)
    assert said(answer) == (400, "unknown_method")
    of_bob.refresh_from_db()
    assert not of_bob.confirmed


def test_attack_28_guesses_at_a_new_app_are_counted(ann, clock):
    access = tokens()["access_token"]
    _, device = begin(access)
    path = f"mfa/totp/{device.uid}/confirm/"
    assert [post(path, {"code": wrong_for(device)}, token=access).status_code for _ in range(7)] == [400] * 6 + [429]
    assert post(path, {"code": code_of(device)}, token=access).status_code == 429
    device.refresh_from_db()
    assert not device.confirmed


def test_beginning_again_drops_what_was_begun_before(ann, clock):
    access = tokens()["access_token"]
    _, first = begin(access)
    _, second = begin(access)
    assert said(post(f"mfa/totp/{first.uid}/confirm/", {"code": code_of(first)}, token=access)) == (
        400,
        "unknown_method",
    )
    assert TOTPFactor.objects.get() == second


def test_an_app_that_was_begun_long_ago_cannot_be_confirmed(ann, clock):
    access = tokens()["access_token"]
    _, device = begin(access)
    clock.pass_by(seconds=601)
    access = tokens()["access_token"]
    assert said(post(f"mfa/totp/{device.uid}/confirm/", {"code": code_of(device)}, token=access)) == (
        400,
        "unknown_method",
    )


def test_nobody_has_factors_without_end(app, ann, clock):
    for number in range(9):
        app_of(ann, seed=bytes([number]) * 20, name=f"App {number}")
    answer = verify(pending(), app.uid, code_of(app))
    access = answer.json()["access_token"]
    assert post("mfa/totp/", {}, token=access).status_code == 400


@pytest.mark.parametrize("factor_id", ["x", "otp-1", "%00", "x" * 200, "..%2f", "recovery", "é"])
def test_odd_ids_are_refused_and_no_error(app, sms, factor_id):
    access = tokens_with(app)["access_token"]
    for kind in ("totp", "sms", "webauthn"):
        answer = post(f"mfa/{kind}/{factor_id}/confirm/", {"code": "123456", "credential": {}}, token=access)
        assert 400 <= answer.status_code < 500, (kind, answer.content)
    for verb in ("get", "delete"):
        answer = call(verb, f"/access/mfa/methods/{factor_id}/", access)
        assert answer.status_code in {400, 404} or factor_id == "recovery"


def test_names_are_cleaned_and_bounded(ann, clock):
    access = tokens()["access_token"]
    _, device = begin(access, "  My\u202e phone\n ")
    assert device.name == "My phone"
    assert post("mfa/totp/", {"name": "x" * 65}, token=access).status_code == 400
    assert begin(access, "")[1].name == "Authenticator app"


# -- a phone


def test_a_phone_is_added_by_the_code_that_it_got(ann, sms, clock):
    access = tokens()["access_token"]
    begun = post("mfa/sms/", {"number": "+31 6 1234 5678", "name": "Mine"}, token=access)
    assert begun.json() == {"id": begun.json()["id"], "sent_to": "+31******78"}
    done = post(f"mfa/sms/{begun.json()['id']}/confirm/", {"code": sent_code()}, token=access)
    assert (done.status_code, done.json()["acr"], done.json()["hint"]) == (201, "aal2-sms", "+31******78")
    assert NUMBER not in done.content.decode()
    assert SMSFactor.objects.get().number == NUMBER


def test_mf_07_an_unproven_number_is_no_factor(ann, sms, clock):
    access = tokens()["access_token"]
    begun = post("mfa/sms/", {"number": NUMBER}, token=access).json()
    assert log_in().status_code == 200
    wrong = f"{(int(sent_code()) + 1) % 10**6:06d}"
    assert said(post(f"mfa/sms/{begun['id']}/confirm/", {"code": wrong}, token=access)) == (400, "invalid_code")
    assert listed(access)["methods"] == []


def test_attack_38_a_code_for_one_new_number_confirms_no_other(app, sms, clock):
    access = tokens_with(app)["access_token"]
    first = post("mfa/sms/", {"number": NUMBER}, token=access).json()
    code = sent_code()
    second = post("mfa/sms/", {"number": "+31687654321"}, token=access).json()
    if code != sent_code():
        assert said(post(f"mfa/sms/{second['id']}/confirm/", {"code": code}, token=access)) == (400, "invalid_code")
    assert said(post(f"mfa/sms/{first['id']}/confirm/", {"code": code}, token=access)) == (400, "unknown_method")


def test_attack_42_another_number_is_another_factor_and_no_number_can_be_changed(phone, clock, app):
    access = tokens_with(app)["access_token"]
    answer = call("patch", f"/access/mfa/methods/{phone.uid}/", access, {"name": "New", "number": "+31687654321"})
    assert answer.status_code == 200
    phone.refresh_from_db()
    assert (phone.name, phone.number) == ("New", NUMBER)
    assert post("mfa/sms/", {"number": NUMBER}, token=access).status_code == 400


def test_a_phone_that_could_not_be_reached_leaves_nothing_behind(ann, mfa, clock):
    mfa(SMS_GATEWAY="tests.mfa.test_sms_codes.Gateway")
    from tests.mfa.test_sms_codes import BROKEN, Gateway

    Gateway.does = BROKEN["raises"]
    try:
        assert said(post("mfa/sms/", {"number": NUMBER}, token=tokens()["access_token"])) == (503, "sms_not_sent")
    finally:
        Gateway.does = None
    assert not SMSFactor.objects.exists()


# -- recovery codes


def test_recovery_codes_are_shown_once_and_need_another_factor(ann, clock):
    access = tokens()["access_token"]
    assert post("mfa/recovery-codes/", token=access).status_code == 400
    device = app_of(ann)
    access = tokens_with(device)["access_token"]
    codes = post("mfa/recovery-codes/", token=access).json()["codes"]
    assert len(codes) == 10
    assert call("get", "/access/mfa/recovery-codes/", access).json() == {"left": 10}
    assert not any(code in str(listed(access)) for code in codes)
    new = post("mfa/recovery-codes/", token=access).json()["codes"]
    assert said(verify(pending(), "recovery", codes[0])) == (400, "invalid_code")
    assert verify(pending(), "recovery", new[0]).status_code == 200


# -- MF-10: freshly proven


CHANGES = [
    ("post", "mfa/totp/", {}),
    ("post", "mfa/sms/", {"number": NUMBER}),
    ("post", "mfa/webauthn/", {}),
    ("post", "mfa/recovery-codes/", {}),
    ("patch", "mfa/methods/{}/", {"name": "x"}),
    ("delete", "mfa/methods/{}/", None),
    ("post", "mfa/totp/{}/confirm/", {"code": "123456"}),
    ("post", "mfa/sms/{}/confirm/", {"code": "123456"}),
    ("post", "mfa/webauthn/{}/confirm/", {"credential": {}}),
]


@pytest.mark.parametrize(("verb", "path", "body"), CHANGES)
def test_mf_10_attack_29_a_session_of_twenty_minutes_ago_changes_nothing(app, sms, clock, verb, path, body):
    fresh = call(verb, f"/access/{path.format('x')}", tokens_of_age(app, clock, minutes=9), body)
    assert "insufficient_user_authentication" not in fresh.content.decode()
    given = tokens_of_age(app, clock, minutes=20)
    answer = call(verb, f"/access/{path.format(app.uid)}", given, body)
    assert said(answer) == STALE
    challenge = answer["WWW-Authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert re.search(r'max_age="?600"?', challenge)
    assert 'acr_values="' in challenge
    app.refresh_from_db()
    assert app.name == "App"


def tokens_of_age(device, clock, **age):
    """An access token of a session whose second factor was proven that long ago."""
    clock.next_code()
    given = tokens_with(device)
    clock.pass_by(**age)
    answer = post("token/refresh/", {"refresh_token": given["refresh_token"]})
    assert answer.status_code == 200
    return answer.json()["access_token"]


@pytest.mark.parametrize(("verb", "path", "body"), CHANGES)
def test_mf_10_attack_29_a_password_alone_does_not_change_factors_of_who_has_one(ann, sms, clock, verb, path, body):
    access = tokens()["access_token"]  # from before the factor
    device = app_of(ann)
    answer = call(verb, f"/access/{path.format(device.uid)}", access, body)
    assert said(answer) == STALE
    assert "aal2" in answer["WWW-Authenticate"]
    assert TOTPFactor.objects.filter(pk=device.pk, name="App", confirmed=True).exists()


def test_mf_10_an_app_that_was_begun_before_there_was_a_factor_needs_that_factor_too(ann, clock):
    """A thief who knows the password begins; the owner adds a factor; the thief cannot go on."""
    access = tokens()["access_token"]
    _, device = begin(access)
    app_of(ann)
    assert said(post(f"mfa/totp/{device.uid}/confirm/", {"code": code_of(device)}, token=access)) == STALE
    device.refresh_from_db()
    assert not device.confirmed


def test_mf_10_a_stale_password_adds_no_first_factor_and_giving_it_again_does(ann, clock):
    given = tokens()
    clock.pass_by(minutes=20)
    access = post("token/refresh/", {"refresh_token": given["refresh_token"]}).json()["access_token"]
    answer = post("mfa/totp/", {}, token=access)
    assert said(answer) == STALE
    started = post("mfa/step-up/", token=access).json()
    assert [method["type"] for method in started["methods"]] == ["password"]
    body = {"mfa_token": started["mfa_token"], "method": "password"}
    wrong = post("mfa/step-up/verify/", {**body, "code": "wrong"}, token=access)
    assert said(wrong) == (400, "invalid_code")
    fresh = post("mfa/step-up/verify/", {**body, "code": "secret"}, token=access).json()
    assert (fresh["acr"], fresh["amr"]) == ("aal1", ["pwd"])
    assert post("mfa/totp/", {}, token=fresh["access_token"]).status_code == 201


def test_mf_10_owners_are_told(ann, sms, clock, django_capture_on_commit_callbacks):
    access = tokens()["access_token"]
    _, device = begin(access, "Work phone")
    with django_capture_on_commit_callbacks(execute=True):
        done = post(f"mfa/totp/{device.uid}/confirm/", {"code": code_of(device)}, token=access).json()
    assert len(mail.outbox) == 1
    assert "Work phone" in mail.outbox[0].body
    with django_capture_on_commit_callbacks(execute=True):
        call("delete", f"/access/mfa/methods/{device.uid}/", done["access_token"])
    assert len(mail.outbox) == 2
    assert {"factor.added", "factor.removed"} <= set(Event.objects.values_list("action", flat=True))


# -- removing


def test_mf_11_a_removed_factor_proves_nothing_and_the_codes_go_with_the_last_one(app, ann, clock):
    recovery.make(ann)
    access = tokens_with(app)["access_token"]
    assert call("delete", f"/access/mfa/methods/{app.uid}/", access).status_code == 204
    assert recovery.left(ann) == 0
    assert listed(access)["methods"] == []
    assert log_in().status_code == 200


def test_mf_11_attack_30_the_last_factor_of_a_policy_stays(make_user, mfa, clock):
    mfa(REQUIRED_FOR=["staff"])
    user = make_user("ann", is_staff=True)
    app = app_of(user)
    recovery.make(user)
    access = tokens_with(app)["access_token"]
    assert call("delete", "/access/mfa/methods/recovery/", access).status_code == 204
    answer = call("delete", f"/access/mfa/methods/{app.uid}/", access)
    assert said(answer) == (409, "last_factor")
    other = app_of(user, seed=b"o" * 20)
    assert call("delete", f"/access/mfa/methods/{app.uid}/", access).status_code == 204
    assert said(call("delete", f"/access/mfa/methods/{other.uid}/", access)) == (409, "last_factor")


def test_attack_30_another_persons_factor_is_none_of_ones_own(app, bob, clock):
    of_bob = app_of(bob, seed=b"b" * 20)
    access = tokens_with(app)["access_token"]
    for verb, body in (("get", None), ("patch", {"name": "x"}), ("delete", None)):
        answer = call(verb, f"/access/mfa/methods/{of_bob.uid}/", access, body)
        assert said(answer) == (400, "unknown_method")
    assert TOTPFactor.objects.filter(pk=of_bob.pk, name="App").exists()


def test_a_factor_has_a_name_and_says_when_it_was_used(app, clock):
    access = tokens_with(app)["access_token"]
    answer = call("patch", f"/access/mfa/methods/{app.uid}/", access, {"name": "Old phone"})
    assert answer.json()["name"] == "Old phone"
    assert answer.json()["last_used_at"] is not None
    for bad in ({"name": ""}, {"name": " \u202e "}, {}, {"name": "x" * 65}, {"name": None}):
        assert call("patch", f"/access/mfa/methods/{app.uid}/", access, bad).status_code == 400


# -- enrolment that a policy wants


@pytest.fixture
def required(mfa, clock):
    mfa(REQUIRED_FOR=["staff"])


@pytest.fixture
def boss(make_user, required):
    return make_user("boss", "docs:read", is_staff=True)


def enrolling(name="boss"):
    answer = log_in(name)
    assert said(answer) == (403, "mfa_enrollment_required")
    assert "methods" not in answer.json()
    return answer.json()["mfa_token"]


def test_a_policy_leads_a_log_in_to_enrolment_and_then_on(boss):
    token = enrolling()
    assert said(verify(token, "", "")) == (401, "invalid_mfa_token")
    told = post("mfa/totp/", {"mfa_token": token}).json()
    device = TOTPFactor.objects.get(uid=told["id"])
    done = post(f"mfa/totp/{device.uid}/confirm/", {"mfa_token": token, "code": code_of(device)})
    assert done.status_code == 201
    assert "access_token" not in done.json()
    given = verify(token, "", "").json()
    assert (me(given["access_token"])["acr"], me(given["access_token"])["amr"]) == ("aal2", ["pwd", "otp", "mfa"])
    assert said(verify(token, "", "")) == (401, "invalid_mfa_token")


def test_by_sms_it_goes_on_at_the_level_of_sms(boss, sms):
    token = enrolling()
    told = post("mfa/sms/", {"mfa_token": token, "number": NUMBER}).json()
    assert post(f"mfa/sms/{told['id']}/confirm/", {"mfa_token": token, "code": sent_code()}).status_code == 201
    assert me(verify(token, "", "").json()["access_token"])["acr"] == "aal2-sms"


@pytest.mark.parametrize(
    "path", ["mfa/recovery-codes/", "mfa/step-up/", "mfa/step-up/verify/", "token/refresh/", "keys/"]
)
def test_mf_12_an_enrolment_token_adds_a_factor_and_nothing_else(boss, path):
    token = enrolling()
    answer = post(path, {"mfa_token": token, "refresh_token": token, "name": "x", "scopes": [], "method": "totp"})
    assert answer.status_code in {400, 401}
    for listing in ("mfa/methods/", "mfa/trusted-devices/", "me/", "mfa/recovery-codes/"):
        assert APIClient().get(f"/access/{listing}?mfa_token={token}").status_code == 401
        assert APIClient().get(f"/access/{listing}", HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 401
    assert not TokenSession.objects.exists()


def test_attack_10_once_there_is_a_factor_an_enrolment_token_adds_no_other(boss, clock):
    thief, owner = enrolling(), enrolling()
    told = post("mfa/totp/", {"mfa_token": owner}).json()
    device = TOTPFactor.objects.get(uid=told["id"])
    post(f"mfa/totp/{device.uid}/confirm/", {"mfa_token": owner, "code": code_of(device)})
    assert said(post("mfa/totp/", {"mfa_token": thief})) == STALE
    assert said(post("mfa/totp/", {"mfa_token": owner})) == STALE
    assert said(verify(thief, "totp", code_of(device))) == (401, "invalid_mfa_token")
    assert verify(owner, "", "").status_code == 200


def test_an_enrolment_token_of_one_user_confirms_no_factor_of_another(boss, make_user):
    make_user("other", is_staff=True)
    mine, others = enrolling(), enrolling("other")
    told = post("mfa/totp/", {"mfa_token": others}).json()
    device = TOTPFactor.objects.get(uid=told["id"])
    answer = post(f"mfa/totp/{device.uid}/confirm/", {"mfa_token": mine, "code": code_of(device)})
    assert said(answer) == (400, "unknown_method")


def test_an_enrolment_lives_fifteen_minutes(boss, clock):
    token = enrolling()
    clock.pass_by(seconds=899)
    assert post("mfa/totp/", {"mfa_token": token}).status_code == 201
    clock.pass_by(seconds=1)
    assert said(post("mfa/totp/", {"mfa_token": token})) == (401, "invalid_mfa_token")


def test_an_enrolment_ends_with_a_new_password_and_with_the_account(boss):
    token = enrolling()
    boss.set_password("other")
    boss.save()
    assert said(post("mfa/totp/", {"mfa_token": token})) == (401, "invalid_mfa_token")


def test_an_access_token_beside_a_foreign_enrolment_token_counts_alone(boss, ann):
    token = enrolling()
    access = tokens("ann")["access_token"]
    told = post("mfa/totp/", {"mfa_token": token}, token=access).json()
    assert TOTPFactor.objects.get(uid=told["id"]).user == ann


def test_with_remember_an_enrolment_trusts_the_device(boss):
    token = enrolling()
    device = TOTPFactor.objects.get(uid=post("mfa/totp/", {"mfa_token": token}).json()["id"])
    post(f"mfa/totp/{device.uid}/confirm/", {"mfa_token": token, "code": code_of(device)})
    done = verify(token, "", "", remember=True)
    assert "__Host-apiaccess_device" in done.cookies
    assert said(log_in("boss")) == (403, "mfa_required")


def test_methods_say_what_is_wanted_and_until_when(make_user, mfa, clock):
    mfa(REQUIRED_FOR=["staff"], GRACE="3d")
    make_user("boss", is_staff=True)
    access = tokens("boss")["access_token"]
    told = listed(access)
    assert told["required"] is True
    assert told["enroll_by"] is not None
    assert "totp" in told["available"]
    assert "sms" not in told["available"]
    clock.pass_by(days=3)
    assert said(log_in("boss")) == (403, "mfa_enrollment_required")
