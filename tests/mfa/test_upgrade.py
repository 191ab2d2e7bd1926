"""django-otp's own devices become ours: everybody's app and codes go on working, and their seeds are sealed."""

import pytest
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from django_apiaccess.events.source import Actor
from django_apiaccess.mfa import recovery, totp, upgrade
from django_apiaccess.mfa.models import RecoveryCode, TOTPFactor
from django_apiaccess.models import Event

from .factors import SEED, code_of, pending, said, verify


@pytest.fixture
def old(ann, bob, clock):
    """Devices as a project has them that comes from django-otp."""
    device = TOTPDevice.objects.create(user=ann, key=SEED.hex(), name="Phone", confirmed=True)
    TOTPDevice.objects.create(user=bob, key=(b"b" * 20).hex(), name="", confirmed=False)
    static = StaticDevice.objects.create(user=ann, name="backup")
    for token in ("abcdefgh", "ABC234ol"):
        StaticToken.objects.create(device=static, token=token)
    return device


def run(**options):
    return upgrade.upgrade(by=Actor.command("test"), **options)


def test_an_app_goes_on_working_and_its_seed_is_sealed(old, ann):
    assert run() == {"totp devices": 2, "static tokens": 2}
    assert not TOTPDevice.objects.exists()
    made = TOTPFactor.objects.get(user=ann)
    assert (made.name, made.confirmed, made.bin_key) == ("Phone", True, SEED)
    assert SEED.hex() not in made.sealed_key
    assert verify(pending(), "totp", code_of(made)).status_code == 200


def test_an_unconfirmed_device_stays_unconfirmed(old, bob):
    run()
    assert not TOTPFactor.objects.get(user=bob).confirmed


def test_a_code_that_was_used_before_is_used_afterwards_too(old):
    code = code_of(old)
    assert totp.use_code(old, code)
    run()
    made = TOTPFactor.objects.get(confirmed=True)
    assert made.last_used_at is not None
    assert not totp.use_code(made, code)


def test_static_tokens_go_on_working_once_and_are_readable_nowhere(old, ann):
    run()
    assert not StaticToken.objects.exists()
    assert "abcdefgh" not in str(list(RecoveryCode.objects.values()))
    assert recovery.left(ann) == 2
    for token in ("abcdefgh", "ABC234ol"):
        assert verify(pending(), "recovery", token).status_code == 200
    assert recovery.left(ann) == 0


def test_a_static_token_is_right_as_it_was_written_only(old, ann):
    run()
    assert not recovery.use_code(ann, "ABCDEFGH")
    assert not recovery.use_code(ann, "abc2340l")


def test_a_dry_run_counts_and_changes_nothing(old):
    assert run(dry_run=True) == {"totp devices": 2, "static tokens": 2}
    assert (TOTPDevice.objects.count(), StaticToken.objects.count(), TOTPFactor.objects.count()) == (2, 2, 0)


def test_it_can_be_run_again(old):
    run()
    assert run() == {"totp devices": 0, "static tokens": 0}
    assert TOTPFactor.objects.count() == 2


def test_it_can_be_stopped_in_the_middle_and_run_again(old, ann, monkeypatch):
    move = upgrade._totp
    done = []

    def stopped(device, by, dry_run):
        if done:
            raise KeyboardInterrupt
        done.append(device)
        return move(device, by, dry_run)

    monkeypatch.setattr(upgrade, "_totp", stopped)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert TOTPDevice.objects.count() + TOTPFactor.objects.count() == 2
    monkeypatch.undo()
    run()
    assert (TOTPDevice.objects.count(), TOTPFactor.objects.count()) == (0, 2)


def test_it_is_written_down_without_a_secret(old):
    run()
    events = str(list(Event.objects.filter(action="factors.upgraded").values()))
    assert Event.objects.filter(action="factors.upgraded").count() == 3
    assert not any(secret in events for secret in (SEED.hex(), "abcdefgh", "ABC234ol"))


def test_before_it_ran_the_old_devices_are_asked_for_already(old):
    assert said(verify(pending(), f"otp-{old.pk}", "000000")) == (400, "invalid_code")
    assert verify(pending(), f"otp-{old.pk}", code_of(old)).status_code == 200
