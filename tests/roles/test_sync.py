"""Declared scopes into the database."""

import pytest
from django.core.management import call_command
from django.db import connection

from django_apiaccess.core.scopes import registry
from django_apiaccess.events.models import Event
from django_apiaccess.roles import service
from django_apiaccess.roles.models import Grant, Scope
from django_apiaccess.roles.sync import difference, sync_scopes

pytestmark = pytest.mark.django_db


@pytest.fixture
def extra():
    """A scope that is declared for one test."""
    registry.declare("extra:read", "Extra")
    yield "extra:read"
    registry.forget("extra:read")


def test_after_migrate_every_scope_and_wildcard_has_a_row():
    assert not difference()
    stored = set(Scope.objects.values_list("name", flat=True))
    assert stored == registry.names() | {f"{resource}:*" for resource in registry.resources()}
    call_command("migrate", verbosity=0)
    assert not difference()


def test_taking_the_app_out_of_the_database_and_putting_it_back_works(transactional_db):
    call_command("migrate", "django_apiaccess", "zero", verbosity=0)
    assert Scope._meta.db_table not in connection.introspection.table_names()
    call_command("migrate", verbosity=0)
    assert not difference()


def test_syncing_twice_writes_once(operator, extra):
    assert difference().missing == ("extra:*", "extra:read")
    sync_scopes(by=operator)
    before = Event.objects.count()
    sync_scopes(by=operator)
    assert Event.objects.count() == before
    assert Scope.objects.get(name="extra:read").description == "Extra"


def test_a_description_is_brought_up_to_date(operator):
    Scope.objects.filter(name="docs:read").update(description="old")
    assert difference().outdated == ("docs:read",)
    sync_scopes(by=operator)
    assert Scope.objects.get(name="docs:read").description == "See documents"


def test_what_is_declared_no_more_stays_until_it_is_pruned(operator, make_user, extra):
    sync_scopes(by=operator)
    service.grant(user=make_user("ann"), scope=extra, by=operator)
    registry.forget(extra)
    sync_scopes(by=operator)
    assert Grant.objects.count() == 1
    found = sync_scopes(by=operator, prune=True)
    assert found.undeclared == ("extra:*", "extra:read")
    assert not Scope.objects.filter(name__startswith="extra:").exists()
    assert not Grant.objects.exists()
    assert Event.objects.filter(action="scopes.synced").latest("pk").details["pruned"] == ["extra:*", "extra:read"]


def test_a_new_scope_is_felt_at_once(make_user, make_key, client_of, extra, operator):
    """A wildcard covers it without any row; a grant of it needs one."""
    ann = make_user("ann", "docs:*")
    registry.declare("docs:export", "Export")
    try:
        me = client_of(make_key(ann, "docs:*")).get("/access/me/").json()
        assert "docs:export" in me["scopes"]
    finally:
        registry.forget("docs:export")
    me = client_of(make_key(ann, "docs:*")).get("/access/me/").json()
    assert "docs:export" not in me["scopes"]
