"""Second factors against each other: what counts once counts once, for any number of requests at the same moment."""

from __future__ import annotations

import shutil
import time
from functools import partial
from threading import Barrier

import pytest
from django.db import connection
from rest_framework.test import APIClient

from django_apiaccess.authn.models import FailureCounter, RateCounter
from django_apiaccess.events.source import Actor
from django_apiaccess.mfa import challenges, enrolment, policy, recovery, sms_codes, totp
from django_apiaccess.mfa.errors import FactorExists, LastFactor, NoSuchMethod
from django_apiaccess.mfa.methods import factors_of
from django_apiaccess.mfa.models import MFAChallenge, RecoveryCode, SMSFactor, TOTPFactor
from django_apiaccess.models import Event, TokenSession
from django_apiaccess.sms import SendResult, SMSGateway
from tests.mfa.factors import (
    HOME,
    NUMBER,
    OTHER_NUMBER,
    app_of,
    code_of,
    log_in,
    pending,
    phone_of,
    post,
    said,
    send,
    sent_code,
    tokens_with,
    verify,
    wrong_for,
)
from tests.mfa.fixtures import *  # noqa: F403 - the fixtures of tests of second factors

from .conftest import SQLiteFile
from .threads import race, raised, returned, stop_before

TOGETHER = 8
SEEDS = [bytes([number]) * 20 for number in range(1, 9)]

if connection.vendor == "sqlite":

    @pytest.fixture(params=["immediate", "as Django has it"], autouse=True)
    def _database(request, sqlite_template, tmp_path, django_db_blocker):
        """SQLite as the documentation advises, and as a project has it that never heard of that."""
        path = tmp_path / "mode.sqlite3"
        shutil.copy(sqlite_template, path)
        mode = {"immediate": "IMMEDIATE"}.get(request.param, "DEFERRED")
        with django_db_blocker.unblock(), SQLiteFile(path, transaction_mode=mode):
            yield

    @pytest.fixture
    def db(_database):
        """The file."""


def statuses(answers):
    assert raised(answers) == []
    return sorted(answer.status_code for answer in answers)


def free(api_access):
    """Failures cost no delay: what is counted here is the challenge's own bound, or the code's."""
    api_access(LOCKOUT={"ACCOUNT_FREE": 10_000, "NETWORK_FREE": 10_000})


@pytest.mark.parametrize("tolerance", [0, 1])
def test_mf_01_attack_21_one_totp_code_at_eight_requests_of_eight_log_ins_is_right_once(
    ann, clock, api_access, tolerance
):
    free(api_access)
    app = app_of(ann, tolerance=tolerance)
    for _round in range(3):
        waiting = [pending() for _ in range(TOGETHER)]
        code = code_of(app)
        answers = race(*[partial(verify, token, app.uid, code) for token in waiting])
        assert statuses(answers) == [200] + [400] * 7
        clock.next_code()
    assert TokenSession.objects.count() == 3


@pytest.mark.parametrize("tolerance", [0, 1])
def test_mf_01_attack_21_one_totp_code_at_eight_requests_of_one_log_in_is_right_once(ann, clock, api_access, tolerance):
    free(api_access)
    app = app_of(ann, tolerance=tolerance)
    token, code = pending(), code_of(app)
    answers = race(*[lambda: verify(token, "totp", code)] * TOGETHER)
    assert raised(answers) == []
    assert [answer.status_code for answer in answers].count(200) == 1
    assert TokenSession.objects.count() == 1
    assert MFAChallenge.objects.get().attempts <= 5


def test_mf_01_every_code_of_the_window_at_once_gives_as_many_log_ins_as_there_are_steps_in_order(
    ann, clock, api_access
):
    """Three codes are right at a moment; those of older steps are dead once a newer one was used."""
    free(api_access)
    app = app_of(ann)
    codes = [code_of(app, steps) for steps in (-1, 0, 1)] * 3
    waiting = [pending() for _ in codes]
    answers = race(*[lambda pair=pair: verify(pair[0], "totp", pair[1]) for pair in zip(waiting, codes, strict=True)])
    assert raised(answers) == []
    right = [code for code, answer in zip(codes, answers, strict=True) if answer.status_code == 200]
    assert 1 <= len(right) == len(set(right)) <= 3


def test_mf_01_a_code_that_two_requests_found_right_before_either_wrote_is_right_once(ann, clock):
    app = app_of(ann)
    code, both = code_of(app), Barrier(2)

    def use():
        device = TOTPFactor.objects.get(pk=app.pk)
        with stop_before("UPDATE", lambda: both.wait(20)):
            return totp.use_code(device, code)

    assert sorted(race(use, use)) == [False, True]


def test_attack_32_mf_01_one_recovery_code_at_eight_requests_is_right_once(ann, clock, api_access):
    free(api_access)
    app_of(ann)
    for _round in range(3):
        code = recovery.make(ann)[0]
        waiting = [pending() for _ in range(TOGETHER)]
        answers = race(*[partial(verify, token, "recovery", code) for token in waiting])
        assert statuses(answers) == [200] + [400] * 7
    assert recovery.left(ann) == 9


def test_attack_32_one_static_token_of_django_otp_is_right_once(ann, clock):
    from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

    device = StaticDevice.objects.create(user=ann)
    StaticToken.objects.create(device=device, token="abcdefgh")
    outcomes = race(*[lambda: recovery.use_code(ann, "abcdefgh")] * TOGETHER)
    assert returned(outcomes).count(True) == 1
    assert {str(error) for error in raised(outcomes)} <= {"database is locked"}
    assert recovery.left(ann) == 0


def test_mf_01_one_sms_code_at_eight_requests_is_right_once(ann, phone, api_access):
    free(api_access)
    token = pending()
    send(token)
    code = sent_code()
    answers = race(*[lambda: verify(token, "sms", code)] * TOGETHER)
    assert raised(answers) == []
    assert [answer.status_code for answer in answers].count(200) == 1
    assert TokenSession.objects.count() == 1


def test_attack_11_of_twelve_guesses_at_once_five_are_admitted(ann, clock, api_access):
    free(api_access)
    app = app_of(ann)
    token = pending()
    answers = race(*[lambda: verify(token, "totp", wrong_for(app))] * 12)
    assert statuses(answers) == [400] * 5 + [401] * 7
    assert MFAChallenge.objects.get().attempts == 5
    assert said(verify(token, "totp", code_of(app))) == (401, "invalid_mfa_token")


def test_mf_06_guesses_at_many_log_ins_at_once_are_counted_together(ann, clock):
    app = app_of(ann)
    waiting = [pending() for _ in range(16)]
    answers = race(*[lambda token=token: verify(token, "totp", wrong_for(app)) for token in waiting])
    assert raised(answers) == []
    wrong = [answer for answer in answers if answer.status_code == 400]
    assert len(wrong) <= 6
    assert {answer.status_code for answer in answers} <= {400, 429}


def test_a_challenge_that_two_requests_proved_is_used_once(ann, clock):
    text, challenge = challenges.begin(MFAChallenge.Purpose.LOGIN, ann)
    from django.utils import timezone

    from django_apiaccess.core.proof import Proof

    challenges.prove(challenge, Proof(("pwd", "otp"), "aal2", timezone.now()))
    found = [challenges.find(text, ["login"]) for _ in range(TOGETHER)]
    outcomes = race(*[lambda one=one: challenges.use(one) for one in found])
    assert len(returned(outcomes)) == 1
    assert {type(error).__name__ for error in raised(outcomes)} == {"InvalidChallenge"}


# -- adding and removing


def request_of():
    from django.test import RequestFactory

    return RequestFactory().post("/", REMOTE_ADDR=HOME)


def test_attack_30_of_two_removals_of_the_last_two_factors_under_a_policy_one_is_refused(make_user, clock, mfa):
    mfa(REQUIRED_FOR=["staff"])
    for number in range(4):
        user = make_user(f"boss{number}", is_staff=True)
        apps = [app_of(user, seed=SEEDS[index], name=f"App {index}") for index in range(2)]
        by = Actor.of_user(user)
        outcomes = race(*[partial(enrolment.remove, user, one.uid, by=by) for one in apps])
        assert [type(error) for error in raised(outcomes)] == [LastFactor]
        assert len(factors_of(user)) == 1
    assert Event.objects.filter(action="factor.removed").count() == 4


def test_a_factor_that_is_removed_twice_at_once_is_removed_once(ann, clock):
    app = app_of(ann)
    outcomes = race(*[lambda: enrolment.remove(ann, app.uid, by=Actor.of_user(ann))] * 4)
    assert {type(error) for error in raised(outcomes)} == {NoSuchMethod}
    assert len(returned(outcomes)) == 1
    assert Event.objects.filter(action="factor.removed").count() == 1


def test_mf_10_of_two_first_factors_that_are_confirmed_at_once_one_is_added(make_user, sms, clock):
    """A thief of the password and its owner, both in the middle of enrolling: the second one of them gets nothing."""
    for number in range(4):
        user = make_user(f"user{number}")
        phone = enrolment.begin_sms(user, NUMBER, request=request_of())
        code = sent_code()
        app = TOTPFactor.objects.get(uid=enrolment.begin_totp(user).id)
        outcomes = race(
            partial(enrolment.confirm_totp, user, app.uid, code_of(app), request=request_of()),
            partial(enrolment.confirm_sms, user, phone.id, code, request=request_of()),
        )
        assert [type(error) for error in raised(outcomes)] == [FactorExists]
        assert len(factors_of(user)) == 1


def test_mf_10_over_http_of_two_enrolments_of_one_account_one_goes_on(make_user, mfa, clock):
    mfa(REQUIRED_FOR=["everyone"])
    user = make_user("ann")
    waiting = [log_in().json()["mfa_token"] for _ in range(2)]
    assert len(set(waiting)) == 2
    made = [TOTPFactor(user=user, name=f"App {index}") for index in range(2)]
    for device, seed in zip(made, SEEDS, strict=False):  # as two requests leave them that began at the same moment
        device.seal(seed)
        device.save()

    def confirm(index):
        device = made[index]
        return post(f"mfa/totp/{device.uid}/confirm/", {"mfa_token": waiting[index], "code": code_of(device)})

    answers = race(lambda: confirm(0), lambda: confirm(1))
    assert raised(answers) == []
    assert [answer.status_code for answer in answers].count(201) == 1
    assert TOTPFactor.objects.filter(confirmed=True).count() == 1
    went_on = [verify(token, "", "").status_code for token in waiting]
    assert sorted(went_on) == [200, 401]


def test_one_confirmation_twice_at_once_adds_one_factor(ann, clock):
    app = TOTPFactor.objects.get(uid=enrolment.begin_totp(ann).id)
    code = code_of(app)
    outcomes = race(*[lambda: enrolment.confirm_totp(ann, app.uid, code, request=request_of())] * 4)
    assert len(returned(outcomes)) == 1
    assert Event.objects.filter(action="factor.added").count() == 1


def test_one_number_is_added_once_however_often_it_is_begun(ann, sms, clock, mfa):
    app_of(ann)
    challenges_and_codes = []
    for _ in range(3):
        device = SMSFactor.objects.create(user=ann, number=OTHER_NUMBER, confirmed=False)
        _, challenge = challenges.begin(MFAChallenge.Purpose.REGISTRATION, ann)
        sms_codes.send_code(challenge, device, request_of())
        challenges_and_codes.append((device.uid, sent_code()))
    outcomes = race(
        *[
            lambda pair=pair: enrolment.confirm_sms(ann, pair[0], pair[1], request=request_of(), further=True)
            for pair in challenges_and_codes
        ]
    )
    assert len(returned(outcomes)) == 1
    assert SMSFactor.objects.filter(user=ann, number=OTHER_NUMBER, confirmed=True).count() == 1


def test_recovery_codes_that_are_made_at_once_leave_one_set(ann, clock):
    app_of(ann)
    sets = race(*[lambda: enrolment.make_recovery_codes(ann, request=request_of())] * 4)
    assert raised(sets) == []
    assert RecoveryCode.objects.filter(user=ann).count() == 10
    alive = [codes for codes in sets if recovery.use_code(ann, codes[0])]
    assert len(alive) == 1


def test_the_clock_of_a_duty_starts_once(make_user, mfa):
    mfa(REQUIRED_FOR=["everyone"], GRACE="3d")
    user = make_user("ann")
    ends = race(*[lambda: policy.enrol_by(user)] * TOGETHER)
    assert raised(ends) == []
    assert len(set(ends)) == 1


# -- messages


class Slow(SMSGateway):
    """Takes its time, and notes whether a transaction is open meanwhile."""

    sent: list = []
    in_transaction: list = []

    def send(self, to, body, *, purpose):
        time.sleep(0.2)
        Slow.in_transaction.append(connection.in_atomic_block)
        Slow.sent.append(body)
        return SendResult(str(len(Slow.sent)), "slow", "sent")


@pytest.fixture
def slow(mfa):
    mfa(SMS_GATEWAY=f"{__name__}.Slow", SMS_COOLDOWN="0s")
    Slow.sent.clear()
    Slow.in_transaction.clear()
    return Slow


def test_mf_06_messages_that_are_asked_for_at_once_keep_to_the_limit(ann, clock, slow, mfa):
    mfa(SMS_PER_USER="3/h")
    phone_of(ann)
    waiting = [pending() for _ in range(TOGETHER)]
    answers = race(*[lambda token=token: send(token) for token in waiting])
    assert statuses(answers) == [200] * 3 + [429] * 5
    assert len(slow.sent) == 3


def test_mf_06_a_cooldown_lets_one_of_eight_clicks_through(ann, clock, slow, mfa):
    mfa(SMS_COOLDOWN="30s")
    phone_of(ann)
    token = pending()
    answers = race(*[lambda: send(token)] * TOGETHER)
    assert statuses(answers) == [200] + [429] * 7
    assert len(slow.sent) == 1


def test_attack_44_a_slow_gateway_holds_nobody_up(ann, bob, clock, slow, monkeypatch):
    """No lock and no transaction is held while it takes its time: another log-in is finished meanwhile."""
    phone_of(ann)
    app = app_of(bob)
    inside, go_on = Barrier(2), Barrier(2)

    def blocked(self, to, body, *, purpose):
        inside.wait(20)
        go_on.wait(20)
        return SendResult("1", "slow", "sent")

    monkeypatch.setattr(Slow, "send", blocked)
    token = pending()

    def another():
        inside.wait(20)
        answer = verify(pending("bob"), "totp", code_of(app))
        go_on.wait(20)
        return answer

    answers = race(lambda: send(token), another)
    assert statuses(answers) == [200, 200]


# -- requests in a transaction


@pytest.fixture
def atomic_requests(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


def test_attack_15_with_atomic_requests_every_counter_survives(ann, clock, atomic_requests):
    app = app_of(ann)
    token = pending()
    for _ in range(3):
        assert said(verify(token, "totp", wrong_for(app))) == (400, "invalid_code")
    assert MFAChallenge.objects.get().attempts == 3
    assert FailureCounter.objects.filter(subject__startswith="mfa:", count=3).count() == 2
    for _ in range(3):
        assert said(verify(pending(), "totp", wrong_for(app))) == (400, "invalid_code")
    assert verify(pending(), "totp", code_of(app)).status_code == 429
    assert Event.objects.filter(action="mfa.refused", reason="wrong_code").count() == 6


def test_attack_15_with_atomic_requests_a_step_up_counts_its_wrong_codes(ann, clock, atomic_requests):
    app = app_of(ann)
    access = tokens_with(app)["access_token"]
    clock.next_code()
    started = post("mfa/step-up/", token=access).json()["mfa_token"]
    body = {"mfa_token": started, "method": "totp", "code": wrong_for(app)}
    for _ in range(5):
        assert said(post("mfa/step-up/verify/", body, token=access)) == (400, "invalid_code")
    assert MFAChallenge.objects.get(purpose="step_up").attempts == 5
    body["code"] = code_of(app)
    assert said(post("mfa/step-up/verify/", body, token=access)) == (401, "invalid_mfa_token")


def test_attack_15_with_atomic_requests_guesses_at_a_new_factor_are_counted(ann, sms, clock, atomic_requests):
    access = log_in().json()["access_token"]
    begun = post("mfa/sms/", {"number": NUMBER}, token=access).json()
    for _ in range(5):
        wrong = f"{(int(sent_code()) + 1) % 10**6:06d}"
        assert said(post(f"mfa/sms/{begun['id']}/confirm/", {"code": wrong}, token=access)) == (400, "invalid_code")
    answer = post(f"mfa/sms/{begun['id']}/confirm/", {"code": sent_code()}, token=access)
    assert said(answer) == (401, "invalid_mfa_token")
    app = post("mfa/totp/", {}, token=access).json()
    device = TOTPFactor.objects.get(uid=app["id"])
    answers = [
        post(f"mfa/totp/{app['id']}/confirm/", {"code": wrong_for(device)}, token=access).status_code for _ in range(7)
    ]
    assert answers == [400] * 6 + [429]


def test_attack_46_with_atomic_requests_a_message_goes_out_after_commit_and_is_counted(
    ann, clock, slow, atomic_requests, mfa
):
    mfa(SMS_PER_USER="2/h")
    phone_of(ann)
    answers = [send(pending()).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert slow.in_transaction == [False, False]
    assert RateCounter.objects.get(subject__startswith="sms:user").count == 2


def test_attack_44_with_atomic_requests_a_gateway_that_raises_leaves_the_counters(
    ann, clock, slow, atomic_requests, monkeypatch, mfa
):
    mfa(SMS_PER_USER="2/h")

    def broken(self, to, body, *, purpose):
        raise RuntimeError(body)

    monkeypatch.setattr(Slow, "send", broken)
    phone_of(ann)
    assert [send(pending()).status_code for _ in range(3)] == [503, 503, 429]


def test_with_atomic_requests_a_last_factor_stays(make_user, clock, mfa, atomic_requests):
    mfa(REQUIRED_FOR=["staff"])
    app = app_of(make_user("ann", is_staff=True))
    access = tokens_with(app)["access_token"]
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    assert said(client.delete(f"/access/mfa/methods/{app.uid}/")) == (409, "last_factor")
    assert TOTPFactor.objects.filter(pk=app.pk).exists()
