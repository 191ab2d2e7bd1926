"""A reset takes every factor away, ends what was proven with them, and is told; only by whoever may."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client, override_settings
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from django_apiaccess.events.source import Actor
from django_apiaccess.exceptions import InvalidChange
from django_apiaccess.keys.accounts import create_service_account
from django_apiaccess.login import administration
from django_apiaccess.login.administration import reset
from django_apiaccess.mfa import policy, recovery
from django_apiaccess.mfa.models import MFAChallenge, MFADuty, RecoveryCode, SMSFactor, TOTPFactor, TrustedDevice
from django_apiaccess.models import Event, TokenSession
from tests.mfa.factors import (
    NUMBER,
    app_of,
    call,
    code_of,
    log_in,
    pending,
    phone_of,
    said,
    tokens,
    tokens_with,
    verify,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read", email="ann@example.com")


@pytest.fixture
def eve(make_user):
    return make_user("eve")


def by(user):
    return Actor.of_user(user)


def browser_of(user):
    """A browser whose session has proven everything."""
    client = Client()
    client.force_login(user)
    session = client.session
    session["apiaccess_proof"] = {
        "auth_time": 1893456000,
        "amr": ["pwd", "otp", "mfa"],
        "acr": "aal2",
        "pending": False,
    }
    session.save()
    return client


def nothing_changed(user):
    return policy.has_second_factor(user) and not Event.objects.filter(action="mfa.reset").exists()


class TestWhatItTakesAway:
    def test_mf_11_every_factor_code_and_device_is_gone(self, ann, operator):
        app_of(ann)
        app_of(ann, name="begun", confirmed=False)
        phone_of(ann)
        TOTPDevice.objects.create(user=ann, name="old")
        codes = recovery.make(ann)
        StaticDevice.objects.create(user=ann, name="old").token_set.create(token="static-1")
        done = reset(ann, by=operator, reason="Lost her phone")
        assert sorted(done.factors) == ["sms", "totp", "totp", "totp"]
        assert done.recovery_codes == 11
        assert not policy.has_second_factor(ann)
        for model in (TOTPFactor, SMSFactor, RecoveryCode, TOTPDevice, StaticDevice):
            assert not model.objects.filter(user=ann).exists(), model
        assert not recovery.use_code(ann, codes[0])

    def test_somebody_elses_factors_and_sessions_stay(self, ann, eve, operator):
        app_of(ann)
        theirs = app_of(eve)
        codes = recovery.make(eve)
        token = tokens_with(theirs, "eve")["access_token"]
        reset(ann, by=operator, reason="x")
        assert policy.has_second_factor(eve)
        assert recovery.use_code(eve, codes[0])
        assert call("get", "/access/me/", token).status_code == 200

    def test_the_password_alone_logs_in_again(self, ann, operator):
        app_of(ann)
        assert log_in().status_code == 403
        reset(ann, by=operator, reason="x")
        assert log_in().status_code == 200

    def test_where_the_policy_wants_a_factor_the_next_log_in_enrols_and_gets_no_new_grace(
        self, ann, operator, settings
    ):
        settings.API_ACCESS = {**settings.API_ACCESS, "MFA": {"REQUIRED_FOR": ["everyone"], "GRACE": "1d"}}
        app_of(ann)
        MFADuty.objects.create(user=ann, since="2020-01-01T00:00:00Z")
        reset(ann, by=operator, reason="x")
        assert said(log_in()) == (403, "mfa_enrollment_required")


class TestWhatItEnds:
    def test_mf_11_token_sessions_end_at_once(self, ann, operator):
        app = app_of(ann)
        token = tokens_with(app)["access_token"]
        assert reset(ann, by=operator, reason="Stolen").sessions == 1
        assert call("get", "/access/me/", token).status_code == 401
        assert TokenSession.objects.get().revoked_reason == "Stolen"

    def test_mf_11_django_sessions_end_at_once(self, ann, eve, operator):
        mine, theirs = [browser_of(ann), browser_of(ann)], browser_of(eve)
        assert mine[0].get("/read-only/").status_code == 200
        assert reset(ann, by=operator, reason="x").django_sessions == 2
        assert [browser.get("/read-only/").status_code for browser in mine] == [401, 401]
        assert "_auth_user_id" in theirs.session
        assert Session.objects.count() == 1

    @override_settings(SESSION_ENGINE="django.contrib.sessions.backends.cached_db")
    def test_a_session_that_the_cache_holds_too_ends(self, ann, operator, django_capture_on_commit_callbacks):
        browser = browser_of(ann)
        assert browser.get("/read-only/").status_code == 200
        with django_capture_on_commit_callbacks(execute=True):
            assert reset(ann, by=operator, reason="x").django_sessions == 1
        assert browser.get("/read-only/").status_code == 401

    @pytest.mark.parametrize("engine", ["cache", "file", "signed_cookies"])
    def test_where_sessions_cannot_be_found_it_says_so(self, ann, operator, engine):
        with override_settings(SESSION_ENGINE=f"django.contrib.sessions.backends.{engine}"):
            assert reset(ann, by=operator, reason="x").django_sessions is None

    def test_a_session_that_cannot_be_read_does_not_stop_it(self, ann, operator):
        store = import_module("django.contrib.sessions.backends.db").SessionStore()
        store.create()
        Session.objects.update(session_data="no:signed:text")
        assert reset(ann, by=operator, reason="x").django_sessions == 0

    def test_an_attempt_that_is_under_way_is_over(self, ann, operator):
        app = app_of(ann)
        waiting = pending()
        code = code_of(app)
        reset(ann, by=operator, reason="x")
        assert said(verify(waiting, "totp", code)) == (401, "invalid_mfa_token")
        assert not MFAChallenge.objects.filter(used_at=None).exists()

    def test_trusted_devices_are_trusted_no_more(self, ann, operator):
        app = app_of(ann)
        answer = verify(pending(), "totp", code_of(app), remember=True)
        assert answer.status_code == 200
        assert reset(ann, by=operator, reason="Stolen").trusted_devices == 1
        assert TrustedDevice.objects.get().revoked_at is not None
        assert Event.objects.get(action="device.trust_ended").reason == "Stolen"

    def test_api_keys_go_on(self, ann, operator, make_key, client_of):
        key = client_of(make_key(ann, "docs:read"))
        reset(ann, by=operator, reason="x")
        assert key.get("/read-only/").status_code == 200


class TestWhoMay:
    def test_an_operator_at_the_shell_may_reset_a_superuser(self, make_user, operator):
        root = make_user("root", is_superuser=True)
        app_of(root)
        reset(root, by=operator, reason="x")
        assert not policy.has_second_factor(root)

    def test_only_a_superuser_may_reset_a_superuser(self, make_user, eve):
        root, other = make_user("root", is_superuser=True), make_user("other", is_superuser=True)
        app_of(root)
        with pytest.raises(InvalidChange, match="Only a superuser"):
            reset(root, by=by(eve), reason="x")
        assert nothing_changed(root)
        reset(root, by=by(other), reason="x")
        assert not policy.has_second_factor(root)

    @pytest.mark.parametrize("superuser", [False, True])
    def test_nobody_resets_their_own(self, make_user, superuser):
        user = make_user("own", is_superuser=superuser)
        app_of(user)
        with pytest.raises(InvalidChange, match="Nobody resets their own"):
            reset(user, by=by(user), reason="x")
        assert nothing_changed(user)

    @pytest.mark.parametrize("reason", ["", "  \t"])
    def test_a_reason_is_needed(self, ann, operator, reason):
        app_of(ann)
        with pytest.raises(InvalidChange, match="Say why"):
            reset(ann, by=operator, reason=reason)
        assert nothing_changed(ann)

    def test_a_service_account_has_none(self, ann, operator):
        account = create_service_account(name="robot", owner=ann, purpose="x", by=operator)
        with pytest.raises(InvalidChange, match="service account"):
            reset(account.user, by=operator, reason="x")

    def test_what_fails_half_way_changes_nothing(self, ann, operator, monkeypatch):
        app = app_of(ann)
        token = tokens_with(app)["access_token"]

        def broken(user):
            raise RuntimeError

        monkeypatch.setattr(administration, "end_django_sessions", broken)
        with pytest.raises(RuntimeError):
            reset(ann, by=operator, reason="x")
        assert nothing_changed(ann)
        assert call("get", "/access/me/", token).status_code == 200


class TestWhatItTells:
    def test_the_event_has_who_why_and_what_and_no_secret(self, ann, eve):
        app_of(ann)
        phone_of(ann)
        tokens = recovery.make(ann)
        reset(ann, by=by(eve), reason="Seen in person")
        event = Event.objects.get(action="mfa.reset")
        assert (event.actor_label, event.target_label, event.reason) == ("eve", "ann", "Seen in person")
        assert event.details == {
            "factors": ["totp", "sms"],
            "recovery_codes": 10,
            "trusted_devices": 0,
            "sessions": 0,
            "django_sessions": 0,
        }
        text = str(list(Event.objects.values()))
        assert not [secret for secret in (NUMBER, NUMBER[3:-2], *tokens) if secret in text]

    def test_the_person_is_told(self, ann, operator, django_capture_on_commit_callbacks):
        app_of(ann)
        with django_capture_on_commit_callbacks(execute=True):
            reset(ann, by=operator, reason="A reason for administrators")
        [message] = mail.outbox
        assert message.to == ["ann@example.com"]
        assert message.subject == "The second factors of your account were reset"
        assert "A reason for administrators" not in message.body

    def test_a_person_without_any_factor_can_be_reset_too(self, ann, operator):
        token = tokens()["access_token"]
        done = reset(ann, by=operator, reason="x")
        assert (done.factors, done.sessions) == ((), 1)
        assert call("get", "/access/me/", token).status_code == 401
