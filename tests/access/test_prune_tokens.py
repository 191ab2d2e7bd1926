"""prune_access and what token sessions leave behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_apiaccess.access.prune import prune
from django_apiaccess.authn import failures
from django_apiaccess.models import FailureCounter, RefreshToken, SigningKey, TokenSession
from tests.tokens.people import log_in, refresh, refreshed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ann(make_user):
    return make_user("ann", "docs:read")


def ago(**by):
    return timezone.now() - timedelta(**by)


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
def test_sessions_go_when_they_ended_long_ago_with_their_refresh_tokens(operator, column):
    refresh(log_in().refresh)
    recent = TokenSession.objects.latest("pk")
    refresh(log_in().refresh)
    TokenSession.objects.filter(pk=recent.pk).update(**{column: ago(days=89)})
    TokenSession.objects.exclude(pk=recent.pk).update(**{column: ago(days=91)})
    counts = prune(by=operator)
    assert (counts["sessions"], counts["refresh tokens"]) == (1, 0)
    assert TokenSession.objects.get() == recent
    assert set(RefreshToken.objects.values_list("session", flat=True)) == {recent.pk}


def test_an_ended_session_that_remembers_a_token_of_another_package_stays_until_that_one_is_dead(operator):
    """Else the old token, which is still within its time, would open a new session."""
    log_in()
    session = TokenSession.objects.get()
    TokenSession.objects.update(revoked_at=ago(days=91))
    RefreshToken.objects.create(session=session, public_id="~abc", digest="x", generation=1, used_at=ago(days=91))
    assert prune(by=operator, keep=timedelta(0))["sessions"] == 0
    TokenSession.objects.update(expires_at=ago(seconds=1))
    assert prune(by=operator, keep=timedelta(0))["sessions"] == 1


def test_living_sessions_stay_and_work(operator):
    pair = refresh(log_in().refresh)
    assert not any(prune(by=operator).values())
    assert (pair.opens, refreshed(pair.refresh).status_code) == (200, 200)


def test_a_used_refresh_token_stays_as_long_as_its_replay_must_end_the_session(operator):
    first = log_in()
    second = refresh(first.refresh)
    RefreshToken.objects.exclude(used_at=None).update(used_at=ago(days=13), created_at=ago(days=13))
    assert prune(by=operator)["refresh tokens"] == 0
    assert refreshed(first.refresh).status_code == 400
    assert second.opens == 401


def test_one_that_would_be_dead_anyway_goes_and_the_session_goes_on(operator):
    first = log_in()
    second = refresh(first.refresh)
    RefreshToken.objects.exclude(used_at=None).update(used_at=ago(days=15), created_at=ago(days=15))
    assert prune(by=operator)["refresh tokens"] == 1
    assert refreshed(first.refresh).status_code == 400
    assert refresh(second.refresh).opens == 200


def test_private_halves_of_retired_signing_keys_go_and_public_ones_stay(operator):
    pair = log_in()
    key = SigningKey.objects.get()
    old = SigningKey.objects.create(
        number=key.number + 7, kid="old", algorithm="EdDSA", public_jwk={}, sealed_private="sealed",
        signs_from=ago(days=9), verifies_until=ago(days=1),
    )  # fmt: skip
    assert prune(by=operator, dry_run=True)["private keys"] == 1
    assert prune(by=operator)["private keys"] == 1
    old.refresh_from_db()
    key.refresh_from_db()
    assert (old.sealed_private, bool(key.sealed_private)) == ("", True)
    assert pair.opens == 200


def test_failures_are_deleted_when_they_are_forgotten_not_before(operator):
    old, recent, closed = (failures.account_bucket("password", name) for name in ("old", "recent", "closed"))
    failures.charge(old, recent, closed)
    FailureCounter.objects.filter(subject=old.name).update(last_at=ago(hours=25), blocked_until=ago(hours=25))
    FailureCounter.objects.filter(subject=closed.name).update(last_at=ago(hours=25), blocked_until=ago(hours=-1))
    assert prune(by=operator)["failure counters"] == 1
    assert set(FailureCounter.objects.values_list("subject", flat=True)) == {recent.name, closed.name}


def test_that_an_owner_was_there_is_remembered_longer(operator):
    bucket = failures.account_bucket("password", "ann", known_from="203.0.113.5")
    failures.remember(bucket)
    FailureCounter.objects.update(last_at=ago(days=80), blocked_until=ago(days=80))
    assert prune(by=operator)["failure counters"] == 0
    FailureCounter.objects.update(last_at=ago(days=91))
    assert prune(by=operator)["failure counters"] == 1


def test_a_dry_run_counts_and_deletes_nothing(operator):
    log_in()
    TokenSession.objects.update(revoked_at=ago(days=91))
    assert prune(by=operator, dry_run=True)["sessions"] == 1
    assert TokenSession.objects.count() == 1
