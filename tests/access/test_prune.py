"""prune_access deletes what has ended and nothing else."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db.models.signals import post_delete, pre_delete
from django.utils import timezone

from django_apiaccess.access import parts as module
from django_apiaccess.access.prune import prune
from django_apiaccess.authn.models import RateCounter
from django_apiaccess.events.models import Event
from django_apiaccess.events.source import Actor, Where
from django_apiaccess.keys import service as keys
from django_apiaccess.mfa import challenges, recovery, trusted
from django_apiaccess.models import (
    APIKey,
    APIKeySecret,
    Grant,
    MFAChallenge,
    RecoveryCode,
    SMSFactor,
    TOTPFactor,
    TrustedDevice,
)
from django_apiaccess.roles import service as roles
from tests.mfa.factors import app_of, phone_of
from tests.mfa.stored import passkey_of
from tests.testapp.models import Document, Parcel

NOTHING = {
    "authorization codes": 0,
    "device codes": 0,
    "pushed requests": 0,
    "client assertions": 0,
    "client secrets": 0,
    "consents": 0,
    "unused registrations": 0,
    "secrets": 0,
    "keys": 0,
    "key requests": 0,
    "grants": 0,
    "grants on missing objects": 0,
    "rate counters": 0,
    "failure counters": 0,
    "used proofs": 0,
    "sessions": 0,
    "refresh tokens": 0,
    "mfa challenges": 0,
    "trusted devices": 0,
    "audits": 0,
    "unconfirmed apps": 0,
    "unconfirmed phones": 0,
    "private keys": 0,
    "reminders": 0,
}


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read")


def age(model, pk, **columns):
    model.objects.filter(pk=pk).update(**{name: timezone.now() - age for name, age in columns.items()})


def test_what_goes_on_is_left_alone(ann, make_key, operator, client_of):
    document, parcel = Document.objects.create(title="x"), Parcel.objects.create(title="x")
    key = make_key(ann, "docs:read")
    keys.rotate(key.key, by=operator)
    ended = make_key(ann, "docs:read")
    age(APIKey, ended.key.pk, revoked_at=timedelta(days=89))
    for target in (document, parcel):
        roles.grant(user=ann, scope="docs:read", on=target, ends_at=timezone.now() + timedelta(days=1), by=operator)
    RateCounter.objects.create(subject="key:1|60", window=int(time.time() // 60), count=1)
    assert prune(by=operator) == NOTHING
    assert client_of(key).get("/read-only/").status_code == 200
    assert not Event.objects.filter(action="access.pruned").exists()


def test_replaced_secrets_go_when_their_grace_is_over(ann, make_key, operator, client_of):
    key = make_key(ann, "docs:read")
    new = keys.rotate(key.key, by=operator, grace=timedelta(0))
    assert prune(by=operator)["secrets"] == 1
    assert APIKeySecret.objects.count() == 1
    assert client_of(new).get("/read-only/").status_code == 200


def test_keys_go_after_the_time_that_they_are_kept(ann, make_key, operator):
    for name, columns in {
        "revoked": {"revoked_at": timedelta(days=91)},
        "expired": {"expires_at": timedelta(days=91)},
        "just revoked": {"revoked_at": timedelta(days=1)},
        "in use": {},
    }.items():
        pk = make_key(ann, "docs:read", name=name).key.pk
        if columns:
            age(APIKey, pk, **columns)
    assert prune(by=operator, dry_run=True)["keys"] == 2
    assert APIKey.objects.count() == 4
    assert prune(by=operator)["keys"] == 2
    assert set(APIKey.objects.values_list("name", flat=True)) == {"just revoked", "in use"}
    assert APIKeySecret.objects.count() == 2
    assert prune(by=operator, keep=timedelta(0))["keys"] == 1
    assert APIKey.objects.get().name == "in use"


def test_a_key_stays_while_one_that_was_issued_through_it_goes_on(ann, make_key, operator, client_of):
    parent, child, grandchild = (make_key(ann, "docs:read") for _ in range(3))
    APIKey.objects.filter(pk=child.key.pk).update(issued_via=parent.key)
    APIKey.objects.filter(pk=grandchild.key.pk).update(issued_via=child.key)
    for ended in (parent, child):
        age(APIKey, ended.key.pk, expires_at=timedelta(days=91))
    assert prune(by=operator)["keys"] == 0
    assert client_of(grandchild).get("/read-only/").status_code == 200
    age(APIKey, grandchild.key.pk, expires_at=timedelta(days=91))
    assert prune(by=operator)["keys"] == 3
    assert not APIKey.objects.exists()


def test_ended_grants_and_grants_on_missing_objects_go(ann, operator):
    document, parcel, kept = (
        Document.objects.create(title="x"),
        Parcel.objects.create(title="x"),
        Document.objects.create(title="y"),
    )
    for target in (document, parcel, kept):
        roles.grant(user=ann, scope="docs:write", on=target, by=operator)
    ended = roles.grant(user=ann, scope="reports:read", by=operator, ends_at=timezone.now() + timedelta(days=1))
    age(Grant, ended.pk, ends_at=timedelta(days=1))
    document.delete()
    parcel.delete()
    counts = prune(by=operator)
    assert (counts["grants"], counts["grants on missing objects"]) == (1, 2)
    assert {grant.target for grant in Grant.objects.all()} == {"everything", f"testapp.document:{kept.pk}"}


def test_a_grant_on_an_object_that_cannot_exist_goes_too(ann, operator):
    grant = roles.grant(user=ann, scope="docs:write", on=Document.objects.create(title="x"), by=operator)
    Grant.objects.filter(pk=grant.pk).update(object_id="no number")
    assert prune(by=operator)["grants on missing objects"] == 1


def test_rate_counters_of_old_windows_go(operator, db):
    now = time.time()
    RateCounter.objects.create(subject="key:1|60", window=int(now // 60) - 1, count=1)
    RateCounter.objects.create(subject="key:2|60", window=int(now // 60), count=1)
    RateCounter.objects.create(subject="key:1|86400", window=int(now // 86400) - 1, count=1)
    RateCounter.objects.create(subject="k" * 97 + "|60", window=int(now // 60) - 1, count=1)
    RateCounter.objects.create(subject="no length", window=1, count=1)
    assert prune(by=operator)["rate counters"] == 2
    assert set(RateCounter.objects.values_list("subject", flat=True)) == {"key:2|60", "k" * 97 + "|60", "no length"}


def test_events_go_after_their_retention_and_stay_without_one(operator, db, settings):
    Event.objects.all().delete()
    for days in (10, 1):
        Event.objects.create(action="key.created", outcome="success", at=timezone.now() - timedelta(days=days))
    assert "events" not in prune(by=operator)
    settings.API_ACCESS = {**settings.API_ACCESS, "EVENTS": {"RETENTION": "5d"}}
    assert prune(by=operator)["events"] == 1
    event = Event.objects.get(action="access.pruned")
    assert event.details["deleted"]["events"] == 1


def test_in_batches_and_without_a_signal_a_row(ann, make_key, operator, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 3)
    for _ in range(8):
        age(APIKey, make_key(ann, "docs:read").key.pk, revoked_at=timedelta(days=91))
    seen, steps = [], []

    def receiver(sender, **_kwargs):
        seen.append(sender)

    for signal in (pre_delete, post_delete):
        signal.connect(receiver)
    try:
        assert prune(by=operator, step=steps.append)["keys"] == 8
    finally:
        for signal in (pre_delete, post_delete):
            signal.disconnect(receiver)
    assert steps == [3, 3, 2]
    assert not seen
    assert not APIKeySecret.objects.exists()


def test_a_dry_run_counts_and_writes_nothing(ann, make_key, operator):
    keys.rotate(make_key(ann, "docs:read").key, by=operator, grace=timedelta(0))
    before = Event.objects.count()
    assert prune(by=Actor.command("test"), dry_run=True)["secrets"] == 1
    assert APIKeySecret.objects.count() == 2
    assert Event.objects.count() == before


class TestSecondFactors:
    def test_attempts_that_are_over_go(self, ann, operator):
        _, going_on = challenges.begin(MFAChallenge.Purpose.LOGIN, ann)
        _, over = challenges.begin(MFAChallenge.Purpose.LOGIN, ann)
        age(MFAChallenge, over.pk, expires_at=timedelta(seconds=1))
        assert prune(by=operator)["mfa challenges"] == 1
        assert list(MFAChallenge.objects.all()) == [going_on]

    def test_trusted_devices_stay_as_long_as_ended_sessions_do(self, ann, operator):
        for _ in range(4):
            trusted.trust(ann, where=Where(), name="x")
        live, expired, ended, just_ended = TrustedDevice.objects.order_by("pk")
        age(TrustedDevice, expired.pk, expires_at=timedelta(days=91))
        age(TrustedDevice, ended.pk, revoked_at=timedelta(days=91))
        age(TrustedDevice, just_ended.pk, revoked_at=timedelta(days=89))
        assert prune(by=operator)["trusted devices"] == 2
        assert set(TrustedDevice.objects.all()) == {live, just_ended}

    def test_factors_that_were_begun_a_day_ago_and_never_confirmed_go_and_no_others(self, ann, operator):
        confirmed, begun, begun_now = app_of(ann), app_of(ann, confirmed=False), app_of(ann, confirmed=False)
        phone, begun_phone = phone_of(ann), phone_of(ann, "+31687654321", confirmed=False)
        for row in (confirmed, begun, phone, begun_phone):
            age(type(row), row.pk, created_at=timedelta(days=1, seconds=1))
        counts = prune(by=operator)
        assert (counts["unconfirmed apps"], counts["unconfirmed phones"]) == (1, 1)
        assert set(TOTPFactor.objects.all()) == {confirmed, begun_now}
        assert list(SMSFactor.objects.all()) == [phone]

    def test_a_suspended_passkey_and_used_recovery_codes_stay(self, ann, operator):
        [code, *_] = recovery.make(ann)
        assert recovery.use_code(ann, code)
        passkey = passkey_of(ann, confirmed=False)
        age(RecoveryCode, RecoveryCode.objects.get(used_at__isnull=False).pk, used_at=timedelta(days=900))
        age(type(passkey), passkey.pk, created_at=timedelta(days=900))
        assert prune(by=operator) == NOTHING
        assert RecoveryCode.objects.count() == 10
