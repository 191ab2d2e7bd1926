"""grant and ungrant."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from django_apiaccess.models import Event, Grant
from django_apiaccess.roles import service
from tests.testapp.models import Document, Parcel


@pytest.fixture
def ann(make_user):
    return make_user("ann")


def test_a_scope_on_everything(run, ann):
    ran = run("grant", "--user", "ann", "--scope", "docs:read", "--reason", "Reads", "--format", "json")
    given = Grant.objects.get()
    assert ran.json == {
        "id": given.pk,
        "holder": "ann",
        "right": "scope docs:read",
        "on": "everything",
        "from": None,
        "until": None,
        "reason": "Reads",
        "new": True,
    }
    assert service.held_scopes(ann) == {"docs:read"}
    assert Event.objects.get(action="grant.given").actor_label == "grant"
    assert run("grant", "--user", "ann", "--scope", "docs:read", "--format", "json").json["new"] is False
    assert Grant.objects.count() == 1


def test_a_role_to_a_group_and_to_a_service_account(run, ann, make_role, operator):
    from django_apiaccess.keys import service as keys

    make_role("editor", "docs:write")
    group = Group.objects.create(name="packers")
    account = keys.create_service_account(name="robot", owner=ann, purpose="x", by=operator)
    assert "group packers now holds role editor" in run("grant", "--group", "packers", "--role", "editor").out
    run("grant", "--service-account", "robot", "--scope", "docs:*")
    assert {(row.group, row.user) for row in Grant.objects.all()} == {(group, None), (None, account.user)}


def test_on_one_object_until_a_date(run, ann, settings):
    settings.TIME_ZONE = "UTC"
    document = Document.objects.create(title="x")
    run(
        "grant", "--user", "ann", "--scope", "docs:read", "--on", f"testapp.Document:{document.pk}",
        "--from", "2090-01-01", "--until", "2090-01-31",
    )  # fmt: skip
    given = Grant.objects.get()
    assert (given.target, given.starts_at, given.ends_at) == (
        f"testapp.document:{document.pk}",
        datetime(2090, 1, 1, tzinfo=UTC),
        datetime(2090, 2, 1, tzinfo=UTC),
    )


def test_on_an_object_with_a_uuid_for_a_length_of_time(run, ann):
    parcel = Parcel.objects.create(title="x")
    run("grant", "--user", "ann", "--scope", "docs:read", "--on", f"testapp.parcel:{parcel.pk}", "--until", "14d")
    assert abs(Grant.objects.on_object(parcel).get().ends_at - timezone.now() - timedelta(days=14)) < timedelta(
        minutes=1
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--user", "anne", "--scope", "docs:read"], "Did you mean 'ann'?"),
        (["--group", "packer", "--scope", "docs:read"], "Did you mean 'packers'?"),
        (["--user", "ann", "--role", "editr"], "Did you mean 'editor'?"),
        (["--user", "ann", "--scope", "doc:read"], "Did you mean 'docs:read'?"),
        (["--user", "ann", "--scope", "docs:read", "--on", "testapp.Documant:1"], "Did you mean 'testapp.Document'?"),
        (["--user", "ann", "--scope", "docs:read", "--on", "testap.Document:1"], "Did you mean 'testapp.Document'?"),
        (["--user", "ann", "--scope", "docs:read", "--on", "testapp.Document"], "say which one, as testapp.Document:7"),
        (["--user", "ann", "--scope", "docs:read", "--on", "testapp.Document:99999"], "Did you mean"),
        (["--user", "ann", "--scope", "docs:read", "--on", "testapp.Document:one"], "cannot be a primary key"),
        (["--user", "ann", "--scope", "docs:read", "--on", f"testapp.Parcel:{uuid.uuid4()}"], "no testapp.Parcel"),
        (["--user", "ann", "--scope", "docs:read", "--on", "testapp.Parcel:7"], "cannot be a primary key"),
        (["--user", "ann", "--scope", "docs:read", "--on", "nonsense"], "write app.Model"),
        (["--user", "ann", "--scope", "docs:read", "--until", "2001-01-01"], "lie in the future"),
        (["--user", "ann", "--scope", "docs:read", "--until", "2090-06-31"], "Did you mean '2090-06-30'?"),
        (
            ["--user", "ann", "--scope", "docs:read", "--from", "2090-01-02", "--until", "2090-01-01"],
            "must come after the start",
        ),
        (["--user", "ann"], "--role --scope"),
        (["--scope", "docs:read"], "--user --service-account --group"),
        (["--user", "ann", "--scope", "docs:read", "--role", "editor"], "not allowed with"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_given(refused, ann, make_role, arguments, said):
    make_role("editor", "docs:write")
    Group.objects.create(name="packers")
    Document.objects.create(title="x")
    events = Event.objects.count()
    assert said in refused("grant", *arguments)
    assert not Grant.objects.exists()
    assert Event.objects.count() == events


def test_exclusive_roles_are_refused(refused, ann, make_role, operator):
    make_role("payer", "docs:read")
    make_role("approver", "docs:read")
    service.save_separation(name="payments", roles=["payer", "approver"], by=operator)
    service.grant(user=ann, role="payer", by=operator)
    assert "'payments' allows 1" in refused("grant", "--user", "ann", "--role", "approver")
    assert Grant.objects.count() == 1


class TestUngrant:
    def test_it_takes_back_exactly_what_was_named(self, run, ann, operator):
        document = Document.objects.create(title="x")
        service.grant(user=ann, scope="docs:read", by=operator)
        service.grant(user=ann, scope="docs:read", on=document, by=operator)
        ran = run("ungrant", "--user", "ann", "--scope", "docs:read", "--reason", "Left", "--format", "json")
        assert [(row["right"], row["on"]) for row in ran.json] == [("scope docs:read", "everything")]
        assert Grant.objects.get().target == f"testapp.document:{document.pk}"
        event = Event.objects.get(action="grant.taken")
        assert (event.actor_label, event.reason) == ("ungrant", "Left")
        run("ungrant", "--user", "ann", "--scope", "docs:read", "--on", f"testapp.Document:{document.pk}")
        assert not Grant.objects.exists()

    def test_what_is_not_there_is_told_with_what_is(self, refused, ann, make_role, operator):
        make_role("editor", "docs:write")
        service.grant(user=ann, scope="docs:read", by=operator)
        said = refused("ungrant", "--user", "ann", "--scope", "docs:rea")
        assert "Did you mean 'docs:read'?" in said
        said = refused("ungrant", "--user", "ann", "--role", "editor")
        assert "ann has no grant of 'editor' on everything" in said
        assert "scope docs:read on everything" in said
        assert "Did you mean 'editor'?" in refused("ungrant", "--user", "ann", "--role", "editors")
        assert Grant.objects.count() == 1

    def test_a_grant_through_a_group_is_not_a_users_own(self, refused, run, ann, operator):
        group = Group.objects.create(name="packers")
        service.grant(group=group, scope="docs:read", by=operator)
        ann.groups.add(group)
        assert "--group" in refused("ungrant", "--user", "ann", "--scope", "docs:read")
        run("ungrant", "--group", "packers", "--scope", "docs:read")
        assert not Grant.objects.exists()

    def test_the_scope_of_an_app_that_is_gone_can_be_taken_back(self, run, ann):
        from django_apiaccess.models import Scope

        Grant.objects.create(user=ann, scope=Scope.objects.create(name="old:read"))
        run("ungrant", "--user", "ann", "--scope", "old:read")
        assert not Grant.objects.exists()
