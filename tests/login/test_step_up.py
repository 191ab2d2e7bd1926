"""Step-up (RFC 9470): the running session proves more, a new token says so, and nothing else does."""

import time

import pytest
from django.test import Client
from rest_framework.test import APIClient

from django_apiaccess import HasMFA
from django_apiaccess.core.access import Access, CredentialRef
from django_apiaccess.core.requirement import decide
from django_apiaccess.mfa import recovery
from django_apiaccess.models import Event, TokenSession
from tests.authn.challenges import read_challenges
from tests.mfa.factors import (
    HOME,
    app_of,
    call,
    code_of,
    me,
    post,
    said,
    sent_code,
    tokens,
    tokens_with,
    wrong_for,
)
from tests.tokens.proofs import Holder

STALE = (401, "insufficient_user_authentication")
INVALID = (401, "invalid_mfa_token")
PUBLISH = "/documents/1/publish/"
"""Asks for `HasMFA(max_age=300)`."""


def start(access, **body):
    answer = post("mfa/step-up/", body, token=access)
    assert answer.status_code == 200, answer.content
    return answer.json()


def finish(access, mfa_token, method, code, **body):
    return post("mfa/step-up/verify/", {"mfa_token": mfa_token, "method": method, "code": code, **body}, token=access)


def aged(device, clock, **age):
    """Tokens of a session whose factor was proven that long ago, its access token new."""
    given = tokens_with(device)
    clock.pass_by(**age)
    return post("token/refresh/", {"refresh_token": given["refresh_token"]}).json()


# -- what is asked


def test_attack_63_a_password_alone_is_too_little(ann, clock):
    access = tokens()["access_token"]
    assert said(call("post", PUBLISH, access)) == STALE


def test_attack_63_sms_is_less_than_an_app_and_that_less_than_a_passkey(phone, clock):
    levels = ("", "aal1", "aal2-sms", "aal2", "phr")
    for index, acr in enumerate(levels):
        access = Access(None, CredentialRef("jwt", "1", "x"), frozenset(), acr=acr, can_step_up=True, scoped=False)
        opens = [decide(HasMFA(acr=asked), access).allowed for asked in levels[1:]]
        assert opens == [index > at for at in range(4)], acr


def test_attack_64_a_proof_that_is_too_old_is_refused(app, clock):
    assert said(call("post", PUBLISH, aged(app, clock, seconds=301)["access_token"])) == STALE
    clock.next_code()
    assert call("post", PUBLISH, aged(app, clock, seconds=299)["access_token"]).status_code == 200


@pytest.mark.parametrize("auth_time", [None])
def test_attack_64_a_missing_time_is_too_old(auth_time):
    access = Access(None, CredentialRef("jwt", "1", "x"), frozenset(), acr="phr", auth_time=auth_time, can_step_up=True)
    assert not HasMFA(max_age=10**9).evaluate(access).allowed


@pytest.mark.parametrize(
    "auth_time",
    [pytest.param(time.time() + 3600, id="ahead"), 10**12, -1, 0, True, "1700000000", None, [], float("nan")],
)
def test_attack_64_a_time_of_a_token_that_cannot_be_is_none(auth_time):
    from django_apiaccess.tokens.credential import assurance

    told = assurance({"amr": ["pwd", "mfa"], "acr": "phr", "auth_time": auth_time, "exp": time.time() + 60})
    assert told["auth_time"] is None


@pytest.mark.parametrize("acr", ["aal9", "phrh", "PHR", "", "urn:x", None, 3, ["phr"], "mfa"])
def test_attack_65_an_unknown_level_is_none(acr):
    from django_apiaccess.tokens.credential import assurance

    told = assurance({"acr": acr, "auth_time": time.time(), "exp": time.time() + 60})
    access = Access(None, CredentialRef("jwt", "1", "x"), frozenset(), can_step_up=True, acr=told["acr"])
    assert not HasMFA().evaluate(access).allowed
    with pytest.raises(ValueError, match="Unknown acr"):
        HasMFA(acr=acr)


def test_attack_66_the_challenge_has_the_form_of_rfc_9470(ann, clock):
    answer = call("post", PUBLISH, tokens()["access_token"])
    assert answer.status_code == 401
    (found,) = [one for one in read_challenges(answer["WWW-Authenticate"]) if one.scheme == "bearer"]
    assert found.parameters["error"] == "insufficient_user_authentication"
    assert found.parameters["max_age"] == "300"
    assert found.parameters["acr_values"].split()[0] == "aal2-sms"
    assert answer.json()["code"] == "insufficient_user_authentication"


# -- the way up


def test_the_whole_way(app, clock):
    old = aged(app, clock, minutes=20)["access_token"]
    assert said(call("post", PUBLISH, old)) == STALE
    started = start(old)
    assert started["expires_in"] == 300
    assert started["methods"] == [{"id": app.uid, "type": "totp", "name": "App", "hint": ""}]
    done = finish(old, started["mfa_token"], "totp", code_of(app)).json()
    assert (done["acr"], done["auth_time"], done["token_type"]) == ("aal2", int(clock.time()), "Bearer")
    assert "refresh_token" not in done
    assert call("post", PUBLISH, done["access_token"]).status_code == 200


def test_attack_67_the_old_token_stays_weak_and_refreshed_ones_are_strong(app, clock):
    given = aged(app, clock, minutes=20)
    done = finish(given["access_token"], start(given["access_token"])["mfa_token"], "totp", code_of(app)).json()
    assert said(call("post", PUBLISH, given["access_token"])) == STALE
    assert call("post", PUBLISH, done["access_token"]).status_code == 200
    clock.pass_by(seconds=200)
    again = post("token/refresh/", {"refresh_token": given["refresh_token"]}).json()
    assert me(again["access_token"])["auth_time"] == me(done["access_token"])["auth_time"]
    clock.pass_by(seconds=101)
    assert said(call("post", PUBLISH, again["access_token"])) == STALE
    assert TokenSession.objects.count() == 1


def test_by_sms_a_code_is_sent_on_asking(phone, clock):
    access = tokens_before(phone)
    started = start(access)
    sent = start(access, mfa_token=started["mfa_token"], method="sms")
    assert sent == {"sent_to": "+31******78", "expires_in": 300}
    done = finish(access, started["mfa_token"], "sms", sent_code()).json()
    assert (done["acr"], done["amr"]) == ("aal2-sms", ["pwd", "otp", "sms", "mfa"])


def tokens_before(factor):
    """An access token of a session that began before the factor was confirmed."""
    type(factor).objects.update(confirmed=False)
    access = tokens()["access_token"]
    type(factor).objects.update(confirmed=True)
    return access


def test_a_weaker_proof_than_the_sessions_lowers_it_not(app, phone, clock):
    given = tokens_with(app)
    access = given["access_token"]
    started = start(access)["mfa_token"]
    start(access, mfa_token=started, method="sms")
    done = finish(access, started, "sms", sent_code()).json()
    assert me(done["access_token"])["acr"] == "aal2-sms"
    assert TokenSession.objects.get().acr == "aal2"
    again = post("token/refresh/", {"refresh_token": given["refresh_token"]}).json()
    assert me(again["access_token"])["acr"] == "aal2"


def test_a_step_up_gives_the_scopes_of_the_token_and_no_more(app, clock):
    given = tokens_with(app, scope="docs:read")
    clock.next_code()
    done = finish(given["access_token"], start(given["access_token"])["mfa_token"], "totp", code_of(app)).json()
    assert done["scope"] == "docs:read"
    assert said(call("post", PUBLISH, done["access_token"])) == (403, "insufficient_scope")


def test_a_step_up_is_of_its_session(app, clock):
    first = tokens_with(app)["access_token"]
    clock.next_code()
    second = tokens_with(app)["access_token"]
    clock.next_code()
    started = start(first)["mfa_token"]
    assert said(finish(second, started, "totp", code_of(app))) == INVALID
    assert said(post("mfa/step-up/", {"mfa_token": started, "method": "totp"}, token=second)) == INVALID
    assert finish(first, started, "totp", code_of(app)).status_code == 200


def test_attack_6_a_step_up_is_of_its_user(app, bob, clock):
    of_bob = app_of(bob, seed=b"b" * 20)
    mine, others = tokens_with(app)["access_token"], tokens_with(of_bob, "bob")["access_token"]
    clock.next_code()
    started = start(mine)["mfa_token"]
    assert said(finish(others, started, "totp", code_of(app))) == INVALID
    assert said(finish(mine, started, of_bob.uid, code_of(of_bob))) == (400, "unknown_method")


def test_it_is_used_once(app, clock):
    access = aged(app, clock, minutes=20)["access_token"]
    started = start(access)["mfa_token"]
    assert finish(access, started, "totp", code_of(app)).status_code == 200
    clock.next_code()
    assert said(finish(access, started, "totp", code_of(app))) == INVALID


def test_five_wrong_codes_end_it(app, clock):
    access = aged(app, clock, minutes=20)["access_token"]
    started = start(access)["mfa_token"]
    assert [said(finish(access, started, "totp", wrong_for(app)))[1] for _ in range(5)] == ["invalid_code"] * 5
    assert said(finish(access, started, "totp", code_of(app))) == INVALID


def test_wrong_passwords_are_counted_as_at_a_log_in(ann, clock):
    access = tokens()["access_token"]
    for _ in range(2):
        started = start(access)["mfa_token"]
        answers = [finish(access, started, "password", "wrong") for _ in range(5)]
    assert answers[-1].status_code == 429
    assert int(answers[-1]["Retry-After"]) >= 1
    assert post("token/", {"username": "ann", "password": "secret"}).status_code == 429


def test_who_has_a_factor_cannot_step_up_by_password(app, clock):
    access = aged(app, clock, minutes=20)["access_token"]
    assert said(finish(access, start(access)["mfa_token"], "password", "secret")) == (400, "unknown_method")


def test_a_factor_that_was_added_meanwhile_ends_the_way_by_password(ann, clock):
    access = tokens()["access_token"]
    started = start(access)["mfa_token"]
    app_of(ann)
    assert said(finish(access, started, "password", "secret")) == (400, "unknown_method")


def test_a_session_that_ended_meanwhile_gets_no_token(app, clock):
    access = aged(app, clock, minutes=20)["access_token"]
    started = start(access)["mfa_token"]
    TokenSession.objects.update(revoked_at=clock.now)
    assert finish(access, started, "totp", code_of(app)).status_code == 401


def test_a_step_up_is_an_event(app, clock):
    access = aged(app, clock, minutes=20)["access_token"]
    finish(access, start(access)["mfa_token"], "totp", code_of(app))
    event = Event.objects.get(action="session.stepped_up")
    assert (event.details["acr"], event.actor_label) == ("aal2", "ann")


def test_a_recovery_code_steps_up_once(app, ann, clock):
    codes = recovery.make(ann)
    access = aged(app, clock, minutes=20)["access_token"]
    assert finish(access, start(access)["mfa_token"], "recovery", codes[0]).status_code == 200
    assert said(finish(access, start(access)["mfa_token"], "recovery", codes[0])) == (400, "invalid_code")


# -- in a browser's session


@pytest.fixture
def browser(ann, clock):
    """A Django session of Ann's, from before she had a factor."""
    client = Client()
    assert client.login(username="ann", password="secret")
    return client


def in_browser(client, path, body=None):
    return client.post(f"/access/{path}", body or {}, content_type="application/json")


def test_se_01_a_step_up_in_a_browser_raises_the_session_under_a_new_key(browser, ann):
    device = app_of(ann)
    before = browser.session.session_key
    assert browser.get("/access/me/").json()["acr"] == "aal1"
    assert browser.post(PUBLISH).status_code in {401, 403}
    started = in_browser(browser, "mfa/step-up/").json()["mfa_token"]
    done = in_browser(browser, "mfa/step-up/verify/", {"mfa_token": started, "method": "totp", "code": code_of(device)})
    assert (done.status_code, done.json()["acr"]) == (200, "aal2")
    assert "access_token" not in done.json()
    assert browser.session.session_key != before
    assert browser.get("/access/me/").json()["acr"] == "aal2"
    assert browser.post(PUBLISH).status_code == 200
    old = Client()
    old.cookies["sessionid"] = before
    assert old.get("/access/me/").status_code == 401


def test_attack_77_a_browser_session_that_waits_for_its_factor_opens_nothing(ann, clock):
    app_of(ann)
    client = Client()
    assert client.login(username="ann", password="secret")
    for path in ("me/", "mfa/methods/", "mfa/recovery-codes/", "sessions/", "keys/"):
        answer = client.get(f"/access/{path}")
        assert said(answer) == (401, "mfa_required"), path
    for path in ("mfa/step-up/", "mfa/totp/", "mfa/recovery-codes/", "keys/"):
        assert in_browser(client, path).status_code == 401, path
    assert client.get("/read-only/").status_code == 401


def test_a_browser_session_adds_a_first_factor_and_is_stepped_up(browser):
    from django_apiaccess.mfa.models import TOTPFactor

    told = in_browser(browser, "mfa/totp/").json()
    device = TOTPFactor.objects.get(uid=told["id"])
    before = browser.session.session_key
    done = in_browser(browser, f"mfa/totp/{device.uid}/confirm/", {"code": code_of(device)})
    assert done.status_code == 201
    assert "access_token" not in done.json()
    assert browser.session.session_key != before
    assert browser.get("/access/me/").json()["acr"] == "aal2"


def test_a_browser_session_changes_factors_with_csrf_only(ann, clock):
    client = Client(enforce_csrf_checks=True)
    client.login(username="ann", password="secret")
    for path in ("mfa/totp/", "mfa/step-up/"):
        assert in_browser(client, path).status_code == 403


def test_nobody_steps_up_without_a_session(db):
    assert APIClient().post("/access/mfa/step-up/").status_code == 401
    assert APIClient().post("/access/mfa/step-up/verify/", {"mfa_token": "x"}).status_code == 401


# -- bound to a key (RFC 9449)


def with_proof(holder, token, path, **body):
    """The answer to a POST with a bound token."""
    address = f"/access/{path}"
    return holder.client(token, f"http://testserver{address}", "POST").post(address, body, REMOTE_ADDR=HOME)


def bound_session(holder, device):
    """Tokens of a session whose every token is bound."""
    mfa_token = holder.log_in().json()["mfa_token"]
    body = {"mfa_token": mfa_token, "method": device.uid, "code": code_of(device)}
    return holder.post("/access/token/mfa/verify/", body).json()


def bound_at_refresh(holder, device):
    """Tokens of a session that is bound to no key, with an access token that is."""
    return holder.refresh(tokens_with(device)["refresh_token"]).json()


@pytest.mark.parametrize("begin", [bound_session, bound_at_refresh])
def test_rs_09_a_step_up_never_loosens_a_bound_token(app, clock, settings, begin):
    holder = Holder()
    token = begin(holder, app)["access_token"]
    clock.pass_by(seconds=60)
    mfa_token = with_proof(holder, token, "mfa/step-up/").json()["mfa_token"]
    code = code_of(app)
    answer = with_proof(holder, token, "mfa/step-up/verify/", mfa_token=mfa_token, method=app.uid, code=code)
    assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP"), answer.content
    raised = answer.json()["access_token"]
    assert call("get", "/read-only/", raised).status_code == 401
    assert Holder().get(raised).status_code == 401
    settings.API_ACCESS = {**settings.API_ACCESS, "DPOP": {"REQUIRED": True}}
    assert holder.get(raised).status_code == 200
