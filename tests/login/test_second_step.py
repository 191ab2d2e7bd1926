"""Logging in with a second factor: what the first step gives opens nothing, and the second can be guessed at by nobody."""

import json
import statistics
from time import perf_counter
from urllib.parse import urlencode

import pytest
from django.contrib.auth.hashers import make_password
from django.db import DatabaseError
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.authn.models import FailureCounter
from django_apiaccess.background import flusher
from django_apiaccess.mfa import challenges, recovery
from django_apiaccess.mfa.models import MFAChallenge
from django_apiaccess.models import Event, RefreshToken, TokenSession
from tests.mfa.factors import (
    ELSEWHERE,
    HOME,
    app_of,
    code_of,
    log_in,
    me,
    pending,
    post,
    said,
    send,
    sent_code,
    tokens,
    tokens_with,
    verify,
    wrong_for,
)

INVALID = (401, "invalid_mfa_token")
WRONG = (400, "invalid_code")
UNKNOWN = (400, "unknown_method")
OTHER_SEED = b"09876543210987654321"


# -- the first step


def test_attack_1_a_password_alone_gives_no_token_of_any_kind(app):
    answer = log_in(delivery="cookie")
    assert said(answer) == (403, "mfa_required")
    assert set(answer.json()) == {"detail", "code", "mfa_token", "expires_in", "methods"}
    assert not answer.cookies
    assert (TokenSession.objects.count(), RefreshToken.objects.count()) == (0, 0)
    assert answer["Cache-Control"] == "no-store"


def test_the_first_step_says_which_factors_there_are_and_no_more(app, phone, ann):
    recovery.make(ann)
    app_of(ann, confirmed=False, name="Not confirmed")
    answer = log_in().json()
    assert answer["expires_in"] == 300
    assert answer["methods"] == [
        {"id": app.uid, "type": "totp", "name": "App", "hint": ""},
        {"id": phone.uid, "type": "sms", "name": "Phone", "hint": "+31******78"},
        {"id": "recovery", "type": "recovery", "name": "Recovery codes", "hint": "10 left"},
    ]


def test_attack_18_a_wrong_password_says_nothing_of_a_second_factor(app, bob):
    answers = [log_in("ann", "wrong"), log_in("bob", "wrong"), log_in("nobody", "wrong")]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert not MFAChallenge.objects.exists()


def test_the_second_step_gives_the_tokens_that_the_first_one_asked_for(app):
    token = pending(scope="docs:read", device="a phone", delivery="cookie")
    answer = verify(token, "totp", code_of(app))
    assert answer.status_code == 200
    assert answer.json()["scope"] == "docs:read"
    assert "refresh_token" not in answer.json()
    assert answer.cookies["__Host-apiaccess_refresh"].value.startswith("rt_")
    assert TokenSession.objects.get().device == "a phone"


def test_scopes_that_were_lost_between_the_steps_are_not_given(app, ann):
    token = pending(scope="docs:write")
    ann.apiaccess_grants.filter(scope__name="docs:write").delete()
    assert said(verify(token, "totp", code_of(app))) == (400, "invalid_scope")
    assert not TokenSession.objects.exists()


def test_scopes_beyond_what_the_user_holds_are_refused_at_the_end_only_with_no_token(app):
    token = pending(scope="docs:delete")
    assert said(verify(token, "totp", code_of(app))) == (400, "invalid_scope")


# -- MF-12: the pending token opens nothing else


def test_mf_12_attack_2_the_mfa_token_is_no_bearer_token(app):
    token = pending()
    for scheme in ("Bearer", "Api-Key", "Token", "Basic"):
        answer = APIClient().get("/read-only/", HTTP_AUTHORIZATION=f"{scheme} {token}")
        assert answer.status_code == 401, scheme
    assert APIClient().get("/read-only/", HTTP_X_API_KEY=token).status_code == 401


def test_mf_12_attack_2_the_mfa_token_is_no_refresh_token_and_cannot_be_introspected(app, make_key, make_user):
    token = pending()
    assert said(post("token/refresh/", {"refresh_token": token})) == (400, "invalid_grant")
    resource = make_key(make_user("server", "tokens:introspect"), "tokens:introspect")
    told = APIClient().post(
        "/access/token/introspect/", {"token": token}, HTTP_AUTHORIZATION=f"Api-Key {resource.text}"
    )
    assert told.json() == {"active": False}
    assert post("token/revoke/", {"token": token}).status_code == 200
    assert verify(token, "totp", code_of(app)).status_code == 200


@pytest.mark.parametrize(
    "path", ["me/", "keys/", "sessions/", "mfa/methods/", "mfa/trusted-devices/", "mfa/recovery-codes/"]
)
def test_mf_12_the_mfa_token_opens_no_endpoint_of_ours(app, path):
    token = pending()
    assert APIClient().get(f"/access/{path}", HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 401
    assert post(path, {"mfa_token": token, "name": "x", "scopes": []}).status_code in {401, 405}


def test_attack_3_other_tokens_are_no_mfa_token(app, ann, make_key):
    given = tokens_with(app)
    key = make_key(ann, "docs:read")
    for text in (given["refresh_token"], key.text):
        assert said(verify(text, "totp", code_of(app))) == INVALID
        assert said(send(text)) == INVALID
    assert said(verify(given["access_token"], "totp", code_of(app))) == (400, "invalid_request")  # far too long


def test_attack_4_expired_unknown_used_and_mangled_tokens_are_one_answer(app, clock, ann):
    used = pending()
    assert verify(used, "totp", code_of(app)).status_code == 200
    clock.next_code()
    expired = pending()
    clock.pass_by(seconds=301)
    good = pending()
    unknown, _ = challenges.begin(MFAChallenge.Purpose.LOGIN, ann)
    MFAChallenge.objects.latest("pk").delete()
    mangled = [
        good[:-1],
        good + "0",
        good[:-1] + ("a" if good[-1] != "a" else "b"),
        good.upper(),
        good.replace("_", "-"),
    ]
    texts = [used, expired, unknown, *mangled, "mfa_", "x", "é" * 100, "mfa_" + "0" * 61]
    answers = [verify(text, "totp", code_of(app)) for text in texts]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert {answer["Cache-Control"] for answer in answers} == {"no-store"}
    assert verify(good, "totp", code_of(app)).status_code == 200


@pytest.mark.parametrize("odd", [None, 5, [], {}, ["mfa_x"], "", "x" * 513, "\0", True])
def test_attack_4_odd_json_in_the_place_of_the_token_is_refused(app, odd):
    for path in ("token/mfa/verify/", "token/mfa/challenge/"):
        answer = post(path, {"mfa_token": odd, "method": "totp", "code": "123456"})
        assert answer.status_code in {400, 401}, answer.content


@pytest.mark.parametrize("odd", [123456, 123456.0, None, [], ["123456"], {"code": "123456"}, True, "\0", "\ud83d"])
def test_attack_26_odd_json_in_the_place_of_the_code_is_refused_and_no_error(app, odd):
    body = json.dumps({"mfa_token": pending(), "method": "totp", "code": odd})
    answer = APIClient().post("/access/token/mfa/verify/", body, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert not TokenSession.objects.exists()


def test_the_token_lives_five_minutes_and_not_one_second_more(app, clock):
    token = pending()
    clock.pass_by(seconds=299)
    assert said(verify(token, "totp", wrong_for(app))) == WRONG
    clock.pass_by(seconds=1)
    assert said(verify(token, "totp", code_of(app))) == INVALID


def test_attack_5_a_log_in_is_not_finished_by_another_persons_factor(app, bob):
    of_bob = app_of(bob, seed=OTHER_SEED)
    assert said(verify(pending("ann"), of_bob.uid, code_of(of_bob))) == UNKNOWN
    assert said(verify(pending("ann"), "totp", code_of(of_bob))) == WRONG
    codes = recovery.make(bob)
    recovery.make(app.user)
    assert said(verify(pending("ann"), "recovery", codes[0])) == WRONG
    assert recovery.left(bob) == 10


def test_attack_7_an_unconfirmed_factor_proves_nothing(app, ann):
    unconfirmed = app_of(ann, seed=OTHER_SEED, confirmed=False)
    token = pending()
    assert said(verify(token, unconfirmed.uid, code_of(unconfirmed))) == UNKNOWN
    assert said(verify(token, "totp", code_of(unconfirmed))) == WRONG


def test_attack_7_an_unconfirmed_factor_alone_asks_for_nothing(ann, clock):
    app_of(ann, confirmed=False)
    assert log_in().status_code == 200


def test_attack_8_a_factor_that_was_taken_away_between_the_steps_proves_nothing(app, ann):
    other = app_of(ann, seed=OTHER_SEED)
    token = pending()
    code = code_of(app)
    app.delete()
    assert said(verify(token, app.uid, code)) == UNKNOWN
    assert verify(token, other.uid, code_of(other)).status_code == 200


def test_attack_8_a_method_that_was_switched_off_proves_nothing_and_opens_nothing(app, mfa):
    token = pending()
    mfa(METHODS=["webauthn", "recovery"])
    assert said(verify(token, "totp", code_of(app))) == UNKNOWN
    assert log_in().json()["methods"] == []


def test_attack_9_a_user_who_was_deactivated_between_the_steps_gets_nothing(app, ann):
    token = pending()
    ann.is_active = False
    ann.save()
    assert said(verify(token, "totp", code_of(app))) == INVALID
    assert said(send(token, "totp")) == INVALID


def test_attack_9_a_password_that_was_changed_between_the_steps_ends_the_log_in(app, ann):
    token = pending()
    ann.set_password("other")
    ann.save()
    assert said(verify(token, "totp", code_of(app))) == INVALID


def test_a_better_hash_of_the_same_password_does_end_it_too_and_the_next_log_in_works(app, ann):
    token = pending()
    ann.password = make_password("secret")
    ann.save()
    assert said(verify(token, "totp", code_of(app))) == INVALID
    assert verify(pending(), "totp", code_of(app)).status_code == 200


def test_attack_9_a_user_who_was_deleted_between_the_steps_is_no_error(app, ann):
    token = pending()
    ann.delete()
    assert said(verify(token, "totp", "123456")) == INVALID


def test_attack_10_a_token_is_for_one_purpose(app, clock, ann):
    login = pending()
    access = tokens_with(app)["access_token"]
    clock.next_code()
    step_up = post("mfa/step-up/", token=access).json()["mfa_token"]
    body = {"mfa_token": login, "method": "totp", "code": code_of(app)}
    assert said(post("mfa/step-up/verify/", body, token=access)) == INVALID
    assert said(post("mfa/step-up/", {"mfa_token": login, "method": "totp"}, token=access)) == INVALID
    assert said(verify(step_up, "totp", code_of(app))) == INVALID
    assert said(send(step_up, "totp")) == INVALID
    for token in (login, step_up):
        assert said(post("mfa/totp/", {"mfa_token": token})) == INVALID
    registration, _ = challenges.begin(MFAChallenge.Purpose.REGISTRATION, ann)
    assert said(verify(registration, "totp", code_of(app))) == INVALID
    enrolment, _ = challenges.begin(MFAChallenge.Purpose.ENROLMENT, ann)
    assert said(verify(enrolment, "totp", code_of(app))) == INVALID


# -- guessing


def test_attack_12_the_sixth_try_is_refused_though_its_code_is_right(app):
    token = pending()
    assert [said(verify(token, "totp", wrong_for(app))) for _ in range(5)] == [WRONG] * 5
    assert said(verify(token, "totp", code_of(app))) == INVALID


def test_attack_13_mf_06_a_new_log_in_does_not_reset_the_count(app):
    for _ in range(5):
        assert said(verify(pending(), "totp", wrong_for(app))) == WRONG
    assert said(verify(pending(), "totp", wrong_for(app))) == WRONG
    answer = verify(pending(), "totp", code_of(app))
    assert said(answer) == (429, "too_many_failures")
    assert int(answer["Retry-After"]) >= 1
    assert not TokenSession.objects.exists()


def test_mf_06_a_closed_factor_takes_no_try_of_the_challenge_and_opens_again(app, clock):
    for _ in range(6):
        verify(pending(), "totp", wrong_for(app))
    token = pending()
    waits = [verify(token, "totp", code_of(app)) for _ in range(8)]
    assert {answer.status_code for answer in waits} == {429}
    assert MFAChallenge.objects.latest("pk").attempts == 0
    clock.pass_by(seconds=int(waits[-1]["Retry-After"]) + 1)
    assert verify(token, "totp", code_of(app)).status_code == 200


def test_mf_06_ten_wrong_codes_make_it_a_matter_of_minutes(app, clock):
    for _ in range(10):
        answer = verify(pending(), "totp", wrong_for(app))
        while answer.status_code == 429:
            clock.pass_by(seconds=int(answer["Retry-After"]) + 1)
            answer = verify(pending(), "totp", wrong_for(app))
    answer = verify(pending(), "totp", code_of(app))
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 8


def test_wrong_codes_on_one_factor_slow_down_no_other(app, phone, ann):
    codes = recovery.make(ann)
    for _ in range(6):
        verify(pending(), "totp", wrong_for(app))
    assert verify(pending(), "totp", code_of(app)).status_code == 429
    assert verify(pending(), "recovery", codes[0]).status_code == 200
    token = pending()
    send(token)
    assert verify(token, "sms", sent_code()).status_code == 200


def test_attack_14_more_factors_are_not_more_guesses_for_free(ann, clock):
    apps = [app_of(ann, seed=bytes([number]) * 20, name=f"App {number}") for number in range(8)]
    answers = [verify(pending(), device.uid, wrong_for(device)).status_code for _ in range(4) for device in apps]
    assert answers.count(400) <= 21
    assert answers[-1] == 429
    assert verify(pending(), apps[0].uid, code_of(apps[0])).status_code == 429


def test_attack_17_nobody_elsewhere_can_lock_the_owner_out_of_a_known_network(app, clock):
    tokens_with(app)
    clock.next_code()
    for _ in range(8):
        verify(pending(address=ELSEWHERE), "totp", wrong_for(app), address=ELSEWHERE)
    assert verify(pending(address=ELSEWHERE), "totp", code_of(app), address=ELSEWHERE).status_code == 429
    assert verify(pending(), "totp", code_of(app)).status_code == 200


def test_attack_17_from_the_known_network_guesses_are_counted_too(app, clock):
    tokens_with(app)
    clock.next_code()
    answers = [verify(pending(), "totp", wrong_for(app)).status_code for _ in range(7)]
    assert answers == [400] * 6 + [429]


def test_who_is_locked_out_elsewhere_gets_in_by_another_factor(app, ann):
    codes = recovery.make(ann)
    for _ in range(8):
        verify(pending(address=ELSEWHERE), "totp", wrong_for(app), address=ELSEWHERE)
    assert verify(pending(address=ELSEWHERE), "recovery", codes[3], address=ELSEWHERE).status_code == 200


def test_attack_16_a_log_that_cannot_be_written_takes_no_counter_back(app, monkeypatch):
    token = pending()

    def broken(*_arguments, **_options):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(Event, "save", broken)
    assert said(verify(token, "totp", wrong_for(app))) == WRONG
    assert MFAChallenge.objects.get().attempts == 1
    assert FailureCounter.objects.filter(subject__startswith="mfa:", count=1).count() == 2


def test_attack_18_wrong_used_and_malformed_codes_are_one_answer(app):
    verify(pending(), "totp", code_of(app))
    texts = [wrong_for(app), code_of(app), code_of(app, -5), "12345", "abcdef", "", "1" * 4096]
    answers = [verify(pending(), "totp", text) for text in texts[:5]]
    FailureCounter.objects.all().delete()
    answers += [verify(pending(), "totp", text) for text in texts[5:]]
    assert {answer.status_code for answer in answers} == {400}
    assert len({answer.content for answer in answers}) == 1


def test_attack_18_an_unknown_challenge_costs_about_as_much_as_a_known_one(app, ann):
    known = pending()
    unknown, made = challenges.begin(MFAChallenge.Purpose.LOGIN, ann)
    made.delete()

    def median(text):
        took = []
        for _ in range(15):
            start = perf_counter()
            post("mfa/totp/", {"mfa_token": text})
            took.append(perf_counter() - start)
        return statistics.median(took)

    assert median(known) < 3 * median(unknown)


def test_a_failed_second_step_is_an_event_that_names_account_and_method_and_no_code(app):
    verify(pending(), "totp", wrong_for(app))
    event = Event.objects.get(action="mfa.refused")
    assert (event.outcome, event.reason) == ("failed", "wrong_code")
    assert event.details["method"] == "totp"
    assert event.details["account"] == "ann"
    assert event.address == HOME


def test_a_closed_factor_is_an_event_too(app):
    for _ in range(7):
        verify(pending(), "totp", wrong_for(app))
    flusher.flush()
    assert Event.objects.filter(action="mfa.refused", reason="too_many_failures").exists()


# -- what was proven


@pytest.mark.parametrize(
    ("method", "amr", "acr"),
    [
        ("totp", ["pwd", "otp", "mfa"], "aal2"),
        ("sms", ["pwd", "otp", "sms", "mfa"], "aal2-sms"),
        ("recovery", ["pwd", "otp", "mfa"], "aal2"),
    ],
)
def test_mf_13_the_tokens_say_what_was_proven(app, phone, ann, clock, method, amr, acr):
    codes = recovery.make(ann)
    token = pending()
    if method == "sms":
        send(token)
    code = {"totp": code_of(app), "recovery": codes[0]}.get(method) or sent_code()
    given = verify(token, method, code).json()
    told = me(given["access_token"])
    assert (told["amr"], told["acr"]) == (amr, acr)
    session = TokenSession.objects.get()
    assert (session.amr.split(), session.acr, session.auth_time) == (amr, acr, clock.now)


def test_mf_13_attack_19_refreshing_copies_it_and_renews_nothing(app, clock):
    given = tokens_with(app)
    first = me(given["access_token"])
    clock.pass_by(hours=1)
    given = post("token/refresh/", {"refresh_token": given["refresh_token"]}).json()
    again = me(given["access_token"])
    assert [again[name] for name in ("amr", "acr", "auth_time")] == [
        first[name] for name in ("amr", "acr", "auth_time")
    ]


def test_mf_13_a_password_alone_says_so(ann, clock):
    told = me(tokens()["access_token"])
    assert (told["amr"], told["acr"]) == (["pwd"], "aal1")


def test_attack_20_a_key_never_reaches_a_level(app, ann, make_key):
    key = make_key(ann, "docs:write")
    answer = APIClient().post("/documents/1/publish/", HTTP_AUTHORIZATION=f"Api-Key {key.text}")
    assert said(answer) == (403, "mfa_impossible")
    told = APIClient().get("/access/me/", HTTP_AUTHORIZATION=f"Api-Key {key.text}").json()
    assert not told["acr"]


def test_several_factors_of_one_type_must_be_named_by_id(app, ann):
    other = app_of(ann, seed=OTHER_SEED)
    token = pending()
    assert said(verify(token, "totp", code_of(app))) == UNKNOWN
    assert MFAChallenge.objects.get().attempts == 0
    assert verify(token, other.uid, code_of(other)).status_code == 200


@pytest.mark.parametrize(
    "method", ["", "nonsense", "password", "../totp", "\u0000", "x" * 65, "otp-1", "webauthn", "sms"]
)
def test_methods_that_the_account_does_not_have_are_refused(app, method):
    answer = verify(pending(), method, "123456")
    assert answer.status_code == 400, answer.content
    assert not TokenSession.objects.exists()


def test_a_seed_that_cannot_be_read_any_more_is_a_wrong_code_and_other_factors_work(app, ann, settings, caplog):
    settings.API_ACCESS = {**settings.API_ACCESS, "PEPPERS": ["another-pepper-of-the-suite-0123456789abcdef"]}
    codes = recovery.make(ann)
    assert said(verify(pending(), "totp", "123456")) == WRONG
    assert app.uid in caplog.text
    assert verify(pending(), "recovery", codes[0]).status_code == 200


def test_a_pepper_can_be_changed_without_breaking_an_app_or_a_pending_log_in(app, ann, settings):
    codes = recovery.make(ann)
    token = pending()
    old = settings.API_ACCESS["PEPPERS"]
    settings.API_ACCESS = {**settings.API_ACCESS, "PEPPERS": ["another-pepper-of-the-suite-0123456789abcdef", *old]}
    assert verify(token, "totp", code_of(app)).status_code == 200
    assert verify(pending(), "recovery", codes[0]).status_code == 200


def test_the_form_of_the_endpoints_is_strict(app):
    assert APIClient().get("/access/token/mfa/verify/").status_code == 405
    bad = APIClient().post("/access/token/mfa/verify/", "{", content_type="application/json")
    assert bad.status_code == 400
    twice = f'{{"mfa_token": "{pending()}", "mfa_token": "x", "method": "totp", "code": "1"}}'
    assert APIClient().post("/access/token/mfa/verify/", twice, content_type="application/json").status_code == 400
    huge = APIClient().post("/access/token/mfa/verify/", "x" * 70_000, content_type="application/json")
    assert huge.status_code == 400


def test_a_form_of_another_site_can_set_no_cookie_by_a_second_step(app):
    body = {"mfa_token": pending(), "method": "totp", "code": code_of(app), "remember": "true"}
    answer = APIClient().post("/access/token/mfa/verify/", body, format="multipart")
    assert answer.status_code in {400, 415}
    answer = APIClient().post(
        "/access/token/mfa/verify/", urlencode(body), content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 400
    assert not answer.cookies


def test_over_plain_http_nothing_is_looked_at_where_tls_is_required(app, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": True}
    client = APIClient()
    body = {"username": "ann", "password": "secret"}
    assert said(client.post("/access/token/", body)) == (403, "insecure_transport")
    token = client.post("/access/token/", body, secure=True).json()["mfa_token"]
    body = {"mfa_token": token, "method": "totp", "code": code_of(app)}
    for path in ("token/mfa/verify/", "token/mfa/challenge/", "mfa/totp/"):
        assert said(client.post(f"/access/{path}", body)) == (403, "insecure_transport")
    assert MFAChallenge.objects.get().attempts == 0
    assert client.post("/access/token/mfa/verify/", body, secure=True).status_code == 200


def test_the_end_of_a_challenge_counts_from_its_beginning(app):
    pending()
    made = MFAChallenge.objects.get()
    assert made.expires_at - made.created_at == challenges.LIFETIME
    assert abs((made.created_at - timezone.now()).total_seconds()) < 1
