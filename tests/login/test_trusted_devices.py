"""Devices that are not asked for a second factor at log-in: theirs alone, for a while, for that one question."""

import pytest
from rest_framework.test import APIClient

from django_apiaccess.events.source import Where
from django_apiaccess.mfa import trusted
from django_apiaccess.mfa.models import TrustedDevice
from django_apiaccess.models import Event
from tests.mfa.factors import HOME, app_of, call, code_of, me, pending, post, said, verify

REQUIRED = (403, "mfa_required")
COOKIE = "__Host-apiaccess_device"


def remembered(factor, username="ann", **fields):
    """A log-in with the factor, and the cookie that it set."""
    answer = verify(pending(username, **fields), factor.uid, code_of(factor), remember=True)
    assert answer.status_code == 200, answer.content
    return answer.json(), answer.cookies[COOKIE]


def come_back(cookie, username="ann", password="secret", **extra):
    """A log-in by password from the browser that has the cookie."""
    client = APIClient()
    client.cookies[COOKIE] = cookie if isinstance(cookie, str) else cookie.value
    return client.post("/access/token/", {"username": username, "password": password}, REMOTE_ADDR=HOME, **extra)


def test_a_remembered_device_is_not_asked_again(app):
    _, cookie = remembered(app)
    answer = come_back(cookie)
    assert answer.status_code == 200
    told = me(answer.json()["access_token"])
    assert (told["acr"], told["amr"]) == ("aal1", ["pwd"])


def test_its_cookie_is_for_this_host_and_out_of_reach(app):
    _, cookie = remembered(app)
    assert (cookie["secure"], cookie["httponly"], cookie["path"], cookie["domain"]) == (True, True, "/", "")
    assert cookie["samesite"] in {"Lax", "Strict"}
    assert int(cookie["max-age"]) == 30 * 86_400
    assert cookie.value not in str(list(TrustedDevice.objects.values()))


def test_without_asking_nothing_is_remembered(app):
    answer = verify(pending(), "totp", code_of(app))
    assert not answer.cookies
    assert not TrustedDevice.objects.exists()


def test_it_is_remembered_after_the_factor_was_proven_only(app):
    answer = verify(pending(), "totp", "000000", remember=True)
    assert not answer.cookies
    assert post("token/", {"username": "ann", "password": "secret", "remember": True}).status_code == 403
    assert not TrustedDevice.objects.exists()


def test_the_password_is_asked_all_the_same(app):
    _, cookie = remembered(app)
    assert come_back(cookie, password="wrong").status_code == 401


def test_attack_69_a_stolen_cookie_is_worth_nothing_with_another_account(app, bob):
    app_of(bob, seed=b"b" * 20)
    _, cookie = remembered(app)
    assert said(come_back(cookie, "bob")) == REQUIRED


def test_attack_69_not_even_with_an_account_that_is_alike_in_all_but_its_owner(ann, bob, clock):
    """The same stored hash, as copied test accounts have it, and no factors."""
    bob.password = ann.password
    bob.save()
    cookie = trusted.trust(ann, where=Where(HOME), name="Laptop")
    assert trusted.is_trusted(ann, cookie)
    assert not trusted.is_trusted(bob, cookie)


@pytest.mark.parametrize("what", ["password", "added", "removed", "revoked", "replaced"])
def test_attack_70_a_change_ends_the_trust(app, ann, clock, what):
    given, cookie = remembered(app)
    password = "secret"
    if what == "password":
        password = "other"
        ann.set_password(password)
        ann.save()
    elif what == "added":
        app_of(ann, seed=b"n" * 20)
    elif what == "removed":
        other = app_of(ann, seed=b"n" * 20)
        clock.next_code()
        _, cookie = remembered(app)
        other.delete()
    elif what == "replaced":
        app_of(ann, seed=b"n" * 20)
        app.delete()
    else:
        assert call("delete", "/access/mfa/trusted-devices/", given["access_token"]).status_code == 204
    assert said(come_back(cookie, password=password)) == REQUIRED


def test_attack_71_it_ends_with_its_time(app, clock):
    _, cookie = remembered(app)
    clock.pass_by(days=30, seconds=-1)
    assert come_back(cookie).status_code == 200
    clock.pass_by(seconds=1)
    assert said(come_back(cookie)) == REQUIRED


def test_attack_71_use_makes_it_no_longer(app, clock):
    _, cookie = remembered(app)
    for _ in range(3):
        clock.pass_by(days=9)
        assert come_back(cookie).status_code == 200
    clock.pass_by(days=4)
    assert said(come_back(cookie)) == REQUIRED


def test_attack_72_a_cookie_that_was_changed_is_worth_nothing(app):
    _, cookie = remembered(app)
    text = cookie.value
    swapped = text[:-1] + ("a" if text[-1] != "a" else "b")
    for changed in (
        text[:-1],
        text + "0",
        swapped,
        text.upper(),
        "",
        "td_",
        "x" * 5000,
        text.replace("td_", "mfa_"),
        "é",
    ):
        assert said(come_back(changed)) == REQUIRED, changed


def test_attack_72_other_secrets_are_no_such_cookie(app, clock):
    given, _ = remembered(app)
    clock.next_code()
    for text in (given["refresh_token"], given["access_token"], pending()):
        assert said(come_back(text)) == REQUIRED


def test_attack_73_over_plain_http_nothing_is_remembered_where_tls_is_required(app, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": True}
    client = APIClient()
    body = {"username": "ann", "password": "secret"}
    token = client.post("/access/token/", body, secure=True).json()["mfa_token"]
    proof = {"mfa_token": token, "method": "totp", "code": code_of(app), "remember": True}
    assert said(client.post("/access/token/mfa/verify/", proof)) == (403, "insecure_transport")
    assert not TrustedDevice.objects.exists()
    cookie = client.post("/access/token/mfa/verify/", proof, secure=True).cookies[COOKIE]
    assert said(come_back(cookie)) == (403, "insecure_transport")
    assert come_back(cookie, secure=True).status_code == 200


def test_attack_68_it_steps_nothing_up(app, clock):
    _, cookie = remembered(app)
    access = come_back(cookie).json()["access_token"]
    answer = call("post", "/documents/1/publish/", access)
    assert said(answer) == (401, "insufficient_user_authentication")
    started = call("post", "/access/mfa/step-up/", access, {}).json()
    assert [method["type"] for method in started["methods"]] == ["totp"]
    body = {"mfa_token": started["mfa_token"], "method": "password", "code": "secret"}
    assert said(call("post", "/access/mfa/step-up/verify/", access, body)) == (400, "unknown_method")


def test_attack_68_it_changes_no_factor(app, clock):
    _, cookie = remembered(app)
    access = come_back(cookie).json()["access_token"]
    for verb, path, body in (
        ("post", "mfa/totp/", {}),
        ("delete", f"mfa/methods/{app.uid}/", None),
        ("post", "mfa/recovery-codes/", {}),
    ):
        assert said(call(verb, f"/access/{path}", access, body)) == (401, "insufficient_user_authentication")


def test_it_does_not_stand_in_for_enrolment(app, ann, mfa):
    _, cookie = remembered(app)
    app.delete()
    mfa(REQUIRED_FOR=["everyone"])
    assert said(come_back(cookie)) == (403, "mfa_enrollment_required")


def test_where_the_project_trusts_none_there_is_no_cookie_and_old_ones_are_dead(app, mfa, clock):
    _, cookie = remembered(app)
    mfa(TRUST_LIFETIME="0s")
    assert said(come_back(cookie)) == REQUIRED
    clock.next_code()
    answer = verify(pending(), "totp", code_of(app), remember=True)
    assert (answer.status_code, len(answer.cookies)) == (200, 0)


def test_its_owner_sees_and_ends_them_one_by_one(app, bob, clock):
    given, first = remembered(app, device="Old laptop")
    clock.next_code()
    _, second = remembered(app, device="New laptop")
    access = given["access_token"]
    listed = call("get", "/access/mfa/trusted-devices/", access).json()
    assert [entry["name"] for entry in listed] == ["New laptop", "Old laptop"]
    assert set(listed[0]) == {"id", "name", "created_at", "created_from", "last_used_at", "expires_at"}
    of_bob = trusted.trust(bob, where=Where(HOME), name="Bob's")
    assert of_bob is not None
    theirs = TrustedDevice.objects.get(user=bob).public_id
    assert said(call("delete", f"/access/mfa/trusted-devices/{theirs}/", access)) == (400, "unknown_method")
    assert call("delete", f"/access/mfa/trusted-devices/{listed[1]['id']}/", access).status_code == 204
    assert said(call("delete", f"/access/mfa/trusted-devices/{listed[1]['id']}/", access)) == (400, "unknown_method")
    assert said(come_back(first)) == REQUIRED
    assert come_back(second).status_code == 200
    assert Event.objects.filter(action="device.trust_ended").count() == 1
    assert TrustedDevice.objects.filter(user=bob, revoked_at=None).exists()


def test_a_form_of_another_site_cannot_have_a_device_remembered(app):
    answer = APIClient().post(
        "/access/token/mfa/verify/",
        f"mfa_token={pending()}&method=totp&code={code_of(app)}&remember=true",
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 400
    assert not TrustedDevice.objects.exists()


def test_a_browsers_session_of_a_trusted_device_waits_for_nothing_and_proves_a_password_only(app):
    from django.contrib.auth import authenticate
    from django.contrib.auth import login as django_login
    from django.contrib.sessions.backends.db import SessionStore
    from django.test import Client, RequestFactory

    _, cookie = remembered(app)
    answers = []
    for cookies in ({COOKIE: cookie.value}, {}):
        request = RequestFactory().post("/")
        request.COOKIES, request.session = cookies, SessionStore()
        django_login(request, authenticate(request, username="ann", password="secret"))
        request.session.save()
        client = Client()
        client.cookies["sessionid"] = request.session.session_key
        answers.append(client.get("/access/me/"))
    assert (answers[0].status_code, answers[0].json()["acr"]) == (200, "aal1")
    assert said(answers[1]) == (401, "mfa_required")
