"""Passkeys against hostile clients: an authenticator in software, which makes what a browser would refuse to make."""

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import cbor2
import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from django_apiaccess.mfa import enrolment, policy
from django_apiaccess.mfa.models import MFAChallenge
from django_apiaccess.models import Event
from django_apiaccess.notifications import user_notified
from tests.mfa.passkeys import RS256, Authenticator, Client, changed_bytes

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parent.parent.parent
Credential = apps.get_model("django_otp_webauthn", "WebAuthnCredential")


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read")


@pytest.fixture
def key(ann, client):
    """Ann's passkey, enrolled by the API; `token` is the access token that she had then."""
    made = Authenticator()
    made.token = client.log_in().json()["access_token"]
    made.enrolled = client.enrol(made.token, made)
    made.token = made.enrolled["access_token"]
    return made


@pytest.fixture
def told():
    """What users were told, as (user, kind)."""
    found = []

    def hear(user, kind, **_more):
        found.append((user.get_username(), kind))

    user_notified.connect(hear)
    yield found
    user_notified.disconnect(hear)


def claims(token):
    return json.loads(base64url_to_bytes(token.split(".")[1]))


def is_refused(answer, code="invalid_code", status=400):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert "token" not in answer.json()
    return True


def logged_in(answer):
    assert answer.status_code == 200, answer.content
    return claims(answer.json()["access_token"])


class TestTheFlow:
    def test_a_passkey_is_two_factors_in_one(self, client, key):
        token, options = client.begin()
        assert options["userVerification"] == "required"
        assert [allowed["id"] for allowed in options["allowCredentials"]] == [bytes_to_base64url(key.id)]
        found = logged_in(client.verify(token, key.get(options)))
        assert (found["acr"], found["amr"]) == ("phr", ["pwd", "hwk", "user", "mfa"])
        assert Credential.objects.get().sign_count == key.count

    def test_alone_it_needs_no_name_and_no_password(self, client, key):
        token, options = client.alone()
        assert options["userVerification"] == "required"
        assert options["allowCredentials"] == []
        found = logged_in(client.verify(token, key.get(options)))
        assert (found["acr"], found["amr"]) == ("phr", ["hwk", "user", "mfa"])

    def test_one_that_is_on_several_devices_is_no_hardware_key(self, client, ann):
        key = Authenticator(synced=True)
        client.enrol(client.log_in().json()["access_token"], key)
        token, options = client.begin()
        assert logged_in(client.verify(token, key.get(options)))["amr"] == ["pwd", "swk", "user", "mfa"]

    def test_confirming_one_steps_the_session_up(self, client, key):
        assert key.enrolled["type"] == "webauthn"
        assert key.enrolled["name"] == "laptop"
        assert claims(key.token)["acr"] == "phr"

    def test_two_of_one_user_each_open_their_account(self, client, ann, key):
        other = Authenticator()
        registration, options = client.registration(key.token)
        assert [excluded["id"] for excluded in options["excludeCredentials"]] == [bytes_to_base64url(key.id)]
        client.confirm(registration, other.create(options), key.token, "phone")
        for mine in (key, other, key):
            token, options = client.begin()
            assert len(options["allowCredentials"]) == 2
            logged_in(client.verify(token, mine.get(options)))
        assert {method["name"] for method in client.log_in().json()["methods"]} == {"laptop", "phone"}

    def test_a_security_key_that_says_no_user_handle_does_after_a_password(self, client, key):
        for handle in (None, ""):
            token, options = client.begin()
            logged_in(client.verify(token, key.get(options, handle=handle)))

    def test_an_authenticator_without_a_counter_is_none_that_was_cloned(self, client, ann):
        key = Authenticator()
        client.enrol(client.log_in().json()["access_token"], key, counts=False)
        for _time in range(2):
            token, options = client.begin()
            logged_in(client.verify(token, key.get(options, counts=False)))
        assert Credential.objects.get().sign_count == 0

    def test_MF_08_only_a_public_key_is_stored(self, client, key):
        row = Credential.objects.get()
        secret = key.key.private_numbers().private_value.to_bytes(32)
        assert secret not in bytes(row.public_key)
        assert {field.name for field in Credential._meta.get_fields()}.isdisjoint(
            {"template", "biometric", "fingerprint"}
        )
        attestation = cbor2.loads(bytes(row.attestation.data))
        assert attestation["fmt"] == "none"

    def test_a_code_that_was_sent_stays_good_when_the_passkey_is_tried_in_between(self, client, ann, key, settings):
        settings.API_ACCESS = {
            **settings.API_ACCESS,
            "MFA": {"SMS_GATEWAY": "django_apiaccess.sms.locmem.LocMemGateway"},
        }
        from django_apiaccess.mfa.models import SMSFactor
        from django_apiaccess.sms import locmem

        SMSFactor.objects.create(user=ann, number="+31612345678", country="NL", confirmed=True)
        token = client.log_in().json()["mfa_token"]
        locmem.outbox.clear()
        assert client.post("token/mfa/challenge/", {"mfa_token": token, "method": "sms"}).status_code == 200
        client.options(token)
        code = locmem.outbox[-1].body.split()[0]
        answer = client.post("token/mfa/verify/", {"mfa_token": token, "method": "sms", "code": code})
        assert logged_in(answer)["acr"] == "aal2-sms"


class TestReplay:
    def test_48_MF_09_an_answer_is_good_once(self, client, key):
        token, options = client.begin()
        answer = key.get(options)
        logged_in(client.verify(token, answer))
        is_refused(client.verify(token, answer), "invalid_mfa_token", 401)

    def test_48_MF_09_and_for_its_own_challenge_only(self, client, key):
        token, options = client.begin()
        answer = key.get(options)
        other, other_options = client.begin()
        assert other_options["challenge"] != options["challenge"]
        assert len(base64url_to_bytes(options["challenge"])) >= 32
        is_refused(client.verify(other, answer))
        logged_in(client.verify(token, answer))
        assert Credential.objects.get().confirmed, "a replay makes nobody's passkey suspect"

    def test_52_MF_09_a_challenge_is_used_up_by_a_wrong_answer_too(self, client, key):
        token, options = client.begin()
        is_refused(client.verify(token, key.get(options, verified=False)))
        is_refused(client.verify(token, key.get(options)))
        logged_in(client.verify(token, key.get(client.options(token))))

    def test_53_MF_09_it_is_over_after_five_minutes(self, client, key):
        for begin in (client.begin, client.alone):
            token, options = begin()
            MFAChallenge.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
            is_refused(client.verify(token, key.get(options)), "invalid_mfa_token", 401)

    def test_53_a_registration_is_over_after_ten(self, client, ann):
        token = client.log_in().json()["access_token"]
        registration, options = client.registration(token)
        MFAChallenge.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        answer = client.confirm(registration, Authenticator().create(options), token)
        is_refused(answer, "invalid_mfa_token", 401)
        assert not Credential.objects.exists()

    def test_54_log_ins_in_two_tabs_do_not_disturb_each_other(self, client, key):
        first, first_options = client.begin()
        second, second_options = client.begin()
        logged_in(client.verify(first, key.get(first_options)))
        logged_in(client.verify(second, key.get(second_options)))

    def test_54_of_two_beginnings_of_one_log_in_the_last_counts(self, client, key):
        token, first = client.begin()
        last = client.options(token)
        logged_in(client.verify(token, key.get(last)))
        token, first = client.begin()
        client.options(token)
        is_refused(client.verify(token, key.get(first)))

    def test_54_of_two_registrations_each_goes_its_way(self, client, ann):
        token = client.log_in().json()["access_token"]
        first, second = client.registration(token), client.registration(token)
        for registration, options in (first, second):
            answer = client.confirm(registration, Authenticator().create(options), token)
            token = answer.json().get("access_token", token)
            assert answer.status_code == 201
        assert Credential.objects.count() == 2

    def test_a_registration_is_good_once(self, client, ann):
        token = client.log_in().json()["access_token"]
        registration, options = client.registration(token)
        token = client.confirm(registration, Authenticator().create(options), token).json()["access_token"]
        is_refused(client.confirm(registration, Authenticator().create(options), token))
        assert Credential.objects.count() == 1

    def test_five_wrong_answers_end_a_log_in(self, client, key):
        token, options = client.begin()
        for _time in range(5):
            is_refused(client.verify(token, key.get(options, verified=False)))
            options = client.options(token)
        is_refused(client.verify(token, key.get(options)), "invalid_mfa_token", 401)


HOSTILE = {
    "49 the user was not verified": {"verified": False},
    "the user was not there": {"present": False},
    "50 another origin": {"origin": "https://evil.example"},
    "50 another port": {"origin": "http://localhost:8001"},
    "50 another scheme": {"origin": "https://localhost:8000"},
    "50 the address for the name": {"origin": "http://127.0.0.1:8000"},
    "50 an origin that begins alike": {"origin": "http://localhost:8000.evil.example"},
    "50 no origin": {"origin": ""},
    "50 another relying party": {"rp_id": "evil.example"},
    "in a frame of another site": {"cross_origin": True},
}


@pytest.mark.parametrize("what", HOSTILE)
class TestHostileAnswers:
    def test_MF_08_MF_09_at_a_log_in_it_is_refused(self, client, key, what):
        token, options = client.begin()
        is_refused(client.verify(token, key.get(options, **HOSTILE[what])))
        event = Event.objects.filter(reason="wrong_code").latest("pk")
        assert (event.action, event.outcome) == ("mfa.refused", "failed")
        logged_in(client.verify(token, key.get(client.options(token))))

    def test_MF_08_MF_09_alone_it_is_refused(self, client, key, what):
        token, options = client.alone()
        is_refused(client.verify(token, key.get(options, **HOSTILE[what])))

    def test_MF_08_MF_09_nothing_is_registered(self, client, ann, what):
        token = client.log_in().json()["access_token"]
        registration, options = client.registration(token)
        is_refused(client.confirm(registration, Authenticator().create(options, **HOSTILE[what]), token))
        assert not Credential.objects.exists()


class TestTheSignature:
    @pytest.mark.parametrize("member", ["signature", "authenticatorData", "clientDataJSON"])
    @pytest.mark.parametrize("place", [0, 40, -1])
    def test_MF_09_one_turned_bit_is_refused(self, client, key, member, place):
        token, options = client.begin()
        answer = key.get(options)
        length = len(base64url_to_bytes(answer["response"][member]))
        answer["response"][member] = changed_bytes(answer["response"][member], min(place, length - 1))
        is_refused(client.verify(token, answer))

    def test_another_key_with_the_same_id_is_refused(self, client, key):
        other = Authenticator(id=key.id, count=50, handle=key.handle)
        for begin in (client.begin, client.alone):
            token, options = begin()
            is_refused(client.verify(token, other.get(options)))
        row = Credential.objects.get()
        assert row.confirmed, "nobody suspends a passkey whose key they do not have"
        assert row.sign_count == 1

    def test_what_it_says_of_its_key_must_not_change(self, client, key):
        token, options = client.begin()
        is_refused(client.verify(token, key.get(options, synced=True)))


class TestWhose:
    @pytest.fixture
    def bob_key(self, make_user, client, key):
        make_user("bob")
        made = Authenticator()
        client.enrol(client.log_in("bob").json()["access_token"], made)
        return made

    def test_06_another_users_passkey_opens_nothing(self, client, bob_key):
        token, options = client.begin("ann")
        assert len(options["allowCredentials"]) == 1
        is_refused(client.verify(token, bob_key.get(options)))
        token, options = client.begin("ann")
        is_refused(client.verify(token, bob_key.get(options, handle=None)))

    @pytest.mark.parametrize("begin", ["begin", "alone"])
    def test_57_the_user_handle_must_be_of_the_passkeys_user(self, client, key, bob_key, begin):
        for handle in (bob_key.handle, "AAAA", bytes_to_base64url(b"\0" * 64), bytes_to_base64url(b"1")):
            token, options = getattr(client, begin)()
            is_refused(client.verify(token, key.get(options, handle=handle)))

    @pytest.mark.parametrize("handle", [None, ""])
    def test_57_alone_it_must_say_whose_it_is(self, client, key, handle):
        token, options = client.alone()
        is_refused(client.verify(token, key.get(options, handle=handle)))

    def test_56_the_same_credential_id_for_somebody_else_is_refused(self, client, key, make_user):
        make_user("eve")
        token = client.log_in("eve").json()["access_token"]
        registration, options = client.registration(token)
        is_refused(client.confirm(registration, Authenticator(id=key.id).create(options), token))
        assert Credential.objects.get().user.username == "ann"
        assert client.log_in("eve").status_code == 200, "eve has no factor"

    def test_56_nor_twice_for_the_same_user(self, client, key):
        registration, options = client.registration(key.token)
        is_refused(client.confirm(registration, key.create(options), key.token))
        assert Credential.objects.count() == 1

    def test_09_a_user_who_is_not_active_any_more_does_not_get_in(self, client, ann, key):
        begun = [client.begin(), client.alone()]
        ann.is_active = False
        ann.save()
        begun.append(client.alone())
        for token, options in begun:
            is_refused(client.verify(token, key.get(options)), "invalid_mfa_token", 401)

    def test_09_nor_after_a_new_password(self, client, ann, key):
        token, options = client.begin()
        ann.set_password("other")
        ann.save()
        is_refused(client.verify(token, key.get(options)), "invalid_mfa_token", 401)

    def test_an_unknown_passkey_is_refused_like_a_wrong_one(self, client, key):
        answers = []
        for stranger in (Authenticator(handle=key.handle), key):
            token, options = client.alone()
            answers.append(client.verify(token, stranger.get(options, verified=False)))
        assert answers[0].content == answers[1].content
        assert [is_refused(answer) for answer in answers] == [True, True]

    def test_somebody_elses_registration_is_not_found(self, client, bob_key, key, make_user):
        make_user("eve")
        eve = client.log_in("eve").json()["access_token"]
        registration, options = client.registration(key.token)
        is_refused(client.confirm(registration, Authenticator().create(options), eve), "invalid_mfa_token", 401)
        assert Credential.objects.count() == 2


class TestPurpose:
    def test_55_a_registration_is_no_log_in(self, client, key):
        token, options = client.begin()
        creation = {**options, "user": {"id": key.handle}}
        made = key.create(creation)
        is_refused(client.verify(token, made))
        # and with the parts of a log-in's answer laid over it
        token, options = client.begin()
        mixed = key.get(options)
        created = key.create({**options, "user": {"id": key.handle}})
        mixed["response"]["clientDataJSON"] = created["response"]["clientDataJSON"]
        is_refused(client.verify(token, mixed))

    def test_55_a_log_in_is_no_registration(self, client, key):
        registration, options = client.registration(key.token)
        answer = key.get(options)
        is_refused(client.confirm(registration, answer, key.token))
        registration, options = client.registration(key.token)
        created = Authenticator().create(options)
        created["response"]["clientDataJSON"] = key.get(options)["response"]["clientDataJSON"]
        is_refused(client.confirm(registration, created, key.token))
        assert Credential.objects.count() == 1

    def test_10_the_token_of_a_passkey_log_in_is_for_nothing_else(self, client, key):
        token, options = client.alone()
        answer = key.get(options)
        step_up = {"mfa_token": token, "method": "webauthn", "credential": answer}
        is_refused(client.post("mfa/step-up/verify/", step_up, key.token), "invalid_mfa_token", 401)
        for method in ("totp", "recovery", "sms", "password"):
            body = {"mfa_token": token, "method": method, "code": "123456"}
            is_refused(client.post("token/mfa/verify/", body), "unknown_method")
        body = {"mfa_token": token, "credential": answer}
        is_refused(client.post("mfa/totp/", body), "invalid_mfa_token", 401)

    def test_10_a_step_up_answers_to_its_own_session_only(self, client, key):
        begun = client.post("mfa/step-up/", {}, key.token).json()
        body = {"mfa_token": begun["mfa_token"], "method": "webauthn"}
        options = client.post("mfa/step-up/", body, key.token).json()["options"]
        token, login = client.begin()
        other = client.verify(token, key.get(login)).json()["access_token"]
        proof = {**body, "credential": key.get(options)}
        is_refused(client.post("mfa/step-up/verify/", proof, other), "invalid_mfa_token", 401)
        answer = client.post("mfa/step-up/verify/", proof, key.token)
        assert answer.status_code == 200
        assert answer.json()["acr"] == "phr"
        is_refused(client.post("mfa/step-up/verify/", proof, key.token), "invalid_mfa_token", 401)

    def test_a_factor_of_another_type_takes_no_passkey(self, client, ann, key):
        new = enrolment.begin_totp(ann)
        from django_apiaccess.mfa.models import TOTPFactor

        TOTPFactor.objects.filter(uid=new.id).update(confirmed=True)
        token, options = client.begin()
        body = {"mfa_token": token, "method": "totp", "credential": key.get(options)}
        is_refused(client.post("token/mfa/verify/", body))


class TestClones:
    def test_51_MF_09_a_counter_that_goes_back_suspends_the_passkey(self, client, ann, key, told, mailoutbox):
        ann.email = "ann@example.org"
        ann.save()
        clone = Authenticator(id=key.id, count=key.count, handle=key.handle)
        clone.key = key.key
        for _time in range(2):
            token, options = client.begin()
            logged_in(client.verify(token, key.get(options)))
        used = Credential.objects.get().last_used_at
        token, options = client.begin()
        with CaptureQueriesContext(connection):
            answer = client.verify(token, clone.get(options))
        is_refused(answer)
        row = Credential.objects.get()
        assert not row.confirmed
        assert (row.sign_count, row.last_used_at) == (key.count, used)
        event = Event.objects.get(action="passkey.suspended")
        assert (event.reason, event.outcome, event.address) == ("clone_suspected", "failed", "127.0.0.1")
        assert event.details["severity"] == "high"
        for holder in (clone, key):
            for begin in (client.begin, client.alone):
                if begin == client.begin:
                    assert client.log_in().json()["methods"] == []
                    continue
                token, options = begin()
                holder.count = 100
                is_refused(client.verify(token, holder.get(options)))

    @pytest.mark.django_db(transaction=True)
    def test_51_its_owner_is_told(self, client, ann, key, told):
        clone = Authenticator(id=key.id, count=0, handle=key.handle)
        clone.key = key.key
        token, options = client.begin()
        is_refused(client.verify(token, clone.get(options)))
        assert ("ann", "passkey_suspended") in told

    def test_51_a_counter_that_stops_is_no_better(self, client, key):
        token, options = client.begin()
        key.count = -1
        is_refused(client.verify(token, key.get(options)))
        assert not Credential.objects.get().confirmed

    def test_51_the_suspicion_does_not_open_the_account_to_the_password_alone(self, client, ann, key):
        Credential.objects.update(confirmed=False)
        answer = client.log_in()
        is_refused(answer, "mfa_required", 403)
        assert policy.has_second_factor(ann)
        found = get_user_model().objects.annotate(has=policy.any_factor("pk")).get(pk=ann.pk)
        assert found.has

    def test_51_other_factors_still_work(self, client, ann, key):
        codes = client.post("mfa/recovery-codes/", {}, key.token).json()["codes"]
        Credential.objects.update(confirmed=False)
        token = client.log_in().json()["mfa_token"]
        answer = client.post("token/mfa/verify/", {"mfa_token": token, "method": "recovery", "code": codes[0]})
        session = answer.json()["access_token"]
        assert logged_in(answer)["acr"] == "aal2"
        other = Authenticator()
        made = client.enrol(session, other)
        token, options = client.begin()
        assert [allowed["id"] for allowed in options["allowCredentials"]] == [bytes_to_base64url(other.id)]
        logged_in(client.verify(token, other.get(options)))
        answer = client.api.delete(
            f"/access/mfa/methods/{made['id']}/", headers={"authorization": f"Bearer {made['access_token']}"}
        )
        assert answer.status_code == 204
        assert not Credential.objects.exists(), "with her last factor she gives up the suspended one"
        assert client.log_in().status_code == 200

    def test_60_a_passkey_that_was_disabled_in_between_is_refused(self, client, key):
        begun = [client.begin(), client.alone()]
        Credential.objects.update(confirmed=False)
        token, options = begun[0]
        is_refused(client.verify(token, key.get(options)), "unknown_method")
        token, options = begun[1]
        is_refused(client.verify(token, key.get(options)))

    def test_08_so_is_one_that_was_removed(self, client, key):
        token, options = client.begin()
        alone, alone_options = client.alone()
        Credential.objects.all().delete()
        is_refused(client.verify(token, key.get(options)), "unknown_method")
        is_refused(client.verify(alone, key.get(alone_options)))


DEEP = b"\x81" * 40_000 + b"\x00"
GARBAGE = {
    "a list": [],
    "a text": "x",
    "a number": 5,
    "an empty object": {},
    "no response": {"id": "AA", "rawId": "AA", "type": "public-key"},
    "a response that is a list": {"id": "AA", "rawId": "AA", "type": "public-key", "response": []},
    "numbers": {
        "id": 1,
        "rawId": 2,
        "type": 3,
        "response": {"clientDataJSON": 4, "authenticatorData": 5, "signature": 6},
    },
    "half a surrogate": {
        "id": "\ud800",
        "rawId": "\ud800",
        "type": "public-key",
        "response": {"clientDataJSON": "\ud800"},
    },
    "NUL": {"id": "\0", "rawId": "\0", "type": "\0", "response": {"clientDataJSON": "\0"}},
}
CLIENT_DATA = {
    "no base64": "%%%",
    "no UTF-8": bytes_to_base64url(b"\xff\xfe"),
    "no JSON": bytes_to_base64url(b"{"),
    "a list": bytes_to_base64url(b"[]"),
    "a number": bytes_to_base64url(b"1"),
    "deep JSON": bytes_to_base64url(b"[" * 40_000),
    "no members": bytes_to_base64url(b"{}"),
    "odd members": bytes_to_base64url(b'{"type": [], "challenge": {}, "origin": 5, "tokenBinding": 7}'),
    "a huge number": bytes_to_base64url(b"9" * 40_000),
}
CBOR = {
    "empty": b"",
    "half": b"\xa1",
    "deep": DEEP,
    "deep maps": b"\xa1\x00" * 20_000,
    "a text of 2^62 bytes": b"\x7b" + (2**62).to_bytes(8),
    "a list of 2^62": b"\x9b" + (2**62).to_bytes(8),
    "a number of 30 000 bytes": b"\xc2\x59\x75\x30" + b"\xff" * 30_000,
    "a power of ten that fills the memory": b"\xc4\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",
    "a regular expression": b"\xd8\x23\x78\x0c(a+)+(a+)+$!",
    "itself": b"\xd8\x1c\x81\xd8\x1d\x00",
    "a list": cbor2.dumps([1, 2]),
    "odd members": cbor2.dumps({"fmt": 5, "attStmt": [], "authData": "x"}),
    "short data": cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": b"x"}),
    "an unknown format": cbor2.dumps({"fmt": "none-of-these", "attStmt": {}, "authData": b"\0" * 200}),
}


class TestGarbage58:
    @pytest.mark.parametrize("what", GARBAGE)
    def test_no_credential_at_all(self, client, key, what):
        code = "invalid_request" if what == "half a surrogate" else "invalid_code"
        for begin in (client.begin, client.alone):
            token, _options = begin()
            is_refused(client.verify(token, GARBAGE[what]), code)
        registration, _options = client.registration(key.token)
        is_refused(client.confirm(registration, GARBAGE[what], key.token), code)

    @pytest.mark.parametrize("what", CLIENT_DATA)
    def test_client_data(self, client, key, what):
        token, options = client.begin()
        answer = key.get(options)
        answer["response"]["clientDataJSON"] = CLIENT_DATA[what]
        is_refused(client.verify(token, answer))
        registration, options = client.registration(key.token)
        answer = Authenticator().create(options)
        answer["response"]["clientDataJSON"] = CLIENT_DATA[what]
        is_refused(client.confirm(registration, answer, key.token))

    @pytest.mark.parametrize("what", CBOR)
    def test_cbor(self, client, key, what):
        registration, options = client.registration(key.token)
        answer = Authenticator().create(options)
        answer["response"]["attestationObject"] = bytes_to_base64url(CBOR[what])
        is_refused(client.confirm(registration, answer, key.token))
        token, options = client.begin()
        answer = key.get(options)
        data = base64url_to_bytes(answer["response"]["authenticatorData"])
        extended = data[:32] + bytes([data[32] | 0x80]) + data[33:37] + CBOR[what]  # "there are extensions"
        answer["response"]["authenticatorData"] = bytes_to_base64url(extended)
        is_refused(client.verify(token, answer))
        assert Credential.objects.count() == 1

    @pytest.mark.parametrize("depth", [50, 200, 400, 600, 800, 900, 1000, 5000, 15_000])
    def test_deep_json(self, client, key, depth):
        token, _options = client.begin()
        deep = "[" * depth + "]" * depth
        for path, access in (("token/mfa/verify/", ""), ("mfa/webauthn/x/confirm/", key.token)):
            body = f'{{"mfa_token": "{token}", "method": "webauthn", "credential": {{"id": {deep}}}}}'
            headers = {"authorization": f"Bearer {access}"} if access else {}
            answer = client.api.post(f"/access/{path}", body, content_type="application/json", headers=headers)
            assert answer.status_code in {400, 401}, answer.content

    def test_nothing(self, client, key):
        token, _options = client.begin()
        is_refused(client.verify(token, None), "invalid_request")
        is_refused(client.post("token/mfa/verify/", {"mfa_token": token, "method": "webauthn"}))

    def test_a_huge_body(self, client, key):
        token, options = client.begin()
        answer = key.get(options)
        answer["response"]["signature"] = "A" * 70_000
        is_refused(client.verify(token, answer), "invalid_request")
        answer["response"]["signature"] = "A" * 60_000
        is_refused(client.verify(token, answer))

    def test_a_credential_id_is_no_longer_than_the_standard_says(self, client, ann):
        token = client.log_in().json()["access_token"]
        registration, options = client.registration(token)
        is_refused(client.confirm(registration, Authenticator(id=b"x" * 1024).create(options), token))
        assert not Credential.objects.exists()
        client.enrol(token, Authenticator(id=b"x" * 1023))

    @pytest.mark.parametrize(
        "results", [[], "x", 5, None, {"credProps": 5}, {"credProps": {"rk": {}}}, {"other": "\0"}]
    )
    @pytest.mark.parametrize("transports", [[], "x", 5, None, ["\0", "telepathy", 5], [["usb"]]])
    def test_what_is_not_signed_does_no_harm(self, client, ann, results, transports):
        token = client.log_in().json()["access_token"]
        registration, options = client.registration(token)
        answer = Authenticator().create(options)
        answer["clientExtensionResults"] = results
        answer["response"]["transports"] = transports
        assert client.confirm(registration, answer, token).status_code in {201, 400}
        assert {item for row in Credential.objects.all() for item in row.transports} == set()

    @pytest.mark.parametrize("name", ["\0", "\ud800", "<b>", "x" * 64, " "])
    def test_names_are_text(self, client, ann, name):
        token = client.log_in().json()["access_token"]
        registration, options = client.registration(token)
        answer = client.confirm(registration, Authenticator().create(options), token, name)
        assert answer.status_code in {201, 400}
        for row in Credential.objects.all():
            assert row.name.isprintable()
            assert row.name


class TestAlgorithms59:
    def test_one_that_was_not_offered_is_refused(self, client, ann, settings):
        settings.OTP_WEBAUTHN_SUPPORTED_COSE_ALGORITHMS = [-7]
        token = client.log_in().json()["access_token"]
        registration, options = client.registration(token)
        assert [offered["alg"] for offered in options["pubKeyCredParams"]] == [-7]
        is_refused(client.confirm(registration, Authenticator(RS256).create(options), token))
        assert not Credential.objects.exists()
        client.enrol(token, Authenticator())

    def test_rsa_where_it_is_offered(self, client, ann):
        key = Authenticator(RS256)
        client.enrol(client.log_in().json()["access_token"], key)
        token, options = client.begin()
        logged_in(client.verify(token, key.get(options)))


class TestAttestation62:
    def test_none_is_asked_for(self, client, ann):
        _registration, options = client.registration(client.log_in().json()["access_token"])
        assert options["attestation"] == "none"
        assert options["authenticatorSelection"]["userVerification"] == "required"

    def test_one_that_comes_unasked_is_checked(self, client, ann):
        token = client.log_in().json()["access_token"]
        registration, options = client.registration(token)
        answer = Authenticator().create(options, fmt="packed")
        attestation = cbor2.loads(base64url_to_bytes(answer["response"]["attestationObject"]))
        attestation["attStmt"]["sig"] = attestation["attStmt"]["sig"][:-1] + b"\0"
        wrong = json.loads(json.dumps(answer))
        wrong["response"]["attestationObject"] = bytes_to_base64url(cbor2.dumps(attestation))
        is_refused(client.confirm(registration, wrong, token))
        made = client.enrol(token, Authenticator(), fmt="packed")
        assert made["type"] == "webauthn"
        assert Credential.objects.get().attestation.fmt == "packed"

    def test_a_statement_in_none_is_refused(self, client, ann):
        token = client.log_in().json()["access_token"]
        registration, options = client.registration(token)
        answer = Authenticator().create(options)
        attestation = cbor2.loads(base64url_to_bytes(answer["response"]["attestationObject"]))
        attestation["attStmt"] = {"sig": b"x"}
        answer["response"]["attestationObject"] = bytes_to_base64url(cbor2.dumps(attestation))
        is_refused(client.confirm(registration, answer, token))


class TestEnrolmentUnderAPolicy:
    @pytest.fixture(autouse=True)
    def policy(self, settings, ann):
        settings.API_ACCESS = {**settings.API_ACCESS, "MFA": {"REQUIRED_FOR": ["everyone"], "GRACE": "0s"}}

    def test_a_passkey_as_the_first_factor_lets_the_log_in_go_on(self, client):
        answer = client.log_in()
        is_refused(answer, "mfa_enrollment_required", 403)
        token = answer.json()["mfa_token"]
        is_refused(client.verify(token, {}), "invalid_mfa_token", 401)
        begun = client.post("mfa/webauthn/", {"mfa_token": token}).json()
        key = Authenticator()
        path = f"mfa/webauthn/{begun['id']}/confirm/"
        made = client.post(path, {"mfa_token": token, "credential": key.create(begun["options"]), "name": "first"})
        assert made.status_code == 201
        assert "access_token" not in made.json()
        found = logged_in(client.post("token/mfa/verify/", {"mfa_token": token}))
        assert (found["acr"], found["amr"]) == ("phr", ["pwd", "hwk", "user", "mfa"])
        is_refused(client.post("token/mfa/verify/", {"mfa_token": token}), "invalid_mfa_token", 401)

    def test_29_a_log_in_that_waits_adds_no_second_one(self, client):
        first, second = client.log_in().json()["mfa_token"], client.log_in().json()["mfa_token"]
        begun = [client.post("mfa/webauthn/", {"mfa_token": token}).json() for token in (first, second)]
        answers = []
        for token, started in zip((first, second), begun, strict=True):
            path = f"mfa/webauthn/{started['id']}/confirm/"
            answers.append(
                client.post(path, {"mfa_token": token, "credential": Authenticator().create(started["options"])})
            )
        assert answers[0].status_code == 201
        assert answers[1].status_code in {401, 403}
        assert Credential.objects.count() == 1

    def test_a_wrong_answer_does_not_let_it_go_on(self, client):
        token = client.log_in().json()["mfa_token"]
        begun = client.post("mfa/webauthn/", {"mfa_token": token}).json()
        path = f"mfa/webauthn/{begun['id']}/confirm/"
        wrong = Authenticator().create(begun["options"], verified=False)
        is_refused(client.post(path, {"mfa_token": token, "credential": wrong}))
        is_refused(client.post("token/mfa/verify/", {"mfa_token": token}), "invalid_mfa_token", 401)


class TestGuessing:
    def test_strangers_without_a_name_are_slowed_down_by_their_network(self, client, key, settings):
        settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"NETWORK_FREE": 3}}
        for _time in range(4):
            token, options = client.alone()
            is_refused(client.verify(token, key.get(options, verified=False)))
        token, options = client.alone()
        answer = client.verify(token, key.get(options))
        is_refused(answer, "too_many_failures", 429)
        assert int(answer.headers["Retry-After"]) >= 1

    def test_a_right_answer_does_not_make_a_network_forget_the_wrong_ones(self, client, key, settings):
        settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"NETWORK_FREE": 3}}
        for verified in (False, False, True, False, False):
            token, options = client.alone()
            client.verify(token, key.get(options, verified=verified))
        token, options = client.alone()
        is_refused(client.verify(token, key.get(options)), "too_many_failures", 429)


class TestRemovingAndNaming:
    def test_it_is_renamed_and_removed_by_its_owner_alone(self, client, key, make_user):
        make_user("bob")
        bob = client.log_in("bob").json()["access_token"]
        path = f"/access/mfa/methods/{key.enrolled['id']}/"
        theirs, hers = ({"authorization": f"Bearer {token}"} for token in (bob, key.token))
        assert client.api.patch(path, {"name": "mine"}, format="json", headers=theirs).status_code == 400
        assert client.api.delete(path, headers=theirs).status_code == 400
        assert client.api.patch(path, {"name": "work"}, format="json", headers=hers).json()["name"] == "work"
        assert client.api.delete(path, headers=hers).status_code == 204
        assert not apps.get_model("django_otp_webauthn", "WebAuthnAttestation").objects.exists()

    def test_MF_10_a_log_in_that_is_too_old_is_asked_to_prove_itself_anew(self, client, ann, settings):
        settings.API_ACCESS = {**settings.API_ACCESS, "MFA": {"MAX_AGE": "1s"}}
        token = client.log_in().json()["access_token"]
        time.sleep(2.1)
        for kind in ("webauthn", "totp"):
            answer = client.post(f"mfa/{kind}/", {}, token)
            is_refused(answer, "insufficient_user_authentication", 401)
            assert 'max_age="1"' in answer.headers["WWW-Authenticate"]

    def test_a_user_has_ten_at_most(self, client, ann, key):
        for _number in range(enrolment.MOST - 1):
            client.enrol(key.token, Authenticator())
        answer = client.post("mfa/webauthn/", {}, key.token)
        assert answer.status_code == 400
        assert Credential.objects.count() == enrolment.MOST

    def test_also_when_many_registrations_were_begun_before(self, client, ann, key):
        begun = [client.registration(key.token) for _number in range(enrolment.MOST)]
        answers = [client.confirm(number, Authenticator().create(options), key.token) for number, options in begun]
        assert [answer.status_code for answer in answers].count(201) == enrolment.MOST - 1
        assert Credential.objects.count() == enrolment.MOST


class TestProjects:
    def test_where_it_is_not_among_the_methods_it_is_neither_offered_nor_accepted(self, client, key, settings):
        settings.API_ACCESS = {**settings.API_ACCESS, "MFA": {"METHODS": ["totp", "recovery"]}}
        is_refused(client.post("token/passkey/", {}), "unknown_method")
        is_refused(client.post("mfa/webauthn/", {}, key.token), "unknown_method")
        answer = client.log_in()
        is_refused(answer, "mfa_required", 403)
        assert answer.json()["methods"] == []

    def test_without_a_relying_party_it_is_not_offered(self, client, ann, settings):
        settings.OTP_WEBAUTHN_RP_ID = ""
        is_refused(client.post("token/passkey/", {}), "unknown_method")

    def test_the_local_port_is_allowed_while_debugging_only(self, client, ann, key, settings):
        for debug, allowed in ((False, False), (True, True)):
            settings.DEBUG = debug
            token, _options = client.begin()
            body = {"mfa_token": token, "method": "webauthn"}
            host = {"host": "localhost:8123"}
            options = client.api.post("/access/token/mfa/challenge/", body, format="json", headers=host).json()[
                "options"
            ]
            answer = {**body, "credential": key.get(options, origin="http://localhost:8123")}
            status = client.api.post("/access/token/mfa/verify/", answer, format="json", headers=host).status_code
            assert (status == 200) == allowed


class TestWithoutTheExtra:
    """In a process of its own, where nothing that the extra brings can be imported."""

    @pytest.fixture
    def shown(self, tmp_path):
        def show(methods):
            env = {**os.environ, "MFA_METHODS": json.dumps(methods), "VARIANT_DATABASE": str(tmp_path / "db.sqlite3")}
            command = [sys.executable, "-W", "error", "-m", "tests.projects.no_passkeys"]
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        return show

    def test_passkeys_are_not_offered_and_everything_else_works(self, shown):
        found = shown(None)
        assert found["offered"] == ["totp", "recovery"]
        assert {found[name] for name in ("registration", "alone", "verify")} == {"unknown_method"}
        assert found["confirmation"] in {"unknown_method", "invalid_mfa_token"}
        assert found["asked"] == ["totp"]
        assert found["has"] == [False, False]
        assert not any("webauthn" in message for message in found["checks"])

    def test_a_check_says_what_is_missing_where_they_are_wanted(self, shown):
        found = shown(["webauthn", "totp"])
        assert found["offered"] == ["totp"]
        (message,) = [message for message in found["checks"] if "webauthn" in message]
        assert "pip install 'django-apiaccess[webauthn]'" in message
        assert "INSTALLED_APPS" in message
