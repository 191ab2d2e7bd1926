"""Credentials over plain HTTP: refused before anybody looks at them, and ended where the project wants that."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.authn.client import client_address, is_secure
from django_apiaccess.background import flusher
from django_apiaccess.core.secrets import CHECK_LENGTH, checksum
from django_apiaccess.events.models import Event
from django_apiaccess.events.source import Where
from django_apiaccess.keys import accounts
from django_apiaccess.keys import service as keys
from django_apiaccess.tokens.service import Proof, begin

VIEW = "/read-only/"
PROXY = "10.0.0.1"


@pytest.fixture
def api_access(settings):
    def change(**entries):
        settings.API_ACCESS = {**settings.API_ACCESS, **entries}

    return change


@pytest.fixture(autouse=True)
def _tls_is_required(api_access):
    api_access(REQUIRE_TLS=True)


@pytest.fixture
def revoking(api_access):
    api_access(ON_CLEARTEXT="revoke")


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read", email="ann@example.com")


@pytest.fixture
def issued(ann, make_key):
    return make_key(ann, "docs:read")


@pytest.fixture
def token(ann):
    proof = Proof(("pwd",), "aal1", timezone.now())
    return begin(ann, proof=proof, where=Where(), scopes=frozenset({"docs:read"}), device="laptop").access_token


def get(text, scheme="Api-Key", **extra):
    return APIClient().get(VIEW, HTTP_AUTHORIZATION=f"{scheme} {text}", **extra)


def assert_insecure(response):
    assert (response.status_code, response.json()["code"]) == (403, "insecure_transport")
    assert "Location" not in response.headers


# -- refused


def test_any_credential_over_plain_http_is_refused_without_a_query(issued, token, django_assert_num_queries):
    with django_assert_num_queries(0):
        for scheme, text in (("Api-Key", issued.text), ("Bearer", issued.text), ("Bearer", token)):
            assert_insecure(get(text, scheme))
        assert_insecure(APIClient().get(VIEW, HTTP_X_API_KEY=issued.text))
    assert get(issued.text, secure=True).status_code == 200
    assert get(token, "Bearer", secure=True).status_code == 200


def test_a_session_cookie_over_plain_http_is_refused_without_a_query(ann, django_assert_num_queries):
    client = APIClient()
    client.force_login(ann)
    assert client.get(VIEW, secure=True).status_code == 200
    with django_assert_num_queries(0):
        assert_insecure(client.get(VIEW))


@pytest.mark.parametrize("path", ["token/", "token/refresh/", "token/revoke/"])
def test_the_token_endpoints_refuse_plain_http_without_a_query(ann, path, django_assert_num_queries):
    body = {"username": "ann", "password": "secret", "refresh_token": "rt_x", "token": "rt_x"}
    with django_assert_num_queries(0):
        assert_insecure(APIClient().post(f"/access/{path}", body))


def test_a_request_without_a_credential_may_come_over_plain_http(db):
    assert APIClient().get(VIEW).status_code == 401


def test_what_is_only_refused_lives_on_and_nobody_is_told(issued, token, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        assert_insecure(get(issued.text))
        assert_insecure(get(token, "Bearer"))
    assert get(issued.text, secure=True).status_code == 200
    assert get(token, "Bearer", secure=True).status_code == 200
    assert mail.outbox == []
    flusher.flush()
    assert Event.objects.filter(action="credential.refused", reason="insecure_transport").count() == 2


# -- ended


def test_an_exposed_key_is_dead_over_tls_too_and_its_owner_is_told_once(
    issued, revoking, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        for _number in range(3):
            assert_insecure(get(issued.text, REMOTE_ADDR="198.51.100.7"))
    assert get(issued.text, secure=True).status_code == 401
    event = Event.objects.get(action="key.revoked")
    assert (event.reason, event.target_label, event.address) == ("sent over plain HTTP", "test", "198.51.100.7")
    (message,) = mail.outbox
    assert message.to == ["ann@example.com"]
    assert 'API key "test"' in message.body
    assert "198.51.100.7" in message.body
    assert issued.text not in message.body + message.subject


def test_a_name_is_written_into_the_message_as_it_is(ann, make_key, revoking, django_capture_on_commit_callbacks):
    issued = make_key(ann, "docs:read", name="R&D <nightly>")
    with django_capture_on_commit_callbacks(execute=True):
        get(issued.text)
    assert 'API key "R&D <nightly>"' in mail.outbox[0].body


def test_the_session_of_an_exposed_token_is_ended_and_its_user_told(
    ann, token, revoking, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        for _number in range(3):
            assert_insecure(get(token, "Bearer"))
    assert get(token, "Bearer", secure=True).status_code == 401
    assert Event.objects.filter(action="session.ended").count() == 1
    (message,) = mail.outbox
    assert 'session on "laptop"' in message.body


def test_the_owner_of_a_service_account_is_told(ann, make_key, operator, revoking, django_capture_on_commit_callbacks):
    account = accounts.create_service_account(name="robot", owner=ann, purpose="test", by=operator)
    text = make_key(account.user).text
    with django_capture_on_commit_callbacks(execute=True):
        assert_insecure(get(text))
    assert [message.to for message in mail.outbox] == [["ann@example.com"]]


def test_a_wrong_credential_ends_nothing(issued, token, revoking):
    """Whoever knows a public id, or has seen a token without its signature, cannot end what is another's."""
    body = issued.text[: -2 * CHECK_LENGTH] + "0" * CHECK_LENGTH
    head, claims, signature = token.split(".")
    for scheme, text in (
        ("Api-Key", body + checksum(body)),
        ("Api-Key", issued.text[:-1]),
        ("Bearer", f"{head}.{claims}.{'A' * 10}{signature[10:]}"),
        ("Bearer", f"{head}.{claims}."),
        ("Api-Key", "nonsense"),
    ):
        assert_insecure(get(text, scheme))
    assert get(issued.text, secure=True).status_code == 200
    assert get(token, "Bearer", secure=True).status_code == 200
    assert not Event.objects.filter(action__in=["key.revoked", "session.ended"]).exists()


def test_a_key_that_is_dead_already_is_no_news(issued, operator, revoking, django_capture_on_commit_callbacks):
    keys.revoke(issued.key, reason="test", by=operator)
    with django_capture_on_commit_callbacks(execute=True):
        assert_insecure(get(issued.text))
    assert mail.outbox == []
    assert Event.objects.filter(action="key.revoked").count() == 1


def test_where_a_header_speaks_of_tls_nothing_is_ended(issued, revoking):
    """A proxy that is missing in TRUSTED_PROXIES must not cost every client its key."""
    assert_insecure(get(issued.text, HTTP_X_FORWARDED_PROTO="https"))
    assert_insecure(get(issued.text, HTTP_FORWARDED="for=192.0.2.1;proto=https"))
    assert get(issued.text, secure=True).status_code == 200


def test_without_require_tls_nothing_is_ended(issued, revoking, api_access):
    api_access(REQUIRE_TLS=False)
    assert get(issued.text).status_code == 200
    assert get(issued.text).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_where_requests_are_transactions_the_end_outlives_the_refusal(issued, token, revoking, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert_insecure(get(issued.text))
    assert_insecure(get(token, "Bearer"))
    assert get(issued.text, secure=True).status_code == 401
    assert get(token, "Bearer", secure=True).status_code == 401
    assert len(mail.outbox) == 2


# -- who says that it was TLS


def secure(peer, **headers):
    return is_secure(RequestFactory().get("/", REMOTE_ADDR=peer, **headers))


@pytest.fixture
def behind(api_access):
    api_access(TRUSTED_PROXIES=["10.0.0.0/8", "2001:db8:ffff::/48"])


CLAIMS = [
    {"HTTP_X_FORWARDED_PROTO": "https"},
    {"HTTP_FORWARDED": "for=192.0.2.1;proto=https"},
    {"HTTP_FORWARDED": 'proto="https"'},
    {"HTTP_X_FORWARDED_PROTO": "HTTPS"},
    {"HTTP_X_FORWARDED_PROTO": "https, https"},
]


@pytest.mark.parametrize("headers", CLAIMS)
def test_a_trusted_proxy_is_believed(behind, headers):
    assert secure(PROXY, **headers)
    assert secure("2001:db8:ffff::1", **headers)
    assert secure("::ffff:10.0.0.1", **headers)


@pytest.mark.parametrize("headers", CLAIMS)
@pytest.mark.parametrize("peer", ["198.51.100.1", "", "garbage", "2001:db8::1"])
def test_nobody_else_is(behind, settings, headers, peer):
    assert not secure(peer, **headers)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert not secure(peer, **headers)


@pytest.mark.parametrize("headers", CLAIMS)
def test_without_trusted_proxies_nobody_is_whatever_django_is_told(settings, headers):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert not secure(PROXY, **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"HTTP_X_FORWARDED_PROTO": "http"},
        {"HTTP_X_FORWARDED_PROTO": ""},
        {"HTTP_X_FORWARDED_PROTO": "https, http"},
        {"HTTP_X_FORWARDED_PROTO": "http, https"},
        {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_FORWARDED": "for=192.0.2.1;proto=http"},
        {"HTTP_FORWARDED": "for=192.0.2.1"},
        {"HTTP_FORWARDED": "proto=https,"},
        {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_FORWARDED": "garbage"},
        {"HTTP_X_FORWARDED_SSL": "on"},
        {"HTTP_FRONT_END_HTTPS": "on"},
    ],
)
def test_a_trusted_proxy_that_says_anything_else_than_https_alone_is_no_tls(behind, headers):
    assert not secure(PROXY, **headers)


def test_the_header_that_django_is_told_is_the_one_that_counts(behind, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_SCHEME", "tls")
    assert secure(PROXY, HTTP_X_SCHEME="tls")
    assert not secure(PROXY, HTTP_X_SCHEME="https")
    assert not secure(PROXY, HTTP_X_FORWARDED_PROTO="https")
    assert not secure(PROXY, HTTP_X_SCHEME="tls, plain")


def test_the_servers_own_word_counts_whoever_the_peer_is():
    assert is_secure(RequestFactory().get("/", secure=True, REMOTE_ADDR="198.51.100.1"))


def test_a_spoofed_header_opens_nothing_and_the_proxys_does(behind, issued, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert_insecure(get(issued.text, REMOTE_ADDR="198.51.100.1", HTTP_X_FORWARDED_PROTO="https"))
    assert get(issued.text, REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_PROTO="https").status_code == 200


# -- the client's address in Forwarded


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("for=203.0.113.7", "203.0.113.7"),
        ('for="203.0.113.7:51234";proto=https', "203.0.113.7"),
        ('for="[2001:db8::1]:443"', "2001:db8::1"),
        ("for=1.1.1.1, for=203.0.113.7, for=10.0.0.2", "203.0.113.7"),
        ("for=10.0.0.5, for=10.0.0.6", "10.0.0.5"),
        ("for=unknown", None),
        ("for=_hidden, for=10.0.0.2", None),
        ("for=1.1.1.1, proto=https", None),
        ("garbage", None),
        ("", "10.0.0.1"),
    ],
)
def test_the_right_most_hop_that_is_no_proxy_is_the_client(behind, forwarded, address):
    assert client_address({"REMOTE_ADDR": PROXY, "HTTP_FORWARDED": forwarded}) == address


def test_forwarded_of_an_untrusted_peer_counts_for_nothing(behind):
    assert client_address({"REMOTE_ADDR": "198.51.100.9", "HTTP_FORWARDED": "for=203.0.113.7"}) == "198.51.100.9"


def test_a_client_that_writes_the_header_which_the_proxy_does_not_write_becomes_nobody_else(behind):
    meta = {"REMOTE_ADDR": PROXY, "HTTP_FORWARDED": "for=192.0.2.66", "HTTP_X_FORWARDED_FOR": "203.0.113.7"}
    assert client_address(meta) is None
    assert client_address({**meta, "HTTP_FORWARDED": "for=203.0.113.7"}) == "203.0.113.7"


# -- nothing that holds a secret is stored


def test_answers_with_a_secret_are_not_to_be_stored(ann, issued):
    log_in = APIClient().post("/access/token/", {"username": "ann", "password": "secret"}, secure=True)
    refresh = {"refresh_token": log_in.json()["refresh_token"]}
    answers = [log_in, APIClient().post("/access/token/refresh/", refresh, secure=True)]
    client = APIClient()
    client.force_login(ann)
    answers.append(client.post("/access/keys/", {"name": "new", "scopes": ["docs:read"]}, secure=True))
    answers.append(client.post(f"/access/keys/{issued.key.pk}/rotate/", {}, secure=True))
    answers.append(client.get("/access/sessions/", secure=True))
    for answer in answers:
        assert answer.status_code in {200, 201}, answer.content
        assert "no-store" in answer["Cache-Control"]


def test_refusing_costs_as_little_with_revoke_where_the_text_is_no_key(db, revoking):
    with CaptureQueriesContext(connection) as seen:
        get("nonsense")
        get("ak_x_y")
    assert len(seen) == 0
