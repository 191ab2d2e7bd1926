"""Rotations at the same moment: a key has one current secret, whatever happens."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection

from django_apiaccess.authn.kinds import Presented
from django_apiaccess.exceptions import Conflict, InvalidCredential
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.credential import APIKeyKind
from django_apiaccess.keys.models import APIKey, APIKeySecret

from .threads import race, raised, returned, stop_before

ROUNDS = 15


def opens(text: str, client_of) -> bool:
    return client_of(text).get("/read-only/").status_code == 200


def test_of_eight_rotations_that_saw_the_same_secret_one_succeeds(make_user, make_key, client_of, operator):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    everybody_has_read = Barrier(8)
    first_write = "BEGIN" if connection.vendor == "sqlite" else 'UPDATE "django_apiaccess_generation"'

    def rotate():
        with stop_before(first_write, lambda: everybody_has_read.wait(20)):
            return keys.rotate(APIKey.objects.get(pk=issued.key.pk), by=operator, grace=timedelta(0))

    outcomes = race(*[rotate] * 8)

    assert [type(error) for error in raised(outcomes)] == [Conflict] * 7
    (winner,) = returned(outcomes)
    assert APIKeySecret.objects.filter(key=issued.key).count() == 2
    assert opens(winner.text, client_of)
    assert not opens(issued.text, client_of)


def test_rotations_at_once_leave_one_current_secret_and_a_true_answer(make_user, make_key, operator):
    ann = make_user("ann", "docs:read")
    for _round in range(ROUNDS):
        issued = make_key(ann, "docs:read")
        outcomes = race(*[lambda key=issued.key: keys.rotate(key, by=operator)] * 4)

        assert {type(error) for error in raised(outcomes)} <= {Conflict}
        winners = returned(outcomes)
        assert winners
        current = APIKeySecret.objects.get(key=issued.key, retired_at=None)
        assert APIKeySecret.objects.filter(key=issued.key).count() == 1 + len(winners)
        assert current.public_id in {winner.text.split("_")[1] for winner in winners}


def test_a_rotation_revives_no_key_that_is_revoked_meanwhile(make_user, make_key, client_of, operator):
    ann = make_user("ann", "docs:read")
    for _round in range(ROUNDS):
        issued = make_key(ann, "docs:read")
        rotated, _revoked = race(
            lambda key=issued.key: keys.rotate(key, by=operator),
            lambda key=issued.key: keys.revoke(APIKey.objects.get(pk=key.pk), reason="leaked", by=operator),
        )
        texts = [issued.text] + ([] if isinstance(rotated, Exception) else [rotated.text])
        assert not any(opens(text, client_of) for text in texts)


@pytest.mark.parametrize("grace", [timedelta(hours=1), timedelta(0)], ids=["with grace", "without grace"])
def test_two_mass_rotations_at_once_leave_each_key_with_one_secret_that_somebody_was_told(
    make_user, make_key, operator, grace
):
    ann = make_user("ann", "docs:read")
    first = [make_key(ann, "docs:read") for _number in range(20)]

    def rotate_all():
        batches = keys.rotate_many(APIKey.objects.all(), by=operator, grace=grace, batch=7)
        return [issued for batch in batches for issued in batch]

    outcomes = race(rotate_all, rotate_all)

    assert raised(outcomes) == []
    told = {issued.text.split("_")[1]: issued for run in outcomes for issued in run}
    assert len(told) == 40
    current = dict(APIKeySecret.objects.current().values_list("key_id", "public_id"))
    assert len(current) == len(first)
    for key_id, public_id in current.items():
        assert told[public_id].key.pk == key_id
        assert APIKeySecret.objects.get(public_id=public_id).expires_at is None

    kind = APIKeyKind()
    for public_id, issued in told.items():
        row = kind.verify(Presented("api-key", issued.text))
        if public_id not in current.values():  # the other run came later: it lives on for the grace that both asked for
            assert row.secret_expires_at is not None


def test_a_single_rotation_in_the_middle_of_a_mass_rotation_costs_nobody_a_key(
    make_user, make_key, client_of, operator
):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    run = keys.rotate_many(APIKey.objects.all(), by=operator, grace=timedelta(0))
    (staged,) = next(run)

    single = keys.rotate(APIKey.objects.get(pk=issued.key.pk), by=operator, grace=timedelta(0))
    assert opens(single.text, client_of)
    assert list(run) == []

    current = APIKeySecret.objects.get(key=issued.key, retired_at=None)
    assert current.expires_at is None
    assert current.public_id in {single.text.split("_")[1], staged.text.split("_")[1]}
    assert [opens(text, client_of) for text in (single.text, staged.text)].count(True) == 1


def test_a_mass_rotation_that_was_killed_leaves_old_and_new_secrets_working(make_user, make_key, client_of, operator):
    issued = make_key(make_user("ann", "docs:read"), "docs:read")
    run = keys.rotate_many(APIKey.objects.all(), by=operator, grace=timedelta(0))
    (staged,) = next(run)
    run.close()  # what a kill after writing the output amounts to

    assert opens(issued.text, client_of)
    assert opens(staged.text, client_of)

    ((again,),) = keys.rotate_many(APIKey.objects.all(), by=operator, grace=timedelta(0))
    assert opens(again.text, client_of)
    with pytest.raises(InvalidCredential):
        APIKeyKind().verify(Presented("api-key", issued.text + "x"))
    assert not opens(issued.text, client_of)


def test_of_two_interleaved_mass_rotations_the_later_one_ends_the_secrets_of_the_earlier(
    make_user, make_key, client_of, operator
):
    make_key(make_user("ann", "docs:read"), "docs:read")
    early = keys.rotate_many(APIKey.objects.all(), by=operator, grace=timedelta(hours=1))
    late = keys.rotate_many(APIKey.objects.all(), by=operator, grace=timedelta(0))
    (told_early,), (told_late,) = next(early), next(late)

    assert list(early) == []
    assert opens(told_early.text, client_of)
    assert opens(told_late.text, client_of)
    assert list(late) == []
    assert not opens(told_early.text, client_of)
    assert opens(told_late.text, client_of)
