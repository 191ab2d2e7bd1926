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
