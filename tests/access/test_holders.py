"""`list_access`: who can, what can, and on which ways; the same answers as explaining gives, in a flat number of statements."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_apiaccess.access.explain import explain_key, explain_user
from django_apiaccess.core.proof import Proof
from django_apiaccess.core.requirement import HasScope
from django_apiaccess.events.source import Where
from django_apiaccess.keys.lookup import load
from django_apiaccess.keys.models import APIKey
from django_apiaccess.roles import service as roles
from django_apiaccess.tokens import service as tokens
from tests.testapp.models import Document

from . import every_form

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.every_form")]


PROOF = Proof(("pwd",), "aal1", timezone.now())


def listed(*args):
    out = StringIO()
    call_command("list_access", *args, "--format", "json", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def names_of(rows, kind="user"):
    return [row["name"] for row in rows if row["kind"] == kind]


@pytest.fixture
def shop(make_user, make_role, make_key, operator):
    make_role("reader", "docs:read")
    make_role("editor", "docs:write", parents=["reader"])
    desk = Group.objects.create(name="desk")
    roles.grant(group=desk, role="editor", by=operator)
    make_user("ann", "docs:read")
    make_user("bob").groups.add(desk)
    make_user("root", is_superuser=True)
    make_user("eve")
    make_user("gone", "docs:read", is_active=False)
    plan = Document.objects.create(title="plan")
    roles.grant(user=make_user("one"), scope="docs:read", on=plan, by=operator)
    now = timezone.now()
    roles.grant(user=make_user("later"), scope="docs:read", starts_at=now + timedelta(days=1), by=operator)
    return plan


def test_who_has_a_scope_is_told_with_every_way(shop):
    rows = {row["name"]: row for row in listed("--scope", "docs:read")}
    assert list(rows) == ["ann", "bob", "root", "one"]
    assert rows["ann"]["paths"] == ["direct grant -> docs:read"]
    assert rows["bob"]["paths"] == ["group desk -> role editor -> role reader -> docs:read"]
    assert rows["root"]["paths"] == ["superuser -> docs:read"]
    assert rows["one"]["on"] == [f"testapp.document:{shop.pk}"]


def test_a_key_is_listed_where_it_was_granted_the_scope_and_its_principal_holds_it(shop, make_key, django_user_model):
    ann, eve = (django_user_model.objects.get(username=name) for name in ("ann", "eve"))
    good, narrow, foreign, dead = (
        make_key(ann, name="good"),
        make_key(ann, name="narrow"),
        make_key(eve, name="foreign"),
        make_key(ann),
    )
    for issued, scopes in ((good, "docs:*"), (narrow, "reports:read"), (foreign, "docs:read"), (dead, "docs:read")):
        APIKey.objects.filter(pk=issued.key.pk).update(scopes=scopes)
    APIKey.objects.filter(pk=dead.key.pk).update(revoked_at=timezone.now())
    rows = [row for row in listed("--scope", "docs:read") if row["kind"] == "api_key"]
    assert [(row["id"], row["principal"]) for row in rows] == [(good.key.pk, "ann")]
    assert rows[0]["paths"] == ["api_key for docs:* ∩ direct grant -> docs:read"]


def test_who_may_call_an_endpoint_is_who_is_allowed_when_asked(shop, make_key, django_user_model):
    for user in django_user_model.objects.filter(is_active=True):
        issued = make_key(user, name=f"key of {user}")
        APIKey.objects.filter(pk=issued.key.pk).update(scopes="docs:write reports:read")
    change = Permission.objects.get(codename="change_document")
    django_user_model.objects.get(username="eve").user_permissions.add(change)
    for line in (
        "GET /documents/",
        "POST /documents/",
        "GET /either-scope/",
        "GET /by-permission/",
        "GET /strong/",
        "GET /role-only/",
    ):
        rows = listed("--endpoint", line)
        method, path = line.split()
        users = django_user_model.objects.all()
        from django_apiaccess.access.callers import SignedIn
        from django_apiaccess.access.context import Context
        from django_apiaccess.access.explain import explain

        strong = Context(acr="phr")
        assert set(names_of(rows)) == {
            user.username for user in users if explain(SignedIn(user), method, path, strong).allowed
        }, line
        allowed = {
            key.name
            for key in APIKey.objects.all()
            if explain_key(load(key.secrets.get().public_id), method, path).allowed
        }
        assert set(names_of(rows, "api_key")) == allowed, line


def test_a_second_factor_that_an_endpoint_wants_is_told(shop):
    rows = listed("--endpoint", "GET /strong/")
    assert {row["needs"] for row in rows} == {"HasMFA()"}


def test_an_open_endpoint_names_nobody_in_particular(shop):
    assert [row["name"] for row in listed("--endpoint", "GET /open/")] == ["anyone"]
    assert [row["name"] for row in listed("--endpoint", "GET /authenticated/")] == ["every valid credential"]


def test_a_path_may_be_written_as_show_access_does(shop):
    assert names_of(listed("--endpoint", "GET /documents/{pk}/")) == names_of(listed("--endpoint", "GET /documents/"))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--scope", "docs:raed"), "docs:read"),
        (("--role", "reeder"), "Did you mean 'reader'?"),
        (("--endpoint", "GET /documnets/"), "Did you mean"),
        (("--endpoint", "/documents/"), "write the method and the path"),
        (("--endpoint", "GET /undeclared/"), "declares no access"),
        (("--endpoint", "GET /documents/{id}/"), "No endpoint"),
    ],
)
def test_a_name_that_is_not_known_gives_the_nearest(args, message, shop):
    with pytest.raises(CommandError) as refused:
        listed(*args)
    assert message in str(refused.value)


def test_what_somebody_can_is_their_rights_and_the_endpoints_that_these_open(shop, make_key, django_user_model):
    rows = listed("--user", "bob")
    named = {(row["kind"], row["name"]): row["path"] for row in rows}
    assert named["scope", "docs:read"] == "group desk -> role editor -> role reader -> docs:read"
    assert ("endpoint", "POST /documents/") in named
    assert ("endpoint", "GET /report/") not in named
    bob = django_user_model.objects.get(username="bob")
    issued = make_key(bob, "docs:read")
    mine = {(row["kind"], row["name"]) for row in listed("--key", str(issued.key.pk))}
    assert ("scope", "docs:write") not in mine
    assert ("endpoint", "GET /documents/") in mine
    assert ("endpoint", "POST /documents/") not in mine
    assert explain_user(bob, "POST", "/documents/").allowed


def statements_for(*args):
    with CaptureQueriesContext(connection) as asked:
        rows = listed(*args)
    return len([one for one in asked if "SAVEPOINT" not in one["sql"]]), len(rows)


@pytest.mark.parametrize(
    "args", [("--scope", "docs:read"), ("--role", "reader"), ("--endpoint", "GET /by-permission/")]
)
def test_the_number_of_statements_does_not_grow(args, shop, make_key, make_user, operator):
    desk = Group.objects.get(name="desk")
    make_user("first", "docs:write")
    listed(*args)  # the policy is compiled
    few, _ = statements_for(*args)
    for index in range(40):
        user = make_user(f"user{index}", "docs:write")
        user.groups.add(desk)
        make_key(user, "docs:read", "docs:write")
    many, rows = statements_for(*args)
    assert many == few <= 20
    assert rows > 40


def test_no_session_of_a_client_is_among_those_who_manage_an_account(shop, django_user_model):
    bob = django_user_model.objects.get(username="bob")
    for client in ("first-party", "app_reader"):
        tokens.begin(bob, proof=PROOF, where=Where(), scopes=["docs:write"], client_id=client)
    found = listed("--endpoint", "POST /owners-only/")
    assert names_of(found, "session") == ["client first-party"]
    assert names_of(listed("--endpoint", "GET /owners-only/"), "anyone") == ["every valid credential"]
    assert len(names_of(listed("--scope", "docs:write"), "session")) == 2


@pytest.mark.urls("tests.urls")
def test_who_may_call_any_of_our_own_endpoints_is_answered(shop):
    """Each asks for conditions of ours: none of them is taken for a class of the project's own."""
    out = StringIO()
    call_command("show_access", "--format", "json", stdout=out, stderr=StringIO())
    ours = [row for row in json.loads(out.getvalue()) if row["path"].startswith("/access/")]
    assert len(ours) > 30
    for row in ours:
        listed("--endpoint", f"{row['method']} {row['path']}")


def test_a_condition_of_the_projects_own_is_said_to_need_a_request(shop, monkeypatch):
    class OnTuesdays(HasScope):
        pass

    monkeypatch.setattr(every_form.OwnersOnly, "access", OnTuesdays("docs:read"))
    with pytest.raises(CommandError, match="OnTuesdays is a requirement of this project"):
        listed("--endpoint", "GET /owners-only/")
