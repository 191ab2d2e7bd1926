"""Run by `tests/projects/test_projects.py` in a process of its own, under `settings.py` of this folder."""

from datetime import timedelta

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.background import flusher
from django_apiaccess.exceptions import DutiesConflict
from django_apiaccess.keys import service as keys
from django_apiaccess.roles import service as roles

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return get_user_model().objects.create_user("ann@example.com", "secret")


def test_a_key_of_such_a_user_opens_what_it_should(ann, operator, make_role, client_of):
    make_role("reader", "docs:read")
    roles.grant(user=ann, role="reader", by=operator)
    client = client_of(keys.issue(principal=ann, name="x", scopes=["docs:read"], by=operator))
    assert client.get("/by-scope/").json() == {"user": "ann@example.com", "kind": "api_key"}
    assert client.get("/by-permission/").status_code == 200
    me = client.get("/access/me/").json()
    assert me["principal"] == {"id": str(ann.pk), "username": "ann@example.com", "kind": "user"}
    assert me["roles"] == ["reader"]
    narrow = client_of(keys.issue(principal=ann, name="x", scopes=[], by=operator))
    assert narrow.get("/by-permission/").status_code == 403
    assert client.post("/access/keys/", {"name": "child", "scopes": ["docs:read"]}).status_code == 201
    flusher.flush()


def test_a_session_of_such_a_user_too(ann, operator):
    client = APIClient()
    client.force_login(ann, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/by-scope/").status_code == 403
    assert client.get("/by-permission/").status_code == 403
    roles.grant(user=ann, scope="docs:read", by=operator)
    assert client.get("/by-scope/").status_code == 200
    assert client.get("/by-permission/").status_code == 200
    assert client.get("/access/me/").status_code == 200


def test_without_time_zones_grants_begin_and_end_on_time(ann, operator, client_of):
    now = timezone.now()
    given = roles.grant(
        user=ann,
        scope="docs:read",
        starts_at=now - timedelta(minutes=1),
        ends_at=now + timedelta(minutes=1),
        by=operator,
    )
    client = client_of(keys.issue(principal=ann, name="x", scopes=["docs:read"], by=operator))
    assert client.get("/by-scope/").status_code == 200
    type(given).objects.filter(pk=given.pk).update(starts_at=now + timedelta(seconds=30))
    assert client.get("/by-scope/").status_code == 403
    type(given).objects.filter(pk=given.pk).update(
        starts_at=now - timedelta(minutes=2), ends_at=now - timedelta(seconds=1)
    )
    assert client.get("/by-scope/").status_code == 403


def test_objects_and_separation(ann, operator, make_role):
    make_role("buyer", "docs:write")
    make_role("payer", "docs:delete")
    roles.save_separation(name="four eyes", roles=["buyer", "payer"], by=operator)
    roles.grant(user=ann, role="buyer", by=operator)
    with pytest.raises(DutiesConflict):
        roles.grant(user=ann, role="payer", by=operator)


def test_a_service_account_has_an_address_that_is_none(ann, operator):
    account = keys.create_service_account(name="robot", owner=ann, purpose="tests", by=operator)
    assert account.user.email == "robot@service-account.invalid"
    assert authenticate(email="robot@service-account.invalid", password="x") is None


def test_nobody_is_a_superuser_and_with_perm_works(ann, operator):
    roles.grant(user=ann, scope="docs:read", by=operator)
    from django_apiaccess.backends import AccessBackend

    assert list(AccessBackend().with_perm("testapp.view_document", is_active=None)) == [ann]


# -- second factors


@pytest.fixture
def mfa(settings):
    def change(**entries):
        settings.API_ACCESS = {**settings.API_ACCESS, "MFA": entries}

    return change


def to(path, body, token=""):
    headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}
    return APIClient().post(f"/access/{path}", body, format="json", **headers)


def test_such_a_user_enrols_logs_in_with_the_factor_and_steps_up(ann):
    from django_apiaccess.mfa import recovery
    from django_apiaccess.mfa.models import TOTPFactor, TrustedDevice
    from tests.mfa.factors import code_of

    body = {"username": "ann@example.com", "password": "secret"}
    access = to("token/", body).json()["access_token"]
    begun = to("mfa/totp/", {}, access).json()
    device = TOTPFactor.objects.get(uid=begun["id"])
    done = to(f"mfa/totp/{device.uid}/confirm/", {"code": code_of(device, -1)}, access)
    assert done.status_code == 201, done.content
    codes = to("mfa/recovery-codes/", {}, done.json()["access_token"]).json()["codes"]
    assert recovery.left(ann) == 10
    pending = to("token/", body).json()
    assert pending["code"] == "mfa_required"
    assert [method["type"] for method in pending["methods"]] == ["totp", "recovery"]
    given = to(
        "token/mfa/verify/",
        {"mfa_token": pending["mfa_token"], "method": "totp", "code": code_of(device), "remember": True},
    )
    assert given.status_code == 200, given.content
    browser = APIClient()
    browser.cookies["__Host-apiaccess_device"] = given.cookies["__Host-apiaccess_device"].value
    assert browser.post("/access/token/", body, format="json").status_code == 200
    assert TrustedDevice.objects.get().user == ann
    access = given.json()["access_token"]
    started = to("mfa/step-up/", {}, access).json()["mfa_token"]
    done = to("mfa/step-up/verify/", {"mfa_token": started, "method": "recovery", "code": codes[0]}, access)
    assert (done.status_code, done.json()["acr"]) == (200, "aal2")
    listed = APIClient().get("/access/mfa/methods/", HTTP_AUTHORIZATION=f"Bearer {done.json()['access_token']}").json()
    assert listed["methods"][0]["last_used_at"] is not None
    flusher.flush()


def test_a_policy_reaches_such_a_user_who_is_no_staff_and_has_no_groups(ann, mfa):
    body = {"username": "ann@example.com", "password": "secret"}
    mfa(REQUIRED_FOR=["staff", "superusers", "role:manager"])
    assert to("token/", body).status_code == 200
    mfa(REQUIRED_FOR=["everyone"], GRACE="1d")
    assert to("token/", body).status_code == 200
    mfa(REQUIRED_FOR=["everyone"])
    assert to("token/", body).json()["code"] == "mfa_enrollment_required"


def test_a_phone_of_such_a_user_gets_a_code(ann, mfa):
    from django_apiaccess.sms.locmem import outbox
    from tests.mfa.factors import NUMBER, sent_code

    mfa(SMS_GATEWAY="django_apiaccess.sms.locmem.LocMemGateway")
    outbox.clear()
    body = {"username": "ann@example.com", "password": "secret"}
    access = to("token/", body).json()["access_token"]
    begun = to("mfa/sms/", {"number": NUMBER}, access)
    assert begun.status_code == 201, begun.content
    done = to(f"mfa/sms/{begun.json()['id']}/confirm/", {"code": sent_code()}, access)
    assert (done.status_code, done.json()["acr"]) == (201, "aal2-sms")
    outbox.clear()


def test_the_audit_runs_for_such_users_and_finds_what_there_is(ann, operator):
    from django_apiaccess.audit.run import FAILED, run

    roles.grant(user=ann, scope="docs:read", by=operator)
    account = keys.create_service_account(name="printer", owner=ann, purpose="x", by=operator)
    roles.grant(user=account.user, scope="docs:read", by=operator, reason="x")
    key = keys.issue(principal=account.user, name="x", scopes=["docs:read"], by=operator, expires_at=None).key
    found = run().findings
    assert [finding for finding in found if finding.rule == FAILED] == []
    assert {
        (finding.rule, finding.subject.id) for finding in found if finding.rule.startswith(("keys.", "grants."))
    } == {
        ("keys.never-expires", str(key.pk)),
        ("grants.no-reason", str(ann.apiaccess_grants.get().pk)),
    }


def test_the_use_of_scopes_is_recorded_and_keys_are_narrowed_without_time_zones(ann, operator, client_of):
    from django_apiaccess.exceptions import InvalidChange
    from django_apiaccess.keys.models import APIKey
    from django_apiaccess.keys.narrowing import narrow

    for scope in ("docs:read", "docs:write"):
        roles.grant(user=ann, scope=scope, by=operator)
    issued = keys.issue(principal=ann, name="x", scopes=["docs:read", "docs:write"], by=operator)
    assert client_of(issued).get("/by-scope/").status_code == 200
    flusher.flush()
    with pytest.raises(InvalidChange, match="too short"):
        narrow(issued.key, by=operator)
    APIKey.objects.update(scopes_since=timezone.now() - timedelta(days=91))
    narrow(issued.key, by=operator)
    assert APIKey.objects.get(pk=issued.key.pk).scopes == {"docs:read"}
