"""Scopes in the admin: declared in code, so only to look at."""

import pytest

from django_apiaccess.roles.models import Scope
from tests.adminkit import allow, text_of, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(make_user, client):
    ann = allow(make_user("ann"), "view_scope", "add_scope", "change_scope", "delete_scope")
    client.force_login(ann)
    return ann


def page(client, name):
    return text_of(client.get(url("scope", "change", Scope.objects.get(name=name).pk)))


def test_the_page_names_the_endpoints_that_ask_for_it_and_the_roles_that_give_it(client, ann, make_role):
    make_role("editor", "docs:write")
    make_role("chief", parents=["editor"])
    shown = page(client, "docs:write")
    assert "/documents/" in shown
    assert "POST" in shown
    assert "editor" in shown
    assert "chief" in shown
    assert "testapp.change_document" in shown


def test_a_wildcard_shows_what_it_stands_for_now(client, ann):
    shown = page(client, "docs:*")
    assert "wildcard: now and later" in shown
    assert "docs:delete" in shown


def test_a_scope_that_is_no_longer_declared_says_so(client, ann):
    Scope.objects.create(name="old:read")
    assert "not any more: opens nothing" in page(client, "old:read")
    assert "No endpoint asks for it" in page(client, "old:read")


def test_who_holds_it_is_for_those_who_may_see_grants(client, ann, make_user):
    make_user("zoe", "docs:read")
    assert "zoe" not in page(client, "docs:read")
    client.force_login(allow(ann, "view_grant"))
    assert "zoe" in page(client, "docs:read")


def test_nobody_writes_scopes_here(client, ann):
    scope = Scope.objects.get(name="docs:read")
    assert client.get(url("scope", "add")).status_code == 403
    assert client.post(url("scope", "change", scope.pk), {"name": "x"}).status_code == 403
    assert client.post(url("scope", "delete", scope.pk), {"post": "yes"}).status_code == 403


def test_the_list_shows_how_many_endpoints_ask(client, ann):
    assert "endpoints" in text_of(client.get(url("scope")))
