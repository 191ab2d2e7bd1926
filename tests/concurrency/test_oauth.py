"""Codes, device codes and clients that several requests take at the same moment: what is given once is given once."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from django_apiaccess.authn.marks import password_mark
from django_apiaccess.contrib.oauth import client_secrets, clients, consents
from django_apiaccess.contrib.oauth.models import AuthorizationCode, ClientSecret, Consent, DeviceCode
from django_apiaccess.events.source import Actor
from django_apiaccess.exceptions import Conflict
from django_apiaccess.models import Event, RefreshToken, TokenSession
from tests.contrib.oauth.conftest import _issuer, ann, confidential, oauth, public, register  # noqa: F401
from tests.contrib.oauth.flow import Pkce, code_for, exchange, opens, post, refresh, tokens_for

from .threads import race, raised, returned, stop_before

CLIENTS = 6
FIRST_WRITE = "BEGIN" if connection.vendor == "sqlite" else "UPDATE"


def together(call, clients=CLIENTS):
    """The answers to calls that all read before any of them wrote."""
    everybody_has_read = Barrier(clients)

    def one():
        with stop_before(FIRST_WRITE, lambda: everybody_has_read.wait(20)):
            return call()

    answers = race(*[one] * clients)
    assert raised(answers) == []
    return answers


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_oa_03_of_simultaneous_exchanges_of_a_code_one_wins_and_nothing_stays_alive(ann, register, method):  # noqa: F811
    client = register(auth_method=method)
    for _round in range(3):
        pkce = Pkce()
        code = code_for(ann, client, pkce, prompt="consent")
        answers = together(lambda code=code, pkce=pkce: exchange(client, code, pkce))
        assert sorted(answer.status_code for answer in answers) == [200, *[400] * (CLIENTS - 1)]
        (won,) = [answer.json() for answer in answers if answer.status_code == 200]
        assert opens(won["access_token"]) == 401
        assert refresh(client, won["refresh_token"]).status_code == 400
        assert not TokenSession.objects.filter(revoked_at=None).exists()
    assert TokenSession.objects.count() == 3
    assert Event.objects.filter(action="session.ended").count() == 3


def test_se_06_of_simultaneous_refreshes_one_branch_lives(ann, public):  # noqa: F811
    text = tokens_for(ann, public)["refresh_token"]
    answers = together(lambda: refresh(public, text))
    assert {answer.status_code for answer in answers} <= {200, 400}
    assert RefreshToken.objects.filter(used_at=None).count() == 1


def test_a_device_code_is_redeemed_once(ann, register):  # noqa: F811
    tv = register(name="TV", auth_method="none", redirect_uris=[], grant_types=["device_code", "refresh_token"])
    started = post("/oauth/device_authorization/", {"scope": "docs:read"}, tv).json()
    DeviceCode.objects.update(
        status="approved",
        user=ann,
        scopes=frozenset({"docs:read"}),
        auth_time=timezone.now(),
        amr="pwd",
        acr="aal1",
        password_mark=password_mark(ann),
    )
    data = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": started["device_code"],
        "client_id": tv.client.client_id,
    }
    answers = race(*[lambda: post("/oauth/token/", data)] * CLIENTS)
    assert raised(answers) == []
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * (CLIENTS - 1)]
    assert TokenSession.objects.count() == 1
    assert not TokenSession.objects.filter(revoked_at=None).exists()


def test_a_consent_that_is_taken_back_during_an_exchange_leaves_no_session_alive(ann, confidential):  # noqa: F811
    by = Actor.command("test")
    for _round in range(5):
        pkce = Pkce()
        code = code_for(ann, confidential, pkce, prompt="consent")
        answer, revoked = race(
            lambda code=code, pkce=pkce: exchange(confidential, code, pkce),
            lambda: consents.revoke(Consent.objects.all(), reason="test", by=by),
        )
        assert revoked == 1
        assert answer.status_code in {200, 400}
        assert not TokenSession.objects.filter(revoked_at=None).exists()


def test_a_client_that_is_switched_off_during_an_exchange_leaves_no_session_alive(ann, confidential):  # noqa: F811
    by = Actor.command("test")
    for _round in range(5):
        clients.change(confidential.client, by=by, is_active=True)
        pkce = Pkce()
        code = code_for(ann, confidential, pkce, prompt="consent")
        answer, changed = race(
            lambda code=code, pkce=pkce: exchange(confidential, code, pkce),
            lambda: clients.change(clients.named(confidential.client.client_id), by=by, is_active=False),
        )
        assert not isinstance(changed, Exception), changed
        assert answer.status_code in {200, 400, 401}
        assert not TokenSession.objects.filter(revoked_at=None).exists()


def test_people_who_allow_in_two_windows_have_one_consent(ann, confidential):  # noqa: F811
    codes = race(*[lambda: code_for(ann, confidential, Pkce(), prompt="consent")] * 4)
    assert raised(codes) == []
    assert Consent.objects.live().count() == 1
    assert AuthorizationCode.objects.count() == 4


def test_of_rotations_at_once_one_succeeds_and_the_client_has_one_current_secret(confidential):  # noqa: F811
    by = Actor.command("test")
    outcomes = race(*[lambda: client_secrets.rotate(confidential.client, by=by, grace=timedelta(hours=1))] * 4)
    assert all(isinstance(error, Conflict) for error in raised(outcomes)), outcomes
    assert len(returned(outcomes)) >= 1
    assert ClientSecret.objects.filter(client=confidential.client, retired_at=None).count() == 1
