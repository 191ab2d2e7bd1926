"""Where rights come from: the names are exactly those that decisions use, and each has a way that can be read."""

import random
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from django_apiaccess.core.scopes import registry
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.models import Role
from django_apiaccess.roles.provenance import provenance
from django_apiaccess.roles.rights import held_by
from tests.testapp.models import Document

pytestmark = pytest.mark.django_db


def paths(user, name):
    return [source.path for source in provenance(user) if source.name == name]


def test_a_scope_through_a_group_and_inherited_roles_shows_the_whole_way(make_user, make_role, operator):
    make_role("reader", "docs:read")
    make_role("writer", "docs:write", parents=["reader"])
    make_role("chief", parents=["writer"])
    staff = Group.objects.create(name="staff")
    ann = make_user("ann")
    ann.groups.add(staff)
    roles.grant(group=staff, role="chief", by=operator)
    assert paths(ann, "docs:write") == ["group staff -> role chief -> role writer -> docs:write"]
    assert paths(ann, "reader") == ["group staff -> role chief -> role writer -> reader"]


def test_implied_scopes_and_opened_permissions_name_the_scope_that_gives_them(make_user):
    ann = make_user("ann", "docs:write")
    assert paths(ann, "docs:read") == ["direct grant -> scope docs:write -> docs:read"]
    assert paths(ann, "testapp.add_document") == ["direct grant -> scope docs:write -> testapp.add_document"]


def test_a_wildcard_is_shown_as_the_step_it_is(make_user):
    assert paths(make_user("ann", "docs:*"), "docs:delete") == ["direct grant -> scope docs:* -> docs:delete"]


def test_a_right_from_two_grants_has_two_sources_with_their_grants(make_user, make_role, operator):
    make_role("reader", "docs:read")
    ann = make_user("ann", "docs:read")
    grant = roles.grant(user=ann, role="reader", by=operator)
    found = [source for source in provenance(ann) if source.name == "docs:read"]
    assert [source.path for source in found] == [
        "direct grant -> docs:read",
        "direct grant -> role reader -> docs:read",
    ]
    assert found[1].grant_id == grant.pk


def test_the_object_and_the_end_of_a_grant_are_told(make_user, operator):
    ann, end = make_user("ann"), timezone.now() + timedelta(days=3)
    document = Document.objects.create(title="plan")
    roles.grant(user=ann, scope="docs:read", on=document, ends_at=end, by=operator)
    (source,) = [source for source in provenance(ann) if source.kind == "scope"]
    assert (source.on, source.until) == (f"testapp.document:{document.pk}", end)


def test_ended_and_future_grants_give_nothing(make_user, operator):
    ann, now = make_user("ann"), timezone.now()
    roles.grant(user=ann, scope="docs:read", ends_at=now + timedelta(days=1), by=operator)
    roles.grant(user=ann, scope="docs:delete", starts_at=now + timedelta(days=1), by=operator)
    assert {source.name for source in provenance(ann, at=now + timedelta(hours=1)) if source.kind == "scope"} == {
        "docs:read"
    }
    assert {source.name for source in provenance(ann, at=now + timedelta(days=2)) if source.kind == "scope"} == {
        "docs:delete"
    }


def test_djangos_own_permissions_are_listed_beside_ours(make_user):
    ann, staff = make_user("ann"), Group.objects.create(name="staff")
    permission = Permission.objects.get(codename="view_parcel")
    ann.user_permissions.add(permission)
    staff.permissions.add(permission)
    ann.groups.add(staff)
    assert paths(ann, "testapp.view_parcel") == [
        "group staff -> testapp.view_parcel",
        "user's own Django permissions -> testapp.view_parcel",
    ]


def test_a_superuser_holds_every_scope_as_superuser(make_user):
    assert "superuser -> docs:delete" in paths(make_user("root", is_superuser=True), "docs:delete")


def test_an_inactive_principal_holds_nothing(make_user):
    assert provenance(make_user("ann", "docs:read", is_active=False)) == []


def test_a_scope_that_nobody_declares_any_more_is_no_right(make_user):
    registry.declare("old:read", "Gone")
    try:
        ann = make_user("ann", "old:read")
    finally:
        registry.forget("old:read")
    assert provenance(ann) == []


@pytest.mark.parametrize("seed", range(12))
def test_the_names_are_those_that_decisions_use(seed, make_user, make_role, operator):
    """Random roles, inheritance, groups, wildcards and objects: no right without a source, no source without a right."""
    chance = random.Random(seed)
    scopes = ["docs:read", "docs:write", "docs:delete", "docs:*", "reports:read"]
    names = [f"role{index}" for index in range(6)]
    for index, name in enumerate(names):
        make_role(
            name,
            *chance.sample(scopes, chance.randint(0, 2)),
            parents=chance.sample(names[:index], min(index, chance.randint(0, 2))),
            permissions=chance.sample(["testapp.view_parcel", "testapp.add_parcel"], chance.randint(0, 1)),
        )
    user, group = make_user("ann", is_superuser=chance.random() < 0.2), Group.objects.create(name="staff")
    user.groups.add(group)
    document = Document.objects.create(title="plan")
    for _ in range(chance.randint(1, 5)):
        right = {"role": chance.choice(names)} if chance.random() < 0.6 else {"scope": chance.choice(scopes)}
        holder = {"user": user} if chance.random() < 0.6 else {"group": group}
        roles.grant(**right, **holder, on=chance.choice([None, None, document]), by=operator)
    found, held = provenance(user), held_by(user)

    def told(kind, *, anywhere=False):
        return {source.name for source in found if source.kind == kind and (anywhere or source.on is None)}

    assert told("scope") == held.scopes
    assert told("role") == held.roles
    assert told("permission") == held.permissions
    assert told("scope", anywhere=True) == held.scopes | held.object_scopes
    assert told("role", anywhere=True) == held.roles | held.object_roles


def test_the_number_of_queries_does_not_grow_with_roles_and_grants(
    make_user, make_role, operator, django_assert_max_num_queries
):
    for index in range(30):
        make_role(
            f"role{index}",
            "docs:read",
            parents=[f"role{index - 1}"] if index else [],
            permissions=["testapp.view_parcel"],
        )
    ann = make_user("ann")
    for role in Role.objects.all():
        roles.grant(user=ann, role=role, by=operator)
    with django_assert_max_num_queries(10):
        assert len(provenance(ann)) > 100
