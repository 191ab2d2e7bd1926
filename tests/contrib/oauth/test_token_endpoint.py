"""The token endpoint: who may ask, in which form, and what everybody else is told."""

from __future__ import annotations

import base64
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from django_apiaccess.contrib.oauth import client_secrets, clients
from django_apiaccess.contrib.oauth.models import ClientSecret
from django_apiaccess.exceptions import InvalidChange, NotHeld
from django_apiaccess.keys.accounts import create_service_account
from django_apiaccess.models import Event, TokenSession
from tests.tokens.people import log_in, refreshed

from .flow import FORM, TOKEN, Pkce, basic, claims_of, code_for, exchange, opens, post, refresh, tokens_for

pytestmark = pytest.mark.django_db
CHALLENGE = 'Basic realm="oauth"'


@pytest.fixture
def account(make_user, operator):
    from django_apiaccess.roles import service as roles

    made = create_service_account(name="robot", owner=make_user("owner"), purpose="test", by=operator)
    roles.grant(user=made.user, scope="docs:read", by=operator)
    return made


@pytest.fixture
def robot(register, account):
    return register(
        name="Robot",
        redirect_uris=[],
        grant_types=["client_credentials"],
        service_account=account,
        scopes=["docs:write"],
    )


# -- the form of a request


def test_oa_11_a_parameter_that_comes_twice_is_named(robot):
    answer = post(TOKEN, [("grant_type", "client_credentials"), ("grant_type", "client_credentials")], robot)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "grant_type" in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"grant_type": "client_credentials"}', "application/json"),
        ("grant_type=client_credentials", "text/plain"),
        ("grant_type=client_credentials", ""),
        ("", FORM),
        ("grant_type=", FORM),
        ("&".join(f"a{n}=1" for n in range(200)), FORM),
        ("a=" + "x" * 70_000, FORM),
        ("grant_type=client_credentials&scope=a%00b", FORM),
        ("grant_type=client_credentials&scope=%ff", FORM),
        (b"grant_type=client_credentials&scope=\xff".decode("latin-1"), FORM),
    ],
)
def test_a_body_that_is_no_good_form_is_an_invalid_request(robot, body, kind):
    answer = Client().post(TOKEN, body, content_type=kind, **basic(robot))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), answer.content
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "head", "options"])
def test_only_post_is_answered(robot, method):
    answer = getattr(Client(), method)(TOKEN, **basic(robot))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_rs_05_parameters_in_the_url_are_refused(robot):
    answer = Client().post(f"{TOKEN}?grant_type=client_credentials", "", content_type=FORM, **basic(robot))
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize("status", [200, 400, 401, 405])
def test_se_13_no_answer_is_stored(robot, status):
    answers = {
        200: lambda: post(TOKEN, {"grant_type": "client_credentials"}, robot),
        400: lambda: post(TOKEN, {"grant_type": "nothing"}, robot),
        401: lambda: post(TOKEN, {"grant_type": "client_credentials", "client_id": "app_nobody"}),
        405: lambda: Client().get(TOKEN),
    }
    answer = answers[status]()
    assert (answer.status_code, answer["Cache-Control"]) == (status, "no-store")


@pytest.mark.parametrize("path", ["token", "revoke", "introspect", "par", "device_authorization"])
def test_in_clear_nothing_is_taken_where_tls_is_required(robot, settings, path):
    settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": True}
    answer = post(f"/oauth/{path}/", {"grant_type": "client_credentials", "token": "x"}, robot)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_over_tls_it_is_taken(robot, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": True}
    data = urlencode({"grant_type": "client_credentials"})
    assert Client().post(TOKEN, data, content_type=FORM, secure=True, **basic(robot)).status_code == 200


def test_a_host_that_is_no_loopback_over_http_is_no_error_500(robot, settings):
    answer = post(TOKEN, {"grant_type": "client_credentials"}, robot, HTTP_HOST="api.example")
    assert answer.status_code == 200


# -- who asks


@pytest.mark.parametrize(
    "header",
    [
        lambda robot: basic(robot, "cs_wrong"),
        lambda robot: basic(robot, robot.secret[:-1] + "0"),
        lambda robot: basic(robot, ""),
        lambda robot: {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"app_nobody:x").decode()},
        lambda robot: {"HTTP_AUTHORIZATION": "Basic not base64"},
        lambda robot: {"HTTP_AUTHORIZATION": "Basic"},
        lambda robot: {"HTTP_AUTHORIZATION": "Bearer x"},
        lambda robot: {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
        lambda robot: {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"a\0b:c\0d").decode()},
        lambda robot: {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"x" * 5000 + b":" + b"y" * 5000).decode()},
    ],
)
def test_oa_10_wrong_basic_credentials_get_401_and_a_basic_challenge(robot, header):
    answer = post(TOKEN, {"grant_type": "client_credentials"}, **header(robot))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer["WWW-Authenticate"] == CHALLENGE


def test_oa_09_a_client_with_a_secret_is_not_let_in_by_its_name(robot):
    answer = post(TOKEN, {"grant_type": "client_credentials", "client_id": robot.client.client_id})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_oa_09_a_client_uses_the_way_it_is_registered_for(robot):
    data = {"grant_type": "client_credentials", "client_id": robot.client.client_id, "client_secret": robot.secret}
    assert post(TOKEN, data).status_code == 401


def test_oa_11_two_proofs_at_once_are_an_invalid_request(robot):
    data = {"grant_type": "client_credentials", "client_secret": robot.secret}
    answer = post(TOKEN, data, robot)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_client_id_that_contradicts_the_header_is_an_invalid_request(robot):
    answer = post(TOKEN, {"grant_type": "client_credentials", "client_id": "app_other"}, robot)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_the_same_client_id_beside_the_header_is_fine(robot):
    data = {"grant_type": "client_credentials", "client_id": robot.client.client_id}
    assert post(TOKEN, data, robot).status_code == 200


def test_another_clients_secret_is_wrong(robot, confidential):
    pair = base64.b64encode(f"{robot.client.client_id}:{confidential.secret}".encode()).decode()
    assert post(TOKEN, {"grant_type": "client_credentials"}, HTTP_AUTHORIZATION=f"Basic {pair}").status_code == 401


def test_the_secret_is_told_once_and_stored_as_a_digest(robot):
    secret = ClientSecret.objects.get(client=robot.client)
    assert robot.secret not in secret.digest
    assert secret.digest.startswith("hmac-sha256$")
    assert robot.secret not in repr(robot)
    assert not [event for event in Event.objects.all() if robot.secret in str(event.details)]


def test_after_a_rotation_both_secrets_open_until_the_old_one_ends(robot, operator):
    text, until = client_secrets.rotate(robot.client, by=operator, grace=timedelta(hours=1))
    assert until > timezone.now()
    for secret in (robot.secret, text):
        assert post(TOKEN, {"grant_type": "client_credentials"}, **basic(robot, secret)).status_code == 200
    ClientSecret.objects.filter(retired_at__isnull=False).update(expires_at=timezone.now())
    assert post(TOKEN, {"grant_type": "client_credentials"}, **basic(robot)).status_code == 401
    assert post(TOKEN, {"grant_type": "client_credentials"}, **basic(robot, text)).status_code == 200


def test_a_rotation_without_grace_ends_the_old_secret_now(robot, operator):
    client_secrets.rotate(robot.client, by=operator, grace=timedelta(0))
    assert post(TOKEN, {"grant_type": "client_credentials"}, **basic(robot)).status_code == 401


def test_failures_of_clients_count_against_the_network(robot, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "LOCKOUT": {"NETWORK_FREE": 3}}
    statuses = [
        post(TOKEN, {"grant_type": "client_credentials"}, **basic(robot, "cs_wrong")).status_code for _ in range(6)
    ]
    assert statuses[:3] == [401, 401, 401]
    assert statuses[-1] == 429
    assert post(TOKEN, {"grant_type": "client_credentials"}, robot).status_code == 200, "who is right is not held up"


def test_requests_are_limited_in_rate(robot, oauth):
    oauth(RATE="3/h")
    statuses = [post(TOKEN, {"grant_type": "client_credentials"}, robot).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]


def test_a_refused_client_is_in_the_log(robot):
    post(TOKEN, {"grant_type": "client_credentials"}, **basic(robot, "cs_wrong"))
    from django_apiaccess.events.later import later

    later.flush()
    assert Event.objects.filter(action="oauth_client.refused", outcome="failed").count() == 1


# -- client credentials


def test_a_client_speaks_for_its_service_account_within_its_grants(robot, account):
    answer = post(TOKEN, {"grant_type": "client_credentials"}, robot)
    body = answer.json()
    assert "refresh_token" not in body
    assert body["scope"] == "docs:read", "docs:write is the client's, but the account holds docs:read alone"
    assert opens(body["access_token"]) == 200
    claims = claims_of(body["access_token"])
    assert (claims["sub"], claims["client_id"]) == (str(account.user.pk), robot.client.client_id)


def test_what_is_taken_from_the_account_is_taken_from_its_tokens(robot, account):
    body = post(TOKEN, {"grant_type": "client_credentials"}, robot).json()
    from django_apiaccess.models import Grant

    Grant.objects.all().delete()
    assert opens(body["access_token"]) == 403
    answer = post(TOKEN, {"grant_type": "client_credentials"}, robot)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("scope", ["reports:read", "docs:*", "nothing", "docs:read reports:read"])
def test_oa_12_scopes_beyond_the_clients_are_refused(robot, scope):
    answer = post(TOKEN, {"grant_type": "client_credentials", "scope": scope}, robot)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_a_service_account_that_is_switched_off_gets_nothing(robot, account):
    account.user.is_active = False
    account.user.save()
    answer = post(TOKEN, {"grant_type": "client_credentials"}, robot)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


def test_its_tokens_can_be_revoked_though_they_are_never_refreshed(robot):
    body = post(TOKEN, {"grant_type": "client_credentials"}, robot).json()
    assert post("/oauth/revoke/", {"token": body["access_token"]}, robot).status_code == 200
    assert opens(body["access_token"]) == 401


def test_switching_the_client_off_ends_them(robot, operator):
    body = post(TOKEN, {"grant_type": "client_credentials"}, robot).json()
    clients.change(robot.client, by=operator, is_active=False)
    assert opens(body["access_token"]) == 401
    assert post(TOKEN, {"grant_type": "client_credentials"}, robot).status_code == 401


def test_oa_21_a_token_for_another_resource_opens_nothing_here(register, account):
    client = register(
        redirect_uris=[],
        grant_types=["client_credentials"],
        service_account=account,
        audiences=["https://files.example/", "https://mail.example/"],
    )
    data = [("grant_type", "client_credentials"), ("resource", "https://files.example/")]
    body = post(TOKEN, data, client).json()
    assert claims_of(body["access_token"])["aud"] == "https://files.example/"
    assert opens(body["access_token"]) == 401
    both = post(TOKEN, [*data, ("resource", "https://mail.example/")], client).json()
    assert claims_of(both["access_token"])["aud"] == ["https://files.example/", "https://mail.example/"]
    evil = post(TOKEN, [*data, ("resource", "https://evil.example/")], client)
    assert (evil.status_code, evil.json()["error"]) == (400, "invalid_target")


def test_a_public_client_cannot_have_client_credentials(register, account):
    with pytest.raises(InvalidChange):
        register(auth_method="none", grant_types=["client_credentials"], service_account=account)


def test_nobody_registers_a_client_for_more_than_they_hold(make_user):
    from django_apiaccess.events.source import Actor

    with pytest.raises(NotHeld):
        clients.create(by=Actor.of_user(make_user("bob")), name="x", scopes=["docs:read"], auth_method="none")


@pytest.mark.parametrize(
    "client_id", ["42", "1" * 30, "00000000-0000-0000-0000-000000000042", "short", "a b c d e f g", ""]
)
def test_oa_23_a_client_id_is_never_one_of_a_user(operator, client_id):
    if client_id == "":
        made = clients.create(by=operator, name="x", auth_method="none")
        assert made.client.client_id.startswith("app_")
    else:
        with pytest.raises(InvalidChange):
            clients.create(by=operator, client_id=client_id, name="x", auth_method="none")


# -- refreshing


def test_se_04_a_refresh_token_is_used_up(ann, confidential):
    first = tokens_for(ann, confidential)
    second = refresh(confidential, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert opens(second["access_token"]) == 200


def test_se_05_a_used_refresh_token_ends_the_session(ann, public, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "REFRESH_GRACE": "0s"}
    first = tokens_for(ann, public)
    second = refresh(public, first["refresh_token"]).json()
    answer = refresh(public, first["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert opens(second["access_token"]) == 401
    assert refresh(public, second["refresh_token"]).status_code == 400
    assert Event.objects.filter(action="refresh.replayed").count() == 1


def test_se_07_a_refresh_token_is_its_clients_alone_and_lives_on(ann, public, register):
    first = tokens_for(ann, public)
    other = register(name="Other", auth_method="none")
    answer = refresh(other, first["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert refresh(public, first["refresh_token"]).status_code == 200


def test_se_07_scopes_are_narrowed_and_never_widened(ann, public):
    first = tokens_for(ann, public, scope="openid docs:write")
    wider = refresh(public, first["refresh_token"], scope="docs:write email")
    assert (wider.status_code, wider.json()["error"]) == (400, "invalid_scope")
    narrow = refresh(public, first["refresh_token"], scope="docs:read").json()
    assert narrow["scope"] == "docs:read"
    again = refresh(public, narrow["refresh_token"]).json()
    assert again["scope"] == "docs:write openid"
    assert refresh(public, again["refresh_token"], scope="openid").status_code == 200


def test_oa_21_a_refresh_narrows_resources_and_adds_none(ann, register):
    client = register(audiences=["https://files.example/", "https://mail.example/"])
    pkce = Pkce()
    code = code_for(ann, client, pkce, resource="https://files.example/")
    first = exchange(client, code, pkce).json()
    assert claims_of(first["access_token"])["aud"] == "https://files.example/"
    answer = refresh(client, first["refresh_token"], resource="https://mail.example/")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
    same = refresh(client, first["refresh_token"], resource="https://files.example/").json()
    assert claims_of(same["access_token"])["aud"] == "https://files.example/"


def test_our_own_log_ins_tokens_are_not_refreshed_here_nor_an_apps_there(ann, public):
    assert refresh(public, log_in().refresh).status_code == 400
    assert refreshed(tokens_for(ann, public)["refresh_token"]).status_code == 400


def test_se_09_an_account_that_is_switched_off_is_felt_at_once(ann, public):
    body = tokens_for(ann, public)
    ann.is_active = False
    ann.save()
    assert opens(body["access_token"]) == 401
    assert refresh(public, body["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_changed_password_ends_the_apps_sessions(ann, public):
    body = tokens_for(ann, public)
    ann.set_password("other")
    ann.save()
    assert opens(body["access_token"]) == 401


def test_a_session_is_not_refreshed_more_often_than_the_rate_allows(ann, public, oauth):
    oauth(RATE="2/h")
    text = tokens_for(ann, public)["refresh_token"]
    statuses = []
    for _ in range(4):
        answer = refresh(public, text)
        statuses.append(answer.status_code)
        text = answer.json().get("refresh_token", text)
    assert statuses == [200, 200, 429, 429]


def test_a_clients_own_lifetimes_are_shorter_never_longer(ann, register):
    short = tokens_for(ann, register(access_token_lifetime=timedelta(minutes=1), session_lifetime=timedelta(hours=1)))
    assert short["expires_in"] == 60
    left = TokenSession.objects.get().expires_at - timezone.now()
    assert left <= timedelta(hours=1)
    assert tokens_for(ann, register(access_token_lifetime=timedelta(hours=9)))["expires_in"] == 600
