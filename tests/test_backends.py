"""`AccessBackend`: roles and scopes in `has_perm` and `with_perm`; service accounts that nobody logs in as."""

from datetime import timedelta

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.test import Client
from django.utils import timezone

from django_apiaccess.backends import AccessBackend
from django_apiaccess.keys import service as keys
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.models import Grant
from tests.testapp.models import Document

pytestmark = pytest.mark.django_db
VIEW, ADD, CHANGE = (f"testapp.{verb}_document" for verb in ("view", "add", "change"))
BACKEND = "django_apiaccess.backends.AccessBackend"


def fresh(user):
    return get_user_model().objects.get(pk=user.pk)


def with_perm(perm, **options):
    return set(get_user_model().objects.with_perm(perm, backend=BACKEND, **options).values_list("username", flat=True))


def test_roles_and_scopes_give_permissions(make_user, make_role):
    make_role("reader", "docs:read")
    make_role("chief", parents=["reader"], permissions=["auth.view_user"])
    ann = make_user("ann", role="chief")
    assert ann.has_perm(VIEW)
    assert ann.has_perm("auth.view_user")
    assert not ann.has_perm(ADD)
    assert fresh(ann).get_all_permissions() == {VIEW, "auth.view_user"}
    assert fresh(ann).has_module_perms("testapp")
    assert not fresh(ann).has_module_perms("sessions")
    assert make_user("bob", "docs:write").has_perm(CHANGE)


def test_who_is_not_active_or_anonymous_has_none(make_user):
    ann = make_user("ann", "docs:write", is_active=False)
    backend = AccessBackend()
    for nobody in (fresh(ann), AnonymousUser()):
        assert not nobody.has_perm(VIEW)
        assert backend.get_all_permissions(nobody) == set()
        assert not backend.has_perm(nobody, VIEW)
        assert not backend.has_module_perms(nobody, "testapp")


def test_objects(make_user, operator):
    mine, other = Document.objects.create(title="a"), Document.objects.create(title="b")
    ann = make_user("ann")
    roles.grant(user=ann, scope="docs:read", on=mine, by=operator)
    ann = fresh(ann)
    assert ann.has_perm(VIEW, mine)
    assert not ann.has_perm(VIEW, other)
    assert not ann.has_perm(VIEW)
    assert AccessBackend().get_all_permissions(ann, mine) == {VIEW}


def test_with_perm_sees_every_way_to_hold_it(make_user, make_role, operator):
    make_role("reader", "docs:read")
    make_role("chief", parents=["reader"])
    make_role("plain", permissions=["testapp.view_document"])
    group = Group.objects.create(name="team")
    roles.grant(group=group, role="reader", by=operator)
    make_user("by-scope", "docs:read")
    make_user("by-implied-scope", "docs:write")
    make_user("by-wildcard", "docs:*")
    make_user("by-role", role="reader")
    make_user("by-inheritance", role="chief")
    make_user("by-permission-of-a-role", role="plain")
    make_user("by-group").groups.add(group)
    make_user("boss", is_superuser=True)
    make_user("other", "reports:read")
    make_user("gone", "docs:read", is_active=False)
    late = make_user("late")
    roles.grant(user=late, scope="docs:read", starts_at=timezone.now() + timedelta(days=1), by=operator)
    everybody = {name for name in get_user_model().objects.values_list("username", flat=True) if name.startswith("by-")}
    assert len(everybody) == 7
    assert with_perm(VIEW) == everybody | {"boss"}
    assert with_perm(VIEW, include_superusers=False) == everybody
    assert with_perm(VIEW, include_superusers=False, is_active=None) == everybody | {"gone"}
    assert with_perm(VIEW, include_superusers=False, is_active=False) == {"gone"}
    assert with_perm(Permission.objects.get(codename="view_document"), include_superusers=False) == everybody
    assert {
        user.username for user in get_user_model().objects.filter(is_active=True) if user.has_perm(VIEW)
    } == everybody | {"boss"}


def test_with_perm_is_one_query(make_user, django_assert_num_queries):
    make_user("ann", "docs:read")
    with_perm(VIEW)
    with django_assert_num_queries(2):  # the policy's generation, and the question
        with_perm(VIEW)


def test_with_perm_on_one_object(make_user, operator):
    mine, other = Document.objects.create(title="a"), Document.objects.create(title="b")
    make_user("everywhere", "docs:read")
    ann = make_user("ann")
    roles.grant(user=ann, scope="docs:read", on=mine, by=operator)
    assert with_perm(VIEW, include_superusers=False) == {"everywhere"}
    assert with_perm(VIEW, include_superusers=False, obj=mine) == {"everywhere", "ann"}
    assert with_perm(VIEW, include_superusers=False, obj=other) == {"everywhere"}


def test_with_perm_asks_for_a_whole_name():
    with pytest.raises(ValueError, match=r"app_label\.permission_codename"):
        with_perm("view_document")


def test_nobody_logs_in_as_a_service_account(make_user, operator, client: Client):
    account = keys.create_service_account(name="robot", owner=make_user("ann"), purpose="tests", by=operator)
    user = account.user
    assert not user.has_usable_password()
    user.set_password("secret")
    user.save()
    assert authenticate(username="robot", password="secret") is None
    assert not client.login(username="robot", password="secret")
    assert authenticate(username="ann", password="secret") is not None


def test_a_grant_that_is_gone_takes_the_permission_with_it(make_user):
    ann = make_user("ann", "docs:read")
    assert fresh(ann).has_perm(VIEW)
    Grant.objects.all().delete()
    assert not fresh(ann).has_perm(VIEW)


def test_a_permission_that_was_renamed_is_known_by_its_new_name_only(make_user, make_role):
    make_role("cleaner", permissions=["auth.delete_user"])
    ann = make_user("ann", role="cleaner")
    assert ann.has_perm("auth.delete_user")
    permission = Permission.objects.get(content_type__app_label="auth", codename="delete_user")
    permission.codename = "sweep_user"
    permission.save()
    again = get_user_model().objects.get(pk=ann.pk)
    assert (again.has_perm("auth.delete_user"), again.has_perm("auth.sweep_user")) == (False, True)
