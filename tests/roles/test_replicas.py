"""A router that sends reads to a replica: rights are read where they are written. Here the replica is far behind: it is empty."""

import pytest
from django.contrib.auth import get_user_model
from django.db import connections, transaction

from django_apiaccess.backends import AccessBackend
from django_apiaccess.core.scopes import parse
from django_apiaccess.events.source import Actor
from django_apiaccess.exceptions import DutiesConflict, NotHeld
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.models import APIKey
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.models import Grant, Role
from tests.testapp.models import Document

pytestmark = pytest.mark.django_db


class ReadsFromReplica:
    """What Django's documentation shows, for the models of roles, keys and the relations of roles."""

    def db_for_read(self, model, **hints):
        ours = model._meta.app_label == "django_apiaccess" or isinstance(hints.get("instance"), Role)
        return "replica" if ours else None

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, *objects, **hints):
        return True


@pytest.fixture
def replica(settings):
    """Switched on with `replica()`, when everything is prepared."""
    connections.settings["replica"] = {
        **connections.settings["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
        "OPTIONS": {},
    }

    def switch_on():
        settings.DATABASE_ROUTERS = [ReadsFromReplica()]

    yield switch_on
    settings.DATABASE_ROUTERS = []
    connections["replica"].close()
    del connections["replica"]
    del connections.settings["replica"]


@pytest.fixture
def ann(make_user, make_role):
    make_role("reader", "docs:read")
    make_role("writer", "docs:write")
    return make_user("ann", role="reader")


def fresh(user):
    return get_user_model().objects.get(pk=user.pk)


def test_a_role_that_was_narrowed_is_narrow_at_once(replica, ann, make_key, client_of, operator):
    issued = make_key(ann, "docs:read")
    replica()
    assert client_of(issued).get("/read-only/").status_code == 200
    assert AccessBackend().has_perm(fresh(ann), "testapp.view_document")
    roles.save_role(name="reader", scopes=[], by=operator)
    assert client_of(issued).get("/read-only/").status_code == 403
    assert not AccessBackend().has_perm(fresh(ann), "testapp.view_document")


def test_nobody_puts_more_into_a_role_than_they_hold(replica, ann):
    replica()
    by = Actor.of_user(ann)
    for more in ({"scopes": ["docs:write"]}, {"permissions": ["auth.delete_user"]}, {"parents": ["writer"]}):
        for name in ("reader", "new"):
            with pytest.raises(NotHeld), transaction.atomic():
                roles.save_role(name=name, by=by, **more)
    with pytest.raises(NotHeld):
        roles.grant(user=ann, role="writer", by=by)


def test_exclusive_roles_do_not_meet(replica, ann, operator):
    roles.save_separation(name="four eyes", roles=["reader", "writer"], by=operator)
    replica()
    with pytest.raises(DutiesConflict), transaction.atomic():
        roles.grant(user=ann, role="writer", by=operator)
    with pytest.raises(DutiesConflict), transaction.atomic():
        roles.save_role(name="reader", parents=["writer"], by=operator)


def test_the_life_of_a_key(replica, ann, make_key, client_of, operator):
    issued = make_key(ann, "docs:read")
    replica()
    made = client_of(issued).post("/access/keys/", {"name": "child", "scopes": ["docs:read"]}).json()
    child = APIKey.objects.get(pk=made["id"])
    keys.change(child, by=operator, name="renamed")
    with pytest.raises(NotHeld), transaction.atomic():
        keys.change(child, by=operator, scopes=["docs:write"])
    rotated = keys.rotate(issued.key, by=operator)
    assert client_of(rotated).get("/access/keys/").json()["count"] == 2
    assert keys.revoke(issued.key, reason="test", by=operator) == 2
    assert client_of(made["key"]).get("/read-only/").status_code == 401
    assert APIKey.objects.get(pk=child.pk).scopes == parse("docs:read")


def test_a_database_that_is_named_is_asked(replica, ann):
    replica()
    assert Role.objects.all().db == "default"
    assert Role.objects.using("replica").db == "replica"
    assert Role.objects.db_manager("replica").all().db == "replica"
    assert Grant.objects.active().db == "default"


def test_a_narrowed_list_may_come_from_the_replica(replica, make_user, make_key, client_of, operator):
    document = Document.objects.create(title="a")
    user = make_user("bob")
    roles.grant(user=user, scope="docs:read", on=document, by=operator)
    access = roles_access(user)
    replica()
    assert access.queryset(Document.objects.using("replica"), "docs:read").db == "replica"
    str(access.queryset(Document.objects.using("replica"), "docs:read").query)


def roles_access(user):
    from django_apiaccess.roles.rights import access_of_user

    return access_of_user(user)
