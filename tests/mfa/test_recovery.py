"""Recovery codes: shown once, good once, readable nowhere, and no way around the limits."""

import pytest
from django.core import mail
from django.db import connection
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_apiaccess.mfa import recovery
from django_apiaccess.mfa.models import RecoveryCode
from django_apiaccess.models import Event

from .factors import pending, said, verify

WRONG = (400, "invalid_code")


def test_mf_03_ten_codes_of_eighty_bits_each_different(ann, bob):
    codes = recovery.make(ann) + recovery.make(bob)
    assert len(set(codes)) == 20
    assert all(len(code) == 19 and recovery.FORM.fullmatch(code.replace("-", "")) for code in codes)
    assert recovery.LENGTH * 5 >= 80


def test_attack_31_a_code_works_once(ann):
    code, *_ = recovery.make(ann)
    assert [recovery.use_code(ann, code) for _ in range(3)] == [True, False, False]
    assert recovery.left(ann) == 9


def test_attack_31_a_code_works_once_over_http(app, ann):
    code, *_ = recovery.make(ann)
    assert verify(pending(), "recovery", code).status_code == 200
    assert said(verify(pending(), "recovery", code)) == WRONG


def test_attack_33_a_new_set_ends_the_old_one(ann, bob):
    old, of_bob = recovery.make(ann), recovery.make(bob)
    new = recovery.make(ann)
    assert not any(recovery.use_code(ann, code) for code in old)
    assert recovery.use_code(ann, new[0])
    assert recovery.use_code(bob, of_bob[0])


def test_a_code_is_of_one_account(ann, bob):
    codes = recovery.make(ann)
    assert not any(recovery.use_code(bob, code) for code in codes)
    assert recovery.left(ann) == 10


def test_attack_34_mf_03_the_table_holds_no_code(ann):
    codes = recovery.make(ann)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {RecoveryCode._meta.db_table}")
        dump = repr(cursor.fetchall())
    assert len(dump) > 500
    assert not any(code in dump or code.replace("-", "") in dump for code in codes)
    assert not any(code in repr(codes) for code in codes)


def test_attack_35_guesses_are_slowed_down(app, ann):
    codes = recovery.make(ann)
    for _ in range(6):
        assert said(verify(pending(), "recovery", "0000-0000-0000-0000")) == WRONG
    assert verify(pending(), "recovery", codes[0]).status_code == 429
    assert recovery.left(ann) == 10


@pytest.mark.parametrize(
    "typed",
    [
        str.lower,
        lambda c: c.replace("-", ""),
        lambda c: c.replace("-", " "),
        lambda c: f"  {c}\n",
        lambda c: c.replace("0", "O"),
        lambda c: c.replace("1", "l").lower(),
        lambda c: c.replace("1", "I"),
    ],
)
def test_attack_36_a_code_may_be_typed_as_people_do(ann, typed):
    code, *_ = recovery.make(ann)
    assert recovery.use_code(ann, typed(code))


@pytest.mark.parametrize(
    "typed",
    [
        lambda c: c[:-1],
        lambda c: c + "0",
        lambda c: c[1:] + c[0] if c[1:] + c[0] != c else c[:-1],
        lambda c: "\0" + c,
        lambda c: c + "\0",
        lambda _: "",
        lambda _: "-" * 60,
        lambda c: c * 4,
        lambda _: "%",
        lambda _: "'; --",
    ],
)
def test_attack_36_other_texts_are_wrong_and_no_error(ann, typed):
    code, *_ = recovery.make(ann)
    assert not recovery.use_code(ann, typed(code))
    assert recovery.left(ann) == 10


@given(st.text(alphabet=st.characters(), max_size=70))
def test_attack_36_reading_a_code_twice_changes_nothing(text):
    once = recovery.canonical(text)
    assert recovery.canonical(once) == once


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(text=st.text(alphabet=st.characters(exclude_categories=()), max_size=70))
def test_attack_36_no_text_is_an_error(ann, text):
    assert recovery.use_code(ann, text) is False


def test_attack_37_its_use_is_an_event_and_its_owner_is_told(app, ann, django_capture_on_commit_callbacks):
    codes = recovery.make(ann)
    with django_capture_on_commit_callbacks(execute=True):
        verify(pending(), "recovery", codes[0])
    event = Event.objects.get(action="recovery_code.used")
    assert (event.actor_id, event.details["left"]) == (str(ann.pk), 9)
    assert any("ann@example.org" in message.to and codes[0] not in message.body for message in mail.outbox)


def test_recovery_codes_alone_ask_for_nothing(ann, clock):
    from .factors import log_in

    recovery.make(ann)
    assert log_in().status_code == 200


def test_mf_03_the_count_goes_down_and_at_none_they_are_offered_no_more(app, ann):
    from .factors import log_in

    codes = recovery.make(ann)
    for code in codes:
        assert verify(pending(), "recovery", code).status_code == 200
    assert [method["type"] for method in log_in().json()["methods"]] == ["totp"]


def test_static_tokens_of_django_otp_work_once_too(app, ann):
    device = StaticDevice.objects.create(user=ann)
    StaticToken.objects.create(device=device, token="abcdefgh")
    assert verify(pending(), "recovery", "abcdefgh").status_code == 200
    assert said(verify(pending(), "recovery", "abcdefgh")) == (400, "unknown_method")


def test_static_tokens_of_somebody_else_or_of_an_unconfirmed_device_do_not(app, ann, bob):
    for user, confirmed, token in ((bob, True, "of-bob"), (ann, False, "unconfirmed"), (ann, True, "mine")):
        device = StaticDevice.objects.create(user=user, confirmed=confirmed)
        StaticToken.objects.create(device=device, token=token)
    assert said(verify(pending(), "recovery", "of-bob")) == WRONG
    assert said(verify(pending(), "recovery", "unconfirmed")) == WRONG
    assert verify(pending(), "recovery", "mine").status_code == 200
