"""One answer of a passkey, sent many times at once, and several at once for one user."""

from __future__ import annotations

import pytest
from django.apps import apps
from rest_framework.test import APIClient

from django_apiaccess.mfa.models import MFAChallenge
from django_apiaccess.models import TokenSession
from tests.concurrency.threads import race
from tests.mfa.passkeys import Authenticator, Client

TIMES = 8
Credential = apps.get_model("django_otp_webauthn", "WebAuthnCredential")


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def key(make_user, client):
    make_user("ann", "docs:read")
    made = Authenticator()
    made.token = client.enrol(client.log_in().json()["access_token"], made)["access_token"]
    return made


def verifying(token, credential):
    """A call that sends the answer, by a client of its own."""
    body = {"mfa_token": token, "method": "webauthn", "credential": credential}
    return lambda: APIClient().post("/access/token/mfa/verify/", body, format="json").status_code


@pytest.mark.parametrize("begin", ["begin", "alone"])
@pytest.mark.parametrize("_round", range(3))
def test_48_MF_09_one_answer_that_comes_eight_times_at_once_logs_in_once(client, key, begin, _round):
    sessions = TokenSession.objects.count()
    token, options = getattr(client, begin)()
    outcomes = race(*[verifying(token, key.get(options))] * TIMES)
    assert outcomes.count(200) == 1, outcomes
    assert set(outcomes) <= {200, 400, 401}
    assert TokenSession.objects.count() == sessions + 1
    assert Credential.objects.get().confirmed, "the copies came with a challenge that was used up: no sign of a clone"


def test_each_of_several_log_ins_at_once_counts_for_itself(client, key):
    """Answers that overtake each other are as those of a clone: none logs in twice, and at most one counter is the last."""
    begun = [client.begin() for _number in range(4)]
    answers = [(token, key.get(options)) for token, options in begun]
    outcomes = race(*[verifying(token, answer) for token, answer in answers])
    assert set(outcomes) <= {200, 400}
    row = Credential.objects.get()
    assert row.confirmed == (outcomes.count(200) == len(begun))
    assert outcomes.count(200) >= 1


def test_08_one_registration_that_comes_eight_times_at_once_makes_one_passkey(client, key):
    registration, options = client.registration(key.token)
    other = Authenticator()
    body = {"credential": other.create(options), "name": "new"}

    def confirm():
        made = APIClient(headers={"authorization": f"Bearer {key.token}"})
        return made.post(f"/access/mfa/webauthn/{registration}/confirm/", body, format="json").status_code

    outcomes = race(*[confirm] * TIMES)
    assert outcomes.count(201) == 1, outcomes
    assert set(outcomes) <= {201, 400}
    assert Credential.objects.count() == 2


def test_56_two_users_who_register_one_credential_id_at_once(client, key, make_user):
    calls = []
    for name in ("bob", "eve"):
        make_user(name)
        token = client.log_in(name).json()["access_token"]
        registration, options = client.registration(token)
        body = {"credential": Authenticator(id=b"the same for both").create(options), "name": name}
        path = f"/access/mfa/webauthn/{registration}/confirm/"
        made = APIClient(headers={"authorization": f"Bearer {token}"})
        calls.append(lambda made=made, path=path, body=body: made.post(path, body, format="json").status_code)
    outcomes = race(*calls)
    assert sorted(outcomes) == [201, 400], outcomes
    assert Credential.objects.filter(credential_id=b"the same for both").count() == 1


def test_11_no_more_than_five_wrong_answers_are_looked_at(client, key):
    token, options = client.begin()
    wrong = key.get(options, verified=False)
    outcomes = race(*[verifying(token, wrong)] * 12)
    assert outcomes.count(400) == 5, outcomes
    assert set(outcomes) == {400, 401}
    assert MFAChallenge.objects.latest("pk").attempts == 5
