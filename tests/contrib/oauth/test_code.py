"""Authorization code and PKCE: who gets a code, and what it is good for."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.utils import timezone

from django_apiaccess.contrib.oauth.models import AuthorizationCode
from django_apiaccess.models import Event, RefreshToken, TokenSession

from .flow import (
    CALLBACK,
    ISSUER,
    TOKEN,
    Pkce,
    allow,
    basic,
    browser,
    claims_of,
    code_for,
    exchange,
    opens,
    post,
    refresh,
    returned,
    tokens_for,
    url,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_a_person_allows_and_the_client_gets_tokens_that_work(ann, register, method):
    client = register(auth_method=method)
    body = tokens_for(ann, client)
    assert body["token_type"] == "Bearer"
    assert body["scope"] == "docs:read"
    assert isinstance(body["expires_in"], int)
    assert opens(body["access_token"]) == 200
    claims = claims_of(body["access_token"])
    assert (claims["iss"], claims["sub"], claims["client_id"]) == (ISSUER, str(ann.pk), client.client.client_id)


def test_the_secret_may_come_in_the_body_where_the_client_is_registered_for_that(ann, register):
    client, pkce = register(auth_method="client_secret_post"), Pkce()
    code = code_for(ann, client, pkce)
    data = {"client_id": client.client.client_id, "client_secret": client.secret}
    data |= {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": pkce.verifier}
    assert post(TOKEN, data).status_code == 200


def test_oa_03_a_code_works_once_and_its_second_use_ends_the_session(ann, confidential):
    pkce = Pkce()
    code = code_for(ann, confidential, pkce)
    first = exchange(confidential, code, pkce).json()
    assert opens(first["access_token"]) == 200
    again = exchange(confidential, code, pkce)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert opens(first["access_token"]) == 401
    assert refresh(confidential, first["refresh_token"]).status_code == 400
    event = Event.objects.get(action="code.replayed")
    assert event.details["severity"] == "high"


def test_oa_03_the_second_use_ends_it_also_when_the_code_would_have_expired(ann, confidential):
    pkce = Pkce()
    code = code_for(ann, confidential, pkce)
    first = exchange(confidential, code, pkce).json()
    AuthorizationCode.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    assert exchange(confidential, code, pkce).status_code == 400
    assert opens(first["access_token"]) == 401


@pytest.mark.parametrize("wrong", ["verifier", "secret", "other client", "redirect_uri"])
def test_oa_04_a_replay_that_proves_nothing_ends_nothing(ann, confidential, register, wrong):
    pkce = Pkce()
    code = code_for(ann, confidential, pkce)
    first = exchange(confidential, code, pkce).json()
    if wrong == "verifier":
        answer = exchange(confidential, code, Pkce())
    elif wrong == "secret":
        answer = exchange(confidential, code, pkce, headers=basic(confidential, "cs_wrong"))
    elif wrong == "other client":
        answer = exchange(register(name="Other"), code, pkce)
    else:
        answer = exchange(confidential, code, pkce, redirect_uri="https://app.example/other")
    assert answer.status_code in {400, 401}
    assert opens(first["access_token"]) == 200


def test_oa_05_a_code_lives_a_minute(ann, public):
    pkce = Pkce()
    code = code_for(ann, public, pkce)
    row = AuthorizationCode.objects.get()
    assert row.expires_at - row.created_at == timedelta(seconds=60)
    AuthorizationCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = exchange(public, code, pkce)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert not TokenSession.objects.exists()


def test_oa_05_a_code_is_its_clients_alone(ann, public, register):
    pkce = Pkce()
    code = code_for(ann, public, pkce)
    other = register(name="Other", auth_method="none")
    assert exchange(other, code, pkce).json()["error"] == "invalid_grant"
    assert exchange(public, code, pkce).status_code == 200


@pytest.mark.parametrize("uri", [None, "https://app.example/other", CALLBACK + "/", CALLBACK + "?x"])
def test_oa_05_the_redirect_uri_must_be_the_one_of_the_request(ann, public, uri):
    pkce = Pkce()
    code = code_for(ann, public, pkce)
    assert exchange(public, code, pkce, redirect_uri=uri).json()["error"] == "invalid_grant"


def test_a_request_without_redirect_uri_is_answered_where_one_alone_is_registered(ann, public):
    pkce = Pkce()
    code = code_for(ann, public, pkce, redirect_uri=None)
    assert exchange(public, code, pkce, redirect_uri=None).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "a" * 42}, "invalid_request"),
        ({"code_challenge": "a" * 44}, "invalid_request"),
        ({"code_challenge": "a" * 42 + "é"}, "invalid_request"),
        ({"code_challenge": "a" * 43 + "\n"}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ],
)
@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_oa_07_pkce_by_s256_is_asked_of_every_client_where_the_request_begins(ann, register, method, changes, error):
    client = register(auth_method=method)
    answer = returned(browser(ann).get(url(client, Pkce(), **changes)))
    assert answer["error"] == error
    assert answer["state"] == "xyz"
    assert answer["iss"] == ISSUER


@pytest.mark.parametrize("verifier", [None, "short", "a" * 42, "a" * 129, "a" * 42 + " ", "é" * 43, "a" * 43])
def test_oa_07_a_wrong_verifier_gets_nothing_and_leaves_the_code(ann, public, verifier):
    pkce = Pkce()
    code = code_for(ann, public, pkce)
    answer = exchange(public, code, pkce, code_verifier=verifier)
    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_grant", "invalid_request"}
    assert exchange(public, code, pkce).status_code == 200


def test_oa_08_no_code_is_given_without_a_challenge_so_no_verifier_comes_without_one(ann, public):
    assert "code" not in returned(
        browser(ann).get(url(public, Pkce(), code_challenge=None, code_challenge_method=None))
    )
    assert not AuthorizationCode.objects.exists()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": 'é"\\'}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"scope": "docs:nothing"}, "invalid_scope"),
        ({"scope": "reports:read"}, "invalid_scope"),
        ({"scope": "docs:*"}, "invalid_scope"),
        ({"resource": "https://evil.example"}, "invalid_target"),
        ({"resource": "https://files.example/"}, "invalid_target"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
    ],
)
def test_oa_06_oa_12_oa_21_what_is_not_offered_or_not_registered_is_told_to_the_client(ann, public, changes, error):
    answer = returned(browser(ann).get(url(public, Pkce(), **changes)))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "xyz", ISSUER)


@pytest.mark.parametrize("grant", ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "é"])
def test_oa_06_other_grants_do_not_exist(public, grant):
    answer = post(TOKEN, {"grant_type": grant, "username": "ann", "password": "secret"}, public)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_oa_12_a_grant_that_the_client_is_not_registered_for_is_refused(confidential):
    answer = post(TOKEN, {"grant_type": "client_credentials"}, confidential)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


def test_a_client_without_the_refresh_grant_gets_no_refresh_token(ann, register):
    client = register(grant_types=["authorization_code"])
    body = tokens_for(ann, client)
    assert "refresh_token" not in body
    assert opens(body["access_token"]) == 200
    assert not RefreshToken.objects.exists()


def test_an_account_that_was_switched_off_since_gets_nothing(ann, public):
    pkce = Pkce()
    code = code_for(ann, public, pkce)
    ann.is_active = False
    ann.save()
    assert exchange(public, code, pkce).json()["error"] == "invalid_grant"


def test_what_the_user_does_not_hold_is_left_out_and_the_answer_says_so(make_user, public):
    bob = make_user("bob", "docs:read")
    body = tokens_for(bob, public, scope="docs:read docs:write")
    assert body["scope"] == "docs:read"


def test_a_user_who_holds_nothing_of_it_can_give_nothing(make_user, public):
    answer = returned(browser(make_user("bob")).get(url(public, Pkce())))
    assert answer["error"] == "access_denied"


def test_se_14_neither_codes_nor_tokens_are_stored(ann, public, django_db_blocker):
    from django.core.management import call_command

    pkce = Pkce()
    code = code_for(ann, public, pkce)
    body = exchange(public, code, pkce).json()
    import io

    out = io.StringIO()
    call_command("dumpdata", stdout=out)
    for text in (code, body["access_token"], body["refresh_token"], pkce.verifier):
        assert text not in out.getvalue()


def test_a_code_costs_eight_statements_at_most(ann, confidential, public, django_assert_max_num_queries):
    from django_apiaccess.tokens.ring import ring

    for client in (confidential, public):
        pkce = Pkce()
        code = code_for(ann, client, pkce)
        ring.ready()
        with django_assert_max_num_queries(8):
            answer = exchange(client, code, pkce)
        assert answer.status_code == 200
        with django_assert_max_num_queries(8):
            answer = refresh(client, answer.json()["refresh_token"])
        assert answer.status_code == 200
        with django_assert_max_num_queries(1):
            assert opens(answer.json()["access_token"]) == 200


def test_denying_gives_the_client_an_error_and_no_code(ann, public):
    answer = returned(allow(browser(ann), url(public, Pkce()), "deny"))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "xyz", ISSUER)
    assert Event.objects.filter(action="consent.denied").count() == 1


def test_basic_credentials_with_encoded_characters_are_decoded(ann, confidential):
    pkce = Pkce()
    code = code_for(ann, confidential, pkce)
    pair = f"{confidential.client.client_id.replace('_', '%5F')}:{confidential.secret.replace('_', '%5f')}"
    header = {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(pair.encode()).decode()}
    assert exchange(confidential, code, pkce, headers=header).status_code == 200
