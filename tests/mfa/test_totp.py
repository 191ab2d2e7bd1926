"""Codes of authenticator apps: each step once, near now, in one form; the seed is readable nowhere."""

import time

import pytest
from django.core.exceptions import FieldError
from django_otp.oath import totp as otp_totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from hypothesis import given
from hypothesis import strategies as st

from django_apiaccess.core.sealing import SealError
from django_apiaccess.mfa.models import TOTPFactor
from django_apiaccess.mfa.totp import MAX_DRIFT, use_code

from .factors import SEED, app_of, code_of, wrong_for


def fresh(device):
    """The device as another request reads it."""
    return type(device).objects.get(pk=device.pk)


def test_the_codes_are_those_of_rfc_6238(clock, ann, monkeypatch):
    """Appendix B, the eight digits of SHA-1."""
    device = app_of(ann, digits=8)
    for at, code in (
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
    ):
        monkeypatch.setattr(time, "time", lambda at=at: at)
        TOTPFactor.objects.update(last_t=-1, drift=0)
        assert use_code(fresh(device), code), at


def test_attack_21_mf_01_a_code_is_right_once(app):
    code = code_of(app)
    assert use_code(app, code)
    assert not use_code(fresh(app), code)
    assert not use_code(app, code)  # though this object was read before


def test_attack_21_of_two_requests_that_read_the_same_row_one_wins(app):
    first, second = fresh(app), fresh(app)
    assert [use_code(first, code_of(app)), use_code(second, code_of(app))] == [True, False]


def test_attack_22_a_code_of_the_step_before_is_dead_once_a_newer_one_was_used(app):
    before = code_of(app, -1)
    assert use_code(fresh(app), code_of(app))
    assert not use_code(fresh(app), before)


def test_of_two_codes_in_their_order_both_are_right(app):
    assert use_code(fresh(app), code_of(app, -1))
    assert use_code(fresh(app), code_of(app))


@pytest.mark.parametrize(("steps", "right"), [(-3, 0), (-2, 0), (-1, 1), (0, 1), (1, 1), (2, 0), (3, 0)])
def test_attack_23_mf_02_one_step_of_tolerance_and_no_more(app, steps, right):
    assert use_code(app, code_of(app, steps)) is bool(right)


@pytest.mark.parametrize(("steps", "right"), [(-1, 0), (0, 1), (1, 0)])
def test_attack_23_with_no_tolerance_only_the_present_step(clock, ann, steps, right):
    assert use_code(app_of(ann, tolerance=0), code_of(app_of(ann), steps)) is bool(right)


@pytest.mark.parametrize("steps", [-2, 2, 5, 40])
def test_attack_23_a_device_that_asks_for_more_tolerance_does_not_get_it(clock, ann, steps):
    device = app_of(ann, tolerance=100)
    assert not use_code(device, code_of(device, steps))


def test_a_step_changes_at_its_second(app, clock):
    code = code_of(app)
    clock.pass_by(seconds=15 + 29)  # the last second of the step after it
    assert use_code(fresh(app), code)
    TOTPFactor.objects.update(last_t=-1, drift=0)
    clock.pass_by(seconds=1)
    assert not use_code(fresh(app), code)


def test_attack_24_drift_is_learnt_and_has_a_bound(app, clock):
    for _ in range(40):  # an attacker who is always one step ahead
        device = fresh(app)
        assert use_code(device, code_of(device, device.drift + 1))
        clock.next_code()
    assert fresh(app).drift == MAX_DRIFT
    device = fresh(app)
    assert not use_code(device, code_of(device, MAX_DRIFT + 2))


def test_drift_of_a_slow_phone_is_learnt(app, clock):
    for _ in range(3):
        device = fresh(app)
        assert use_code(device, code_of(device, device.drift - 1))
        clock.pass_by(minutes=5)
    device = fresh(app)
    assert device.drift == -3
    assert use_code(device, code_of(device, -3))


def test_attack_25_a_clock_that_was_set_back_makes_no_used_code_right(app, clock):
    codes = [code_of(app)]
    assert use_code(fresh(app), codes[0])
    clock.next_code()
    codes.append(code_of(app))
    assert use_code(fresh(app), codes[1])
    clock.pass_by(seconds=-30)
    assert not any(use_code(fresh(app), code) for code in codes)
    clock.pass_by(hours=-1)
    assert not use_code(fresh(app), code_of(app))


ODD = [
    "",
    " ",
    "12345",
    "1234567",
    "+{}",
    "-{}",
    "000{}",
    "{}0",
    "{}\n",
    "\t{}",
    "{}\0",
    "\0{}",
    "0x{}",
    "{}.0",
    "1" * 5000,
    "{0}{0}",
    "1{}",
]


@pytest.mark.parametrize("form", ODD)
def test_attack_26_other_forms_of_a_right_code_are_wrong(app, form):
    assert not use_code(app, form.format(code_of(app)))


@pytest.mark.parametrize("digits", ["０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९"])
def test_attack_26_digits_of_other_scripts_are_wrong(app, digits):
    assert not use_code(app, code_of(app).translate(str.maketrans("0123456789", digits)))
    code = code_of(app)
    assert not use_code(app, f"{code[:3]}_{code[3:]}")


def test_a_code_may_be_typed_in_the_groups_that_apps_show(app):
    code = code_of(app)
    assert use_code(app, f" {code[:3]} {code[3:]} ")


@given(st.text(max_size=40))
def test_attack_26_no_text_is_an_error_and_only_its_digits_can_be_right(text):
    class Saved:
        """A device whose update always succeeds."""

        digits, step, t0, drift, tolerance, last_t, bin_key, pk = 6, 30, 0, 0, 1, -1, SEED, 1
        objects = type("Rows", (), {"filter": lambda self, **_: self, "update": lambda self, **_: 1})()

    now = int(time.time())
    near = {
        f"{otp_totp(SEED, 30, 0, 6, 0) if not shift else otp_totp(SEED, 30, now % 1, 6, shift):06d}"
        for shift in (-1, 0, 1)
    }
    right = use_code(Saved(), text)
    assert right is False or text.replace(" ", "") in near


def test_attack_27_mf_04_the_seed_is_sealed_at_rest(app):
    column = TOTPFactor.objects.values_list("sealed_key", flat=True).get()
    for form in (SEED.decode(), SEED.hex(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"):
        assert form not in column
        assert form not in repr(app)
        assert form not in repr(vars(app))
    assert app.bin_key == SEED


def test_mf_04_a_seed_that_is_moved_to_another_row_opens_nothing(app, bob):
    other = app_of(bob, seed=b"x" * 20)
    TOTPFactor.objects.filter(pk=other.pk).update(sealed_key=app.sealed_key)
    other = fresh(other)
    with pytest.raises(SealError):
        _ = other.bin_key
    assert not use_code(other, code_of(app))


def test_what_django_otp_asks_works_and_uses_the_code_up(app):
    from django_otp import match_token, user_has_device

    assert user_has_device(app.user)
    assert not match_token(app.user, wrong_for(app))
    assert match_token(app.user, code_of(app)) == app
    assert not match_token(app.user, code_of(app))


def test_a_device_of_django_otp_works_by_the_same_rules(clock, ann):
    device = TOTPDevice.objects.create(user=ann, key=SEED.hex(), name="Old")
    code = code_of(device)
    assert [use_code(fresh(device), code) for _ in range(3)] == [True, False, False]
    assert fresh(device).last_used_at == clock.now


def test_a_device_of_django_otp_with_a_broken_key_is_wrong_and_no_error(clock, ann, caplog):
    device = TOTPDevice.objects.create(user=ann, key="no hex", name="Old")
    assert not use_code(device, "123456")
    assert f"otp-{device.pk}" in caplog.text


def test_nobody_finds_a_factor_by_its_seed(app):
    with pytest.raises(FieldError):
        TOTPFactor.objects.filter(key=SEED.hex()).exists()
