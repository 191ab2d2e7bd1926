"""Attacks that once worked: each was tried on a running server first."""

from __future__ import annotations

import base64

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from django_apiaccess.authn.models import FailureCounter, UsedProof
from django_apiaccess.contrib.dot.applications import digest_of
from django_apiaccess.contrib.oauth import client_secrets, redirects
from django_apiaccess.contrib.oauth.models import ClientSecret, OAuthClient
from django_apiaccess.core import digests

from .flow import AUTHORIZE, TOKEN, Pkce, allow, browser, exchange, post, returned, url
from .test_bound_tokens import Holder, ask

pytestmark = pytest.mark.django_db
FILES, MAIL = "https://files.example/", "https://mail.example/"
ENDPOINTS = ["token/", "introspect/", "revoke/", "par/", "device_authorization/"]


# -- bytes that are no text


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("pair", ["%ff%fe1234567:cs_x", "{client}:%ff%fe", "%00:x", "%ed%a0%80aaaaaaaa:x"])
def test_a_client_that_is_named_by_no_text_is_refused_and_counted(confidential, endpoint, pair):
    text = pair.replace("{client}", confidential.client.client_id)
    header = "Basic " + base64.b64encode(text.encode()).decode()
    answer = post(f"/oauth/{endpoint}", {"grant_type": "client_credentials"}, HTTP_AUTHORIZATION=header)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert FailureCounter.objects.exists()


@pytest.mark.parametrize("raw", ["%ff", "%ed%a0%80", "%00"])
def test_an_authorization_request_of_no_text_is_a_page_and_no_failure(ann, raw):
    assert browser(ann).get(f"{AUTHORIZE}?client_id={raw}").status_code == 400


# -- guessing


@pytest.fixture
def imported(confidential):
    """A client that was taken over with a secret that people can guess, and that is dear to hash."""
    slow = make_password("summer2024")
    ClientSecret.objects.update(
        public_id=client_secrets.foreign_id("dot", confidential.client.client_id),
        digest=digest_of(slow),
    )
    OAuthClient.objects.update(origin=OAuthClient.Origin.IMPORTED)
    return confidential


def guess(client, secret, address="192.0.2.1"):
    pair = base64.b64encode(f"{client.client.client_id}:{secret}".encode()).decode()
    return post(
        TOKEN,
        {"grant_type": "refresh_token", "refresh_token": "x"},
        HTTP_AUTHORIZATION=f"Basic {pair}",
        REMOTE_ADDR=address,
    )


def test_a_guessable_secret_is_not_looked_at_while_there_were_too_many_tries(imported, monkeypatch):
    looked = []
    verify = digests.verify
    monkeypatch.setattr(digests, "verify", lambda text, *rest: looked.append(text) or verify(text, *rest))
    answers = [guess(imported, f"wrong{n}", f"192.0.2.{n}").status_code for n in range(40)]
    assert set(answers) == {401, 429}
    assert len(looked) == answers.count(401) < 40
    assert guess(imported, "summer2024", "198.51.100.1").status_code == 429
    assert "summer2024" not in looked


def test_a_right_secret_costs_no_try_and_is_ours_from_then_on(imported):
    for _ in range(30):
        assert guess(imported, "summer2024").json()["error"] == "invalid_grant"
    assert digests.is_native(ClientSecret.objects.get().digest)
    assert all(counter.count == 0 for counter in FailureCounter.objects.all())


def test_wrong_secrets_of_ours_lock_nobody_out_who_has_the_right_one(confidential, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"NETWORK_FREE": 5}}
    for _ in range(10):
        guess(confidential, "cs_" + "a" * 60)
    assert guess(confidential, "cs_" + "a" * 60).status_code == 429
    assert guess(confidential, confidential.secret).json()["error"] == "invalid_grant"


# -- proofs that anybody can make


def test_a_proof_is_used_up_by_what_succeeds_only(ann, public):
    for _ in range(5):
        answer = ask(public, {"grant_type": "authorization_code", "code": "x", "code_verifier": "y" * 43}, Holder())
        assert answer.status_code == 400
    assert not UsedProof.objects.exists()


def test_a_log_in_that_fails_uses_no_proof_up(ann):
    def log_in(password):
        proof = Holder().proof(url="http://testserver/access/token/")
        return Client().post(
            "/access/token/",
            {"username": "ann", "password": password},
            content_type="application/json",
            HTTP_DPOP=proof,
        )

    assert log_in("wrong").status_code == 401
    assert not UsedProof.objects.exists()
    answer = log_in("secret")
    assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
    assert UsedProof.objects.count() == 1


# -- consent


@pytest.fixture
def files(register):
    return register(audiences=[FILES, MAIL])


def allowed(user, client, **more):
    """The tokens after the page was shown and answered."""
    pkce = Pkce()
    answer = allow(browser(user), url(client, pkce, **more))
    return exchange(client, returned(answer)["code"], pkce).json()


def is_asked(user, client, **more):
    return browser(user).get(url(client, Pkce(), **more)).status_code == 200


def test_a_consent_for_another_resource_is_none_for_this_api(ann, files):
    allowed(ann, files, resource=FILES)
    assert is_asked(ann, files)
    assert is_asked(ann, files, resource=MAIL)
    assert not is_asked(ann, files, resource=FILES)


def test_a_consent_for_this_api_is_none_for_another_resource(ann, files):
    allowed(ann, files)
    assert not is_asked(ann, files)
    assert is_asked(ann, files, resource=FILES)


def test_what_was_allowed_at_one_place_and_at_another_is_not_allowed_crosswise(ann, files):
    allowed(ann, files, scope="openid profile")
    allowed(ann, files, scope="docs:read", resource=FILES)
    assert is_asked(ann, files, scope="docs:read")
    assert is_asked(ann, files, scope="openid docs:read", resource=FILES)
    assert not is_asked(ann, files, scope="openid")
    allowed(ann, files, scope="docs:read")
    assert not is_asked(ann, files, scope="docs:read openid profile")


def test_a_consent_of_before_places_were_kept_is_asked_for_again(ann, files):
    allowed(ann, files)
    files.client.consents.update(terms={})
    assert is_asked(ann, files)


# -- a client that nobody vouches for


@pytest.fixture
def dynamic(public):
    OAuthClient.objects.update(origin=OAuthClient.Origin.DYNAMIC)
    return public


@pytest.mark.parametrize(
    "more", [{"response_type": "token"}, {"scope": "nonsense:read"}, {"prompt": "none"}, {"code_challenge": None}]
)
def test_oa_25_nobody_is_sent_to_an_address_that_registered_itself_before_they_log_in(dynamic, more):
    answer = Client().get(url(dynamic, Pkce(), **more))
    assert answer.status_code in {400, 401, 403}
    assert "Location" not in answer


def test_oa_25_somebody_who_is_logged_in_is_and_of_other_clients_everybody(ann, dynamic):
    address = url(dynamic, Pkce(), response_type="token")
    assert returned(browser(ann).get(address))["error"] == "unsupported_response_type"
    OAuthClient.objects.update(origin=OAuthClient.Origin.MANUAL)
    assert returned(Client().get(address))["error"] == "unsupported_response_type"


@pytest.mark.parametrize("host", ["a.example;sandbox", "a.example,b.example", "a'b.example", "a b.example", "[::1;x]"])
def test_a_host_says_nothing_in_a_content_security_policy(host):
    assert redirects.complaint(f"https://{host}/cb")
    assert redirects.complaint(f"http://{host}/cb")


@pytest.mark.parametrize("uri", ["https://a.example:8443/cb;x=1,2", "http://127.0.0.1:5000/", "http://[::1]:80/x"])
def test_usual_addresses_may_be_registered(uri):
    assert redirects.complaint(uri) is None


def test_a_page_sent_in_the_clear_is_not_looked_at(ann, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": True}
    client = browser(ann)
    assert client.get("/oauth/connected/").status_code == 400
    assert client.get("/oauth/connected/", secure=True).status_code == 200
