"""reset_mfa, list_mfa and upgrade_otp_devices."""

from __future__ import annotations

import io
import sys

import pytest
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from django_apiaccess.keys.accounts import create_service_account
from django_apiaccess.mfa import policy, recovery
from django_apiaccess.mfa.models import RecoveryCode, TOTPFactor
from django_apiaccess.models import Event
from tests.mfa.factors import NUMBER, SEED, app_of, code_of, pending, phone_of, tokens_with, verify


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read")


def names(ran):
    return [row["user"] for row in ran.json]


class TestReset:
    def test_mf_11_resets_and_says_what_it_did(self, run, ann):
        app = app_of(ann)
        recovery.make(ann)
        tokens_with(app)
        ran = run("reset_mfa", "ann", "--reason", "Lost her phone", "--yes")
        expected = "ann: 1 factor, 10 recovery codes, 0 trusted devices taken away; 1 token session and 0 Django sessions ended."
        assert ran.out.strip() == expected
        assert not policy.has_second_factor(ann)
        event = Event.objects.get(action="mfa.reset")
        assert (event.actor_kind, event.actor_label, event.reason) == ("command", "reset_mfa", "Lost her phone")

    def test_as_json(self, run, ann):
        app_of(ann)
        assert run("reset_mfa", "ann", "--reason", "x", "--yes", "--format", "json").json == {
            "user": "ann",
            "factors": ["totp"],
            "recovery_codes": 0,
            "trusted_devices": 0,
            "sessions": 0,
            "django_sessions": 0,
        }

    def test_where_nobody_can_be_asked_it_wants_a_yes(self, refused, ann, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
        app_of(ann)
        assert "add --yes" in refused("reset_mfa", "ann", "--reason", "x")
        assert policy.has_second_factor(ann)

    @pytest.mark.parametrize(("typed", "goes"), [("y", True), ("YES", True), ("", False), ("n", False), ("yo", False)])
    def test_at_a_terminal_it_shows_what_goes_and_asks(self, run, ann, monkeypatch, typed, goes):
        terminal = io.StringIO(f"{typed}\n")
        terminal.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", terminal)
        app_of(ann, name="Pixel")
        if goes:
            assert "totp 'Pixel'" in run("reset_mfa", "ann", "--reason", "x").err
        else:
            with pytest.raises(Exception, match="Nothing was changed"):
                run("reset_mfa", "ann", "--reason", "x")
        assert policy.has_second_factor(ann) is not goes

    def test_an_unknown_user_is_an_error_with_the_nearest(self, refused, ann):
        assert "Did you mean 'ann'?" in refused("reset_mfa", "anne", "--reason", "x", "--yes")

    def test_an_empty_reason_is_an_error(self, refused, ann):
        app_of(ann)
        assert "--reason" in refused("reset_mfa", "ann", "--reason", " ", "--yes")
        assert policy.has_second_factor(ann)

    def test_sessions_that_cannot_be_found_are_told(self, run, ann, settings):
        settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
        ran = run("reset_mfa", "ann", "--reason", "x", "--yes")
        assert "A new password ends them" in ran.err
        assert "Django session" not in ran.out


class TestList:
    @pytest.fixture(autouse=True)
    def people(self, make_user, operator):
        app_of(make_user("app"))
        phone_of(make_user("phone", is_staff=True))
        recovery.make(make_user("codes"))
        app_of(make_user("begun", is_superuser=True), confirmed=False)
        app_of(make_user("gone", is_active=False))
        owner = make_user("none")
        create_service_account(name="robot", owner=owner, purpose="x", by=operator)

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ((), ["app", "phone"]),
            (("--staff",), ["phone"]),
            (("--without",), ["begun", "codes", "none"]),
            (("--without", "--staff"), ["begun"]),
        ],
    )
    def test_who_has_one_and_who_has_none(self, run, options, expected):
        assert names(run("list_mfa", *options, "--format", "json")) == expected

    def test_a_row_says_of_which_kinds_and_never_a_number(self, run):
        ran = run("list_mfa", "--staff", "--format", "json")
        [row] = ran.json
        assert (row["factors"], row["staff"], row["superuser"], row["recovery_codes"]) == (["sms"], True, False, 0)
        assert NUMBER not in ran.out + run("list_mfa").out

    def test_many_come_in_batches(self, run, make_user, monkeypatch):
        monkeypatch.setattr("django_apiaccess.management.commands.list_mfa.BATCH", 2)
        for number in range(3):
            app_of(make_user(f"user{number}"))
        assert names(run("list_mfa", "--format", "json")) == ["app", "phone", "user0", "user1", "user2"]

    def test_nobody_is_told(self, run):
        TOTPFactor.objects.all().delete()
        ran = run("list_mfa", "--staff", "--without")
        assert "begun" in ran.out
        from django.contrib.auth import get_user_model

        get_user_model().objects.filter(username="begun").delete()
        assert "Nobody matches" in run("list_mfa", "--staff", "--without").err


class TestUpgrade:
    @pytest.fixture
    def old(self, ann):
        device = TOTPDevice.objects.create(user=ann, name="old", key=SEED.hex(), confirmed=True)
        StaticDevice.objects.create(user=ann, name="codes").token_set.create(token="abcd-efgh")
        return device

    def test_counts_and_moves_and_everything_goes_on_working(self, run, ann, old):
        code = code_of(old)
        assert run("upgrade_otp_devices", "--format", "json").json == {
            "dry_run": False,
            "upgraded": {"totp_devices": 1, "static_tokens": 1},
        }
        assert not TOTPDevice.objects.exists()
        assert not StaticToken.objects.exists()
        assert SEED.hex() not in str(list(TOTPFactor.objects.values()))
        assert "abcd" not in str(list(RecoveryCode.objects.values()))
        assert verify(pending(), "totp", code).status_code == 200
        assert verify(pending(), "recovery", "abcd-efgh").status_code == 200

    def test_a_dry_run_changes_nothing(self, run, old):
        ran = run("upgrade_otp_devices", "--dry-run")
        assert "totp devices" in ran.out
        assert "Nothing was changed" in ran.err
        assert TOTPDevice.objects.exists()
        assert not TOTPFactor.objects.exists()

    def test_again_finds_nothing(self, run, old):
        run("upgrade_otp_devices")
        assert run("upgrade_otp_devices", "--format", "json").json["upgraded"] == {
            "totp_devices": 0,
            "static_tokens": 0,
        }
