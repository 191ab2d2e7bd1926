"""HTTP Basic: off unless enabled, over TLS only, never around a second factor, and cheap for whoever just proved their password."""

import base64

import pytest
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.test import APIClient

from django_apiaccess import HasMFA
from django_apiaccess.authn.responses import NOT_AUTHENTICATED, challenges_of, for_decision
from django_apiaccess.background import flusher
from django_apiaccess.core.decision import denied
from django_apiaccess.core.reasons import Reason
from django_apiaccess.events.models import Event
from django_apiaccess.passwords import memory as memory_module
from django_apiaccess.passwords.memory import PasswordMemory, memory

from ..authn.challenges import read_challenges
from .conftest import basic_get


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read")


def schemes(response):
    return [(found.scheme, found.parameters) for found in read_challenges(response["WWW-Authenticate"])]


def code(response):
    return response.status_code, response.json()["code"]


# -- off and on


def test_unless_it_is_enabled_a_basic_credential_is_none_of_ours(ann, hashes, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = basic_get(b"ann:secret")
    assert code(response) == (401, "not_authenticated")
    assert [scheme for scheme, _parameters in schemes(response)] == ["api-key", "bearer", "dpop"]
    assert hashes == []


@pytest.mark.parametrize("value", ["!!!", "", "YW5u", "x" * 10_000, "a b"])
def test_unless_it_is_enabled_even_an_odd_one_disturbs_no_session(ann, value):
    client = APIClient()
    client.force_login(ann)
    assert client.get("/read-only/", HTTP_AUTHORIZATION=f"Basic {value}").status_code == 200


def test_enabled_it_opens_what_the_user_holds(ann, basic):
    assert basic().status_code == 200
    me = basic(path="/access/me/").json()
    assert me["credential"]["kind"] == "basic"
    assert (me["scopes"], me["amr"], me["acr"]) == (["docs:read"], ["pwd"], "aal1")
    assert me["auth_time"] is not None


def test_enabled_it_is_among_the_challenges(basic, db):
    for response in (APIClient().get("/read-only/"), basic("nobody"), basic_get(b"no colon")):
        assert response.status_code == 401
        assert schemes(response)[-1] == ("basic", {"realm": "api", "charset": "UTF-8"})


def test_a_challenge_that_asks_for_a_second_factor_does_not_offer_it(basic):
    need = HasMFA()
    decision = denied(str(need), Reason.MFA_MISSING, "test")
    assert "Basic" not in challenges_of(for_decision(decision, need))
    assert "Basic" in challenges_of(NOT_AUTHENTICATED)


# -- malformed


@pytest.mark.parametrize(
    "header",
    ["!!!", "", "====", "YW5u", base64.b64encode(b":secret").decode(), base64.b64encode(b"\xff\xfe:x").decode()]
    + [base64.b64encode(text).decode() for text in (b"ann:se\0cret", b"a\0nn:secret", b"")]
    + ["A" * 9000, "YW5uOnNlY3JldA", "YW5u OnNlY3JldA==", "YW5uOnNl-_JldA=="],
)
def test_what_is_malformed_is_a_401_with_a_challenge_and_costs_no_hash(ann, basic, hashes, header):
    response = APIClient().get("/read-only/", secure=True, HTTP_AUTHORIZATION=f"Basic {header}")
    assert code(response) == (401, "invalid_credential")
    assert "basic" in [scheme for scheme, _parameters in schemes(response)]
    assert hashes == []


@pytest.mark.parametrize("pair", [("a" * 4000, "x"), ("ann", "x" * 4000), ("ann", ""), ("🎩", "☂"), ("' OR 1=1", "--")])
def test_odd_pairs_are_a_401(ann, basic, pair):
    assert basic(*pair).status_code == 401


def test_the_password_may_hold_colons_and_any_letters(ann, basic):
    ann.set_password("a:b:ü☂")
    ann.save()
    assert basic("ann", "a:b:ü☂").status_code == 200
    assert basic("ann", "a").status_code == 401


# -- TLS


@pytest.mark.parametrize("value", [b"ann:secret", b"ann:wrong", b"no colon", b"\xff"])
@pytest.mark.parametrize("require_tls", [True, False])
def test_over_plain_http_it_is_refused_undecoded(
    ann, basic, settings, hashes, value, require_tls, django_assert_num_queries
):
    settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": require_tls}
    with django_assert_num_queries(0):
        response = basic_get(value, secure=False)
    assert code(response) == (403, "insecure_transport")
    assert "Location" not in response.headers
    assert hashes == []


def test_only_debug_lets_it_pass_over_plain_http(ann, basic, settings):
    settings.DEBUG = True
    assert basic_get(b"ann:secret", secure=False).status_code == 200


# -- second factors


def test_a_password_alone_does_not_do_for_whoever_has_a_second_factor(ann, basic):
    TOTPDevice.objects.create(user=ann, confirmed=True)
    right, wrong = basic(), basic("ann", "wrong")
    assert code(right) == (401, "invalid_credential")
    assert right.content == wrong.content
    assert Event.objects.filter(action="credential.refused", reason="mfa_required", credential_kind="basic").exists()


def test_a_second_factor_counts_at_once_for_a_remembered_password(ann, basic):
    assert basic().status_code == 200
    device = TOTPDevice.objects.create(user=ann, confirmed=False)
    assert basic().status_code == 200
    device.confirmed = True
    device.save()
    assert basic().status_code == 401
    device.delete()
    assert basic().status_code == 200


# -- the memory


def test_the_second_request_costs_no_hash_and_one_query(ann, basic, hashes, django_assert_num_queries):
    basic()
    assert hashes == ["secret"]
    with django_assert_num_queries(1):
        assert basic().status_code == 200
    assert hashes == ["secret"]


def test_a_changed_password_is_forgotten_at_once(ann, basic):
    assert basic().status_code == 200
    ann.set_password("other")
    ann.save()
    assert basic().status_code == 401
    assert basic("ann", "other").status_code == 200


def test_a_deactivated_user_is_out_at_once(ann, basic):
    assert basic().status_code == 200
    ann.is_active = False
    ann.save()
    assert basic().status_code == 401


def test_a_role_that_was_taken_is_gone_at_once(ann, basic):
    assert basic().status_code == 200
    ann.apiaccess_grants.all().delete()
    assert basic().status_code == 403


def test_a_password_is_remembered_for_seconds_only(ann, basic, hashes, monkeypatch):
    basic()
    monkeypatch.setattr(memory_module, "SECONDS", 0.0)
    assert basic().status_code == 200
    assert hashes == ["secret"] * 2


def test_a_remembered_password_is_no_way_around_the_limits(ann, basic, clock):
    """Who guesses beside the owner must not learn from the process's memory which guess is right."""
    assert basic(address="192.0.2.7").status_code == 200
    for number in range(6):
        assert basic("ann", f"wrong-{number}").status_code == 401
    assert basic("ann", "secret").status_code == 429
    assert basic(address="192.0.2.7").status_code == 200


def test_whoever_guesses_from_the_owners_own_network_meets_the_limits_too(ann, basic, clock):
    assert basic().status_code == 200
    for number in range(6):
        assert basic("ann", f"wrong-{number}").status_code == 401
    response = basic("ann", "secret")
    assert code(response) == (429, "too_many_failures")
    assert int(response["Retry-After"]) == 1


def test_the_memory_keeps_no_password_and_is_bounded(monkeypatch):
    monkeypatch.setattr(memory_module, "SIZE", 3)
    kept = PasswordMemory()
    for number in range(5):
        kept.remember(f"user{number}", "192.0.2.1", "canary", "stored")
    assert [kept.knows(f"user{number}", "192.0.2.1", "canary", "stored") for number in range(5)] == [False] * 2 + [
        True
    ] * 3
    assert b"canary" not in repr(kept.__dict__).encode()
    assert "user4" not in repr(kept.__dict__)


def test_a_user_of_another_backend_is_not_remembered(ann, basic, hashes, settings):
    """Its password may change where nothing of ours sees it."""
    settings.AUTHENTICATION_BACKENDS = [
        "django_apiaccess.backends.AccessBackend",
        "django.contrib.auth.backends.AllowAllUsersModelBackend",
        f"{__name__}.DirectoryBackend",
    ]
    assert basic("ann", "from the directory").status_code == 200
    asked = len(DirectoryBackend.asked)
    assert basic("ann", "from the directory").status_code == 200
    assert len(DirectoryBackend.asked) == asked + 1


class DirectoryBackend:
    """Stands for a directory server."""

    asked: list = []

    def authenticate(self, request, username=None, password=None):
        from django.contrib.auth import get_user_model

        DirectoryBackend.asked.append(username)
        return get_user_model().objects.get(username=username) if password == "from the directory" else None

    def get_user(self, user_id):
        raise NotImplementedError


# -- counting


def test_a_refused_password_is_one_event(ann, basic):
    basic("ann", "wrong")
    flusher.flush()
    assert [event.action for event in Event.objects.filter(outcome="failed")] == ["login.refused"]


def test_basic_and_log_in_count_together(ann, basic, log_in, clock):
    for number in range(3):
        basic("ann", f"wrong-{number}")
        log_in("ann", f"wrong-{number}")
    assert log_in("ann", "secret").status_code == 429
    assert basic("ann", "secret").status_code == 429


def test_unknown_wrong_and_inactive_are_one_answer_and_one_hash(ann, make_user, basic, hashes):
    make_user("gone", is_active=False)
    bodies = set()
    for name, password in (("ann", "wrong"), ("nobody", "secret"), ("gone", "secret")):
        hashes.clear()
        bodies.add(basic(name, password).content)
        assert hashes == [password], name
    assert len(bodies) == 1


def test_nothing_of_a_password_is_written_anywhere(ann, basic, caplog):
    basic("ann", "canary-password")
    basic("ann", "secret")
    seen = [str(event.__dict__) for event in Event.objects.all()] + [str(record.__dict__) for record in caplog.records]
    assert not any("canary" in text or "Y2FuYXJ5" in text for text in seen)
    assert "secret" not in repr(memory)
