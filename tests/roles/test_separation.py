"""Static separation of duty: however the roles would meet."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from django_apiaccess.events.models import Event
from django_apiaccess.exceptions import DutiesConflict, InvalidChange, UnknownName
from django_apiaccess.roles import service
from django_apiaccess.roles.models import Grant, Role, SeparationOfDuty
from django_apiaccess.roles.separation import violations
from tests.testapp.models import Document

pytestmark = pytest.mark.django_db


@pytest.fixture
def duties(make_role, operator):
    """Who orders does not pay."""
    make_role("buyer", "docs:write")
    make_role("payer", "docs:delete")
    make_role("clerk", "docs:read")
    return service.save_separation(name="four eyes", roles=["buyer", "payer"], by=operator)


@pytest.fixture
def ann(make_user, duties):
    return make_user("ann", role="buyer")


def refused(action):
    with pytest.raises(DutiesConflict) as caught, transaction.atomic():
        action()
    assert "four eyes" in str(caught.value)
    return str(caught.value)


def test_directly(ann, operator):
    told = refused(lambda: service.grant(user=ann, role="payer", by=operator))
    assert told == "ann would hold buyer and payer, of which 'four eyes' allows 1. Take one of the roles back first."
    assert Grant.objects.filter(user=ann).count() == 1
    assert not Event.objects.filter(action="grant.given", details__right="role payer").exists()


def test_by_inheritance(ann, make_role, operator):
    make_role("head of payments", parents=["payer"])
    refused(lambda: service.grant(user=ann, role="head of payments", by=operator))


def test_by_one_role_that_inherits_both(make_user, make_role, operator, duties):
    make_role("director", parents=["buyer", "payer"])
    bob = make_user("bob")
    refused(lambda: service.grant(user=bob, role="director", by=operator))


def test_by_a_role_that_inherits_later(ann, make_role, operator):
    make_role("assistant")
    service.grant(user=ann, role="assistant", by=operator)
    refused(lambda: service.save_role(name="assistant", parents=["payer"], by=operator))
    assert not Role.objects.get(name="assistant").parents.exists()


@pytest.mark.parametrize(
    "link",
    [
        lambda role, parent: role.parents.add(parent),
        lambda role, parent: parent.children.add(role),
        lambda role, parent: role.parents.set([parent]),
        lambda role, parent: parent.children.set([role]),
    ],
)
def test_by_raw_inheritance(ann, make_role, operator, link):
    role = make_role("assistant")
    service.grant(user=ann, role="assistant", by=operator)
    refused(lambda: link(role, Role.objects.get(name="payer")))
    assert not role.parents.exists()


def test_by_a_grant_to_a_group(ann, operator):
    group = Group.objects.create(name="payments")
    ann.groups.add(group)
    refused(lambda: service.grant(group=group, role="payer", by=operator))


@pytest.mark.parametrize(
    "join",
    [
        lambda user, group: user.groups.add(group),
        lambda user, group: group.user_set.add(user),
        lambda user, group: user.groups.set([group]),
    ],
)
def test_by_joining_a_group(ann, operator, join):
    group = Group.objects.create(name="payments")
    service.grant(group=group, role="payer", by=operator)
    refused(lambda: join(ann, group))
    assert not ann.groups.exists()


def test_by_two_groups(make_user, operator, duties):
    one, two = Group.objects.create(name="one"), Group.objects.create(name="two")
    service.grant(group=one, role="buyer", by=operator)
    service.grant(group=two, role="payer", by=operator)
    bob = make_user("bob")
    bob.groups.add(one)
    refused(lambda: bob.groups.add(two))
    refused(lambda: bob.groups.set([one, two]))
    bob.groups.set([two])
    assert [group.name for group in bob.groups.all()] == ["two"]


def test_by_a_grant_that_begins_later(ann, operator):
    refused(lambda: service.grant(user=ann, role="payer", starts_at=timezone.now() + timedelta(days=30), by=operator))


def test_a_grant_that_has_ended_does_not_count(ann, operator):
    Grant.objects.filter(user=ann).update(ends_at=timezone.now())
    assert service.grant(user=ann, role="payer", by=operator)


def test_on_one_object_the_roles_do_not_meet_either(ann, make_user, operator):
    document, other = Document.objects.create(title="x"), Document.objects.create(title="y")
    refused(lambda: service.grant(user=ann, role="payer", on=document, by=operator))
    bob = make_user("bob")
    service.grant(user=bob, role="buyer", on=document, by=operator)
    refused(lambda: service.grant(user=bob, role="payer", on=document, by=operator))
    assert service.grant(user=bob, role="payer", on=other, by=operator)
    refused(lambda: service.grant(user=bob, role="buyer", by=operator))


def test_taking_one_back_makes_room(ann, operator):
    service.ungrant(Grant.objects.filter(user=ann), by=operator)
    assert service.grant(user=ann, role="payer", by=operator)


def test_other_roles_are_free(ann, operator):
    assert service.grant(user=ann, role="clerk", by=operator)


def test_a_set_that_is_violated_already_cannot_be_made(make_user, make_role, operator):
    make_role("buyer", "docs:write")
    make_role("payer", "docs:delete")
    bob = make_user("bob", role="buyer")
    service.grant(user=bob, role="payer", by=operator)
    told = refused(lambda: service.save_separation(name="four eyes", roles=["buyer", "payer"], by=operator))
    assert "bob" in told
    assert not SeparationOfDuty.objects.exists()


def test_more_than_one_may_be_allowed(make_user, make_role, operator, duties):
    service.save_separation(name="four eyes", roles=["buyer", "payer", "clerk"], at_most=2, by=operator)
    bob = make_user("bob", role="buyer")
    service.grant(user=bob, role="payer", by=operator)
    refused(lambda: service.grant(user=bob, role="clerk", by=operator))
    assert Event.objects.filter(action="separation.changed").count() == 1


@pytest.mark.parametrize(
    ("roles", "at_most"),
    [([], 1), (["buyer"], 1), (["buyer", "payer"], 0), (["buyer", "payer"], 2), (["buyer", "buyer"], 1)],
)
def test_a_set_that_separates_nothing_is_refused(duties, operator, roles, at_most):
    with pytest.raises(InvalidChange, match="more roles than it allows"), transaction.atomic():
        service.save_separation(name="other", roles=roles, at_most=at_most, by=operator)


def test_an_unknown_role_names_the_nearest(duties, operator):
    with pytest.raises(UnknownName, match="Did you mean 'buyer'"), transaction.atomic():
        service.save_separation(name="other", roles=["buier", "payer"], by=operator)


def test_a_deleted_set_binds_nobody(ann, duties, operator):
    service.delete_separation(duties, by=operator, reason="test")
    assert service.grant(user=ann, role="payer", by=operator)
    assert Event.objects.get(action="separation.deleted").details["roles"] == ["buyer", "payer"]


def test_what_got_in_by_raw_sql_is_found(ann):
    Grant.objects.bulk_create([Grant(user=ann, role=Role.objects.get(name="payer"))])
    (found,) = violations()
    assert (found.user_id, found.roles, found.at_most) == (ann.pk, ("buyer", "payer"), 1)
    assert list(violations([ann.pk + 1])) == []
