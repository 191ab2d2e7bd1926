"""An old refresh token that many present at the same moment: one session, one live branch, or none."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from django_apiaccess.models import RefreshToken, TokenSession
from django_apiaccess.tokens.refreshing import FOREIGN
from tests.contrib.legacy_tokens import LEGACY, make

from .threads import race, returned

ROUNDS = 4


@pytest.fixture(autouse=True)
def _old_tokens_are_taken(settings):
    settings.ROOT_URLCONF = "tests.contrib.simplejwt_urls"
    settings.API_ACCESS = {**settings.API_ACCESS, "LEGACY_JWT": LEGACY}


def post(path, **data):
    answer = APIClient().post(f"/api/token/{path}/", data)
    return answer.status_code, answer.json()


def test_eight_exchanges_at_once_leave_one_session_with_one_live_branch(make_user):
    ann = make_user("ann", "docs:read")
    for _round in range(ROUNDS):
        TokenSession.objects.all().delete()
        old = make(ann, "refresh")
        outcomes = returned(race(*[lambda old=old: post("refresh", refresh=old)] * 8))
        assert len(outcomes) == 8
        assert {status for status, _body in outcomes} <= {200, 401}
        assert TokenSession.objects.count() == 1
        assert RefreshToken.objects.filter(public_id__startswith=FOREIGN).count() == 1
        assert RefreshToken.objects.filter(used_at=None).count() <= 1
        alive = [body for status, body in outcomes if status == 200]
        refreshed = [post("verify", token=body["refresh"])[0] for body in alive]
        assert refreshed.count(200) == 1


def test_without_a_grace_one_wins_and_the_replay_ends_its_session(make_user, api_access):
    api_access(REFRESH_GRACE=0)
    old = make(make_user("ann", "docs:read"), "refresh")
    outcomes = returned(race(*[lambda: post("refresh", refresh=old)] * 8))
    assert [status for status, _body in outcomes].count(200) == 1
    assert not TokenSession.objects.live().exists()


def test_an_exchange_and_a_log_out_at_once_leave_nothing_alive_or_the_log_out_failed(make_user):
    ann = make_user("ann", "docs:read")
    for _round in range(ROUNDS):
        old = make(ann, "refresh")
        (first, _), (second, _) = returned(
            race(lambda old=old: post("refresh", refresh=old), lambda old=old: post("blacklist", refresh=old))
        )
        assert {first, second} <= {200, 401}
        assert second == 401 or not TokenSession.objects.live().exists()
        TokenSession.objects.all().delete()
