"""Who may look at and change factors: the owner in a session of their own. No key, no other client, no narrow token."""

import base64

import pytest
from rest_framework.test import APIClient

from django_apiaccess.keys import accounts
from django_apiaccess.keys import service as keys
from django_apiaccess.mfa import trusted
from django_apiaccess.mfa.models import MFAChallenge, TOTPFactor, TrustedDevice
from django_apiaccess.models import TokenSession
from tests.mfa.factors import HOME, NUMBER, app_of, call, code_of, post, said, tokens_with

ENDPOINTS = [
    ("get", "mfa/methods/", None),
    ("get", "mfa/methods/{app}/", None),
    ("patch", "mfa/methods/{app}/", {"name": "taken"}),
    ("delete", "mfa/methods/{app}/", None),
    ("post", "mfa/totp/", {}),
    ("post", "mfa/totp/{app}/confirm/", {"code": "123456"}),
    ("post", "mfa/sms/", {"number": NUMBER}),
    ("post", "mfa/sms/{app}/confirm/", {"code": "123456"}),
    ("post", "mfa/webauthn/", {}),
    ("post", "mfa/webauthn/{app}/confirm/", {"credential": {}}),
    ("get", "mfa/recovery-codes/", None),
    ("post", "mfa/recovery-codes/", {}),
    ("get", "mfa/trusted-devices/", None),
    ("delete", "mfa/trusted-devices/", None),
    ("delete", "mfa/trusted-devices/x/", None),
]
STEP_UP = [
    ("post", "mfa/step-up/", {}),
    ("post", "mfa/step-up/verify/", {"mfa_token": "x", "method": "totp", "code": "1"}),
]
every_endpoint = pytest.mark.parametrize(("verb", "path", "body"), ENDPOINTS)
every_endpoint_and_step_up = pytest.mark.parametrize(("verb", "path", "body"), ENDPOINTS + STEP_UP)


@pytest.fixture
def kept(app, ann, sms):
    """Ann's app and trusted device, which must be there afterwards."""
    from django_apiaccess.events.source import Where

    trusted.trust(ann, where=Where(HOME), name="Laptop")
    yield app
    assert list(TOTPFactor.objects.values_list("name", "confirmed")) == [("App", True)]
    assert TrustedDevice.objects.filter(revoked_at=None).count() == 1
    assert sms == []


def refused(client, verb, path, body, app):
    answer = getattr(client, verb)(f"/access/{path.format(app=app.uid)}", *([] if body is None else [body]))
    assert answer.status_code in {401, 403}, (answer.status_code, answer.content)
    assert app.name not in answer.content.decode()
    return answer


@every_endpoint_and_step_up
def test_a_key_of_the_user_with_all_their_scopes_is_refused(kept, ann, make_key, client_of, verb, path, body):
    client = client_of(make_key(ann, "docs:read", "docs:write"))
    assert said(refused(client, verb, path, body, kept)) == (403, "mfa_impossible")


@every_endpoint_and_step_up
def test_a_service_account_is_refused(kept, ann, operator, client_of, verb, path, body):
    account = accounts.create_service_account(name="robot", owner=ann, purpose="test", by=operator)
    client = client_of(keys.issue(principal=account.user, name="x", scopes=[], by=operator))
    refused(client, verb, path, body, kept)


@every_endpoint_and_step_up
def test_basic_is_refused(kept, bob, settings, verb, path, body):
    settings.API_ACCESS = {**settings.API_ACCESS, "CREDENTIALS": ["api_key", "jwt", "session", "basic"]}
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Basic " + base64.b64encode(b"bob:secret").decode())
    client.defaults["wsgi.url_scheme"] = "https"
    refused(client, verb, path, body, kept)


@every_endpoint_and_step_up
def test_a_token_of_another_client_is_refused_whatever_its_scopes(kept, clock, verb, path, body):
    from django_apiaccess.core.proof import Proof
    from django_apiaccess.events.source import Where
    from django_apiaccess.tokens import service

    proof = Proof(("pwd", "otp", "mfa"), "phr", clock.now)
    user = kept.user
    begun = service.begin(
        user, proof=proof, where=Where(HOME), scopes=service.requested_scopes(user, None), client_id="some-app"
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {begun.access_token}")
    assert client.get("/read-only/").status_code == 200
    assert said(refused(client, verb, path, body, kept)) == (403, "mfa_impossible")
    assert not MFAChallenge.objects.exclude(purpose="login").exists()


@every_endpoint
def test_a_token_for_less_than_its_owner_may_is_refused(kept, verb, path, body):
    access = tokens_with(kept, scope="docs:read")["access_token"]
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    assert said(refused(client, verb, path, body, kept)) == (403, "insufficient_scope")


def test_a_token_for_less_may_step_up_which_gives_it_no_scope(app, clock):
    """Else who asks for little could never prove more."""
    access = tokens_with(app, scope="docs:read")["access_token"]
    clock.next_code()
    started = call("post", "/access/mfa/step-up/", access, {}).json()["mfa_token"]
    body = {"mfa_token": started, "method": "totp", "code": code_of(app)}
    done = call("post", "/access/mfa/step-up/verify/", access, body).json()
    assert done["scope"] == "docs:read"
    assert said(call("post", "/access/mfa/totp/", done["access_token"], {})) == (403, "insufficient_scope")


def test_a_scope_that_the_owner_got_since_makes_an_old_token_narrow(app, ann, operator):
    from django_apiaccess.roles import service as roles

    access = tokens_with(app)["access_token"]
    assert call("get", "/access/mfa/methods/", access).status_code == 200
    roles.grant(user=ann, scope="docs:delete", by=operator)
    assert said(call("get", "/access/mfa/methods/", access)) == (403, "insufficient_scope")


@every_endpoint_and_step_up
def test_nobody_is_refused(kept, verb, path, body):
    assert refused(APIClient(), verb, path, body, kept).status_code == 401


def test_an_ended_session_is_refused(app, clock):
    access = tokens_with(app)["access_token"]
    TokenSession.objects.update(revoked_at=clock.now)
    assert call("get", "/access/mfa/methods/", access).status_code == 401


def test_one_sees_ones_own_factors_only(app, bob, clock):
    app_of(bob, seed=b"b" * 20, name="Bob's")
    listed = call("get", "/access/mfa/methods/", tokens_with(app)["access_token"]).json()
    assert [method["name"] for method in listed["methods"]] == ["App"]


def test_every_answer_is_kept_by_no_cache(app, clock):
    access = tokens_with(app)["access_token"]
    answers = [
        call("get", f"/access/{path}", access)
        for path in ("mfa/methods/", "mfa/recovery-codes/", "mfa/trusted-devices/", "mfa/methods/x/")
    ]
    answers += [post("mfa/totp/", {}, token=access), post("mfa/totp/"), post("mfa/step-up/", {}, token=access)]
    assert {answer["Cache-Control"] for answer in answers} == {"no-store"}
