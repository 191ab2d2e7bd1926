"""Roles and grants: saving, giving, taking; cycles; nobody gives more than they hold."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils import timezone

from django_apiaccess.authn.kinds import Client, Presented
from django_apiaccess.events.models import Event
from django_apiaccess.events.source import Actor, Where
from django_apiaccess.exceptions import InvalidChange, NotHeld, RoleCycle, UnknownName
from django_apiaccess.keys.credential import APIKeyKind
from django_apiaccess.roles import service
from django_apiaccess.roles.models import Grant, Role
from django_apiaccess.roles.policy import current_policy
from tests.rollback import rolled_back
from tests.testapp.models import Document

pytestmark = pytest.mark.django_db


def events(*actions):
    return list(Event.objects.filter(action__in=actions).order_by("pk").values_list("action", flat=True))


# -- roles


def test_saving_a_role_twice_writes_once(operator):
    wanted = {
        "name": "editor",
        "description": "Edits",
        "scopes": ["docs:write"],
        "permissions": ["auth.view_user"],
        "by": operator,
    }
    first = service.save_role(**wanted)
    assert service.save_role(**wanted) == first
    assert events("role.created", "role.changed") == ["role.created"]
    service.save_role(name="editor", by=operator)
    assert service.snapshot(first)["scopes"] == ["docs:write"]
    assert events("role.changed") == []


def test_what_is_not_given_stays_and_what_is_given_replaces(operator, make_role):
    make_role("reader", "docs:read")
    role = make_role("editor", "docs:write", parents=["reader"])
    service.save_role(name="editor", scopes=["docs:delete"], by=operator)
    assert service.snapshot(role) == {
        "description": "",
        "inherits": ["reader"],
        "scopes": ["docs:delete"],
        "permissions": [],
    }
    event = Event.objects.get(action="role.changed")
    assert (event.details["before"]["scopes"], event.details["after"]["scopes"]) == (["docs:write"], ["docs:delete"])


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"scopes": ["docs:raed"]}, "Did you mean 'docs:read'"),
        ({"parents": ["reeder"]}, "Did you mean 'reader'"),
        ({"permissions": ["auth.veiw_user"]}, "Did you mean 'auth.view_user'"),
        ({"permissions": ["nonsense"]}, "Unknown permission"),
    ],
)
def test_an_unknown_name_names_the_nearest_and_changes_nothing(operator, make_role, fields, match):
    make_role("reader", "docs:read")
    with pytest.raises(UnknownName, match=match), transaction.atomic():
        service.save_role(name="editor", by=operator, **fields)
    assert not Role.objects.filter(name="editor").exists()
    assert events("role.created") == ["role.created"]


@pytest.mark.parametrize("parents", [["a"], ["c"], ["b", "c"]])
def test_a_role_cannot_inherit_from_itself(operator, make_role, parents):
    make_role("a")
    make_role("b", parents=["a"])
    make_role("c", parents=["b"])
    with pytest.raises(RoleCycle, match="circle: a"), transaction.atomic():
        service.save_role(name="a", parents=parents, by=operator)
    assert not Role.objects.get(name="a").parents.exists()


@pytest.mark.parametrize(
    "link",
    [
        lambda a, c: a.parents.add(c),
        lambda a, c: c.children.add(a),
        lambda a, c: a.parents.set([c]),
        lambda a, c: a.parents.add(a),
        lambda a, c: c.parents.add(c),
    ],
)
def test_not_by_raw_means_either(make_role, link):
    a = make_role("a")
    make_role("b", parents=["a"])
    c = make_role("c", parents=["b"])
    with pytest.raises(RoleCycle), transaction.atomic():
        link(a, c)
    assert not a.parents.exists()


def test_a_circle_that_is_in_the_data_all_the_same_ends_and_gives_what_is_in_it(make_role):
    a, b = make_role("a", "docs:read"), make_role("b", "reports:read", parents=["a"])
    Role.parents.through.objects.create(from_role=a, to_role=b)
    rights = service.rights_of_role(a)
    assert rights.scopes == {"docs:read", "reports:read"}
    assert rights.roles == {"a", "b"}


def test_a_deleted_role_takes_its_grants_along_and_says_how_many(operator, make_role, make_user):
    role = make_role("editor", "docs:write")
    make_user("ann", role="editor")
    service.delete_role(role, by=operator, reason="merged")
    event = Event.objects.get(action="role.deleted")
    assert (event.details["grants"], event.reason, event.target_label) == (1, "merged", "editor")
    assert not Grant.objects.exists()


# -- grants


def test_giving_the_same_twice_gives_once(operator, make_user):
    ann = make_user("ann")
    first = service.grant(user=ann, scope="docs:read", by=operator)
    assert service.grant(user=ann, scope="docs:read", by=operator, reason="again") == first
    assert events("grant.given") == ["grant.given"]
    service.grant(user=ann, scope="docs:read", on=ann, by=operator)
    assert Grant.objects.count() == 2


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({}, "exactly one"),
        ({"user": "ann"}, "role or a scope"),
        ({"user": "ann", "group": "team", "scope": "docs:read"}, "user or to a group"),
        ({"scope": "docs:read"}, "user or to a group"),
        ({"user": "ann", "scope": "docs:read", "role": "editor"}, "role or a scope"),
        ({"user": "ann", "scope": "docs:raed"}, "Did you mean 'docs:read'"),
        ({"user": "ann", "role": "editr"}, "Did you mean 'editor'"),
        ({"user": "ann", "scope": "docs:read", "ends_at": timedelta(seconds=-1)}, "future"),
        (
            {"user": "ann", "scope": "docs:read", "starts_at": timedelta(hours=2), "ends_at": timedelta(hours=1)},
            "after the start",
        ),
    ],
)
def test_what_cannot_be_given_is_refused_in_words(operator, make_user, make_role, fields, match):
    make_role("editor", "docs:write")
    people = {"ann": make_user("ann"), "team": Group.objects.create(name="team")}
    fields = {
        name: people.get(value, value) if isinstance(value, str) else timezone.now() + value
        for name, value in fields.items()
    }
    with pytest.raises(InvalidChange, match=match), transaction.atomic():
        service.grant(by=operator, **fields)
    assert not Grant.objects.exists()


def test_the_database_refuses_halves(make_user, make_role):
    from django.contrib.contenttypes.models import ContentType

    ann, role = make_user("ann"), make_role("editor")
    group = Group.objects.create(name="team")
    kind = ContentType.objects.get_for_model(Document)
    now = timezone.now()
    for columns in (
        {"role": role},
        {"user": ann},
        {"user": ann, "group": group, "role": role},
        {"user": ann, "role": role, "content_type": kind},
        {"user": ann, "role": role, "object_id": "1"},
        {"user": ann, "role": role, "starts_at": now, "ends_at": now},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Grant.objects.create(**columns)


def test_a_grant_says_who_what_on_what_until_when_and_why(operator, make_user, make_role):
    make_role("editor", "docs:write")
    document, ann, boss = Document.objects.create(title="x"), make_user("ann"), make_user("boss", is_superuser=True)
    until = timezone.now() + timedelta(days=1)
    given = service.grant(
        user=ann, role="editor", on=document, ends_at=until, reason="holidays", by=Actor.of_user(boss)
    )
    assert (given.given_by, given.reason) == (boss, "holidays")
    assert str(given) == f"role editor to ann on testapp.document:{document.pk}"
    event = Event.objects.get(action="grant.given")
    assert event.details == {
        "holder": "ann",
        "right": "role editor",
        "on": f"testapp.document:{document.pk}",
        "from": None,
        "until": until.isoformat(),
    }
    assert service.ungrant([given], by=operator, reason="back") == 1
    assert Event.objects.get(action="grant.taken").reason == "back"


def test_what_is_rolled_back_leaves_no_event(operator, make_user):
    ann = make_user("ann")
    with rolled_back():
        service.grant(user=ann, scope="docs:read", by=operator)
    assert events("grant.given") == []


# -- nobody gives more than they hold


@pytest.fixture
def ann(make_user):
    return make_user("ann")


def test_a_person_gives_what_they_hold(ann, make_user, make_role):
    make_role("editor", "docs:write")
    make_role("chief", "docs:delete", parents=["editor"])
    chief, editor = Actor.of_user(make_user("chief", role="chief")), Actor.of_user(make_user("editor", role="editor"))
    service.grant(user=ann, role="editor", by=chief)
    service.grant(user=ann, scope="docs:read", by=editor)
    with pytest.raises(NotHeld, match="does not hold the role 'chief'"):
        service.grant(user=ann, role="chief", by=editor)
    with pytest.raises(NotHeld, match="does not hold docs:delete"):
        service.grant(user=ann, scope="docs:*", by=editor)


def test_holding_all_that_a_role_gives_is_not_holding_the_role(ann, make_user, make_role):
    make_role("editor", "docs:write")
    with pytest.raises(NotHeld, match="does not hold the role"):
        service.grant(user=ann, role="editor", by=Actor.of_user(make_user("bob", "docs:write")))


def test_a_group_gets_no_more_than_a_person(make_user):
    group = Group.objects.create(name="team")
    bob = make_user("bob")
    bob.groups.add(group)
    with pytest.raises(NotHeld):
        service.grant(group=group, scope="docs:read", by=Actor.of_user(bob))


def test_what_is_held_on_one_object_can_be_given_on_that_object_only(ann, make_user, operator):
    mine, other = Document.objects.create(title="a"), Document.objects.create(title="b")
    bob = make_user("bob")
    service.grant(user=bob, scope="docs:write", on=mine, by=operator)
    by = Actor.of_user(bob)
    assert service.grant(user=ann, scope="docs:read", on=mine, by=by)
    for on in (other, None):
        with pytest.raises(NotHeld):
            service.grant(user=ann, scope="docs:read", on=on, by=by)


def test_a_role_is_made_of_no_more_than_its_maker_holds(make_user, make_role):
    make_role("chief", "docs:delete")
    editor = Actor.of_user(make_user("bob", "docs:write"))
    service.save_role(name="own", scopes=["docs:write"], by=editor)
    for fields in ({"scopes": ["docs:delete"]}, {"parents": ["chief"]}, {"permissions": ["auth.delete_user"]}):
        with pytest.raises(NotHeld), transaction.atomic():
            service.save_role(name="own", by=editor, **fields)
        with pytest.raises(NotHeld), transaction.atomic():
            service.save_role(name="other", by=editor, **fields)
    assert service.snapshot(Role.objects.get(name="own"))["scopes"] == ["docs:write"]


@pytest.mark.parametrize("changed", ["own", "below"])
def test_nobody_raises_themselves_by_a_role_that_they_hold(make_user, make_role, changed):
    from django.contrib.auth.models import Permission

    make_role("below", "docs:read")
    make_role("own", parents=["below"])
    make_role("chief", "docs:delete")
    make_role("marker")
    bob = make_user("bob", role="own")
    bob.user_permissions.set(Permission.objects.filter(content_type__app_label="django_apiaccess"))
    for fields in (
        {"scopes": ["docs:read", "docs:write"]},
        {"permissions": ["auth.delete_user"]},
        {"parents": ["chief"]},
        {"parents": ["marker"]},
    ):
        for by in (Actor.of_user(bob), Actor.of_user(get_user_model().objects.get(pk=bob.pk))):
            with pytest.raises(NotHeld, match="bob does not"), transaction.atomic():
                service.save_role(name=changed, by=by, **fields)
    assert service.held_scopes(bob) == {"docs:read"}
    service.save_role(name=changed, description="still mine", by=Actor.of_user(bob))


def test_a_role_inherits_only_what_its_maker_holds_and_keeps_what_it_had(make_user, make_role, operator):
    make_role("marker")
    make_role("mine", "docs:read", parents=["marker"])
    bob, cleo = make_user("bob", role="mine"), make_user("cleo", "docs:read")
    service.save_role(name="new", parents=["mine"], by=Actor.of_user(bob))
    service.save_role(name="mine", description="told by cleo", by=Actor.of_user(cleo))
    with pytest.raises(NotHeld, match="cleo does not hold the role marker, mine"):
        service.save_role(name="newer", parents=["mine"], by=Actor.of_user(cleo))


def test_django_permissions_count_too(ann, make_user, make_role):
    from django.contrib.auth.models import Permission

    make_role("plain", permissions=["auth.view_user"])
    bob = make_user("bob", role="plain")
    service.grant(user=ann, role="plain", by=Actor.of_user(bob))
    cleo = make_user("cleo", "docs:read")
    with pytest.raises(NotHeld, match=r"does not have the permission auth\.view_user"):
        service.save_role(name="mine", permissions=["auth.view_user"], by=Actor.of_user(cleo))
    cleo.user_permissions.add(Permission.objects.get(codename="view_user"))
    again = type(cleo).objects.get(pk=cleo.pk)
    assert service.save_role(name="mine", permissions=["auth.view_user"], by=Actor.of_user(again))


def test_a_superuser_may_with_all_their_rights_and_not_behind_a_narrow_key(ann, make_user, make_key, make_role):
    make_role("editor", "docs:write")
    boss = make_user("boss", is_superuser=True)
    access = APIKeyKind().authenticate(Presented("api-key", make_key(boss, "docs:read").text), Client(Where()))
    narrow = Actor.of_access(access, Where())
    for fields in ({"scope": "docs:delete"}, {"role": "editor"}):
        with pytest.raises(NotHeld):
            service.grant(user=ann, by=narrow, **fields)
    assert service.grant(user=ann, scope="docs:read", by=narrow)
    assert service.grant(user=ann, role="editor", by=Actor.of_user(boss))


def test_a_superuser_that_is_not_active_gives_nothing(ann, make_user):
    with pytest.raises(NotHeld):
        service.grant(
            user=ann, scope="docs:read", by=Actor.of_user(make_user("boss", is_superuser=True, is_active=False))
        )


# -- generations


def test_a_change_is_seen_at_the_next_question_and_a_roll_back_too(operator, make_role):
    make_role("editor", "docs:write")
    assert current_policy().role("editor").scopes == {"docs:read", "docs:write"}
    with rolled_back():
        service.save_role(name="editor", scopes=["reports:read"], by=operator)
        assert current_policy().role("editor").scopes == {"reports:read"}
    assert current_policy().role("editor").scopes == {"docs:read", "docs:write"}
    Role.objects.get(name="editor").scopes.clear()
    assert current_policy().role("editor").scopes == frozenset()
    Role.objects.all().delete()
    assert current_policy().role("editor") is None


def test_two_roll_backs_in_a_row_do_not_meet_in_one_generation(operator, make_role):
    """A counter would come round to the same number with other content."""
    make_role("editor", "docs:read")
    for scopes in (["docs:write"], ["reports:read"], ["docs:delete"]):
        with rolled_back():
            service.save_role(name="editor", scopes=scopes, by=operator)
            assert scopes[0] in current_policy().role("editor").scopes
    assert current_policy().role("editor").scopes == {"docs:read"}


def test_a_policy_is_compiled_once_a_generation(make_role, django_assert_num_queries):
    make_role("editor", "docs:write")
    current_policy()
    with django_assert_num_queries(1):
        current_policy()


def test_a_permission_that_is_deleted_leaves_the_roles_that_had_it(make_role):
    from django.contrib.auth.models import Permission

    make_role("plain", permissions=["auth.view_user"])
    assert current_policy().role("plain").permissions == {"auth.view_user"}
    Permission.objects.get(codename="view_user").delete()
    assert current_policy().role("plain").permissions == frozenset()


def test_a_grant_that_goes_with_its_holder_leaves_an_event(make_user, operator):
    ann = make_user("ann", "docs:read")
    ann.delete()
    taken = Event.objects.get(action="grant.taken")
    assert (taken.actor_kind, taken.details["right"]) == ("system", "scope docs:read")


def test_a_grant_that_is_taken_leaves_one_event(make_user, operator):
    ann = make_user("ann", "docs:read")
    service.ungrant(ann.apiaccess_grants.all(), by=operator, reason="moved")
    assert Event.objects.get(action="grant.taken").reason == "moved"
    assert not ann.apiaccess_grants.exists()
