"""From names to rows: an unknown one names the nearest."""

import pytest
from django.contrib.auth.models import Group

from django_apiaccess.exceptions import UnknownName
from django_apiaccess.roles import names
from django_apiaccess.roles.models import Role, Scope

pytestmark = pytest.mark.django_db


def test_known_names_are_found(make_user, make_role):
    ann, role, group = make_user("ann"), make_role("editor"), Group.objects.create(name="team")
    assert (names.user("ann"), names.role("editor"), names.group("team")) == (ann, role, group)
    assert names.permission("auth.view_user").codename == "view_user"
    assert names.scope_names(["docs:read", "docs:*"]) == {"docs:read", "docs:*"}


@pytest.mark.parametrize(
    ("find", "name", "told"),
    [
        (names.user, "anne", "Unknown user 'anne'. Did you mean 'ann'?"),
        (names.user, "zoe", "Unknown user 'zoe'."),
        (names.user, "", "Unknown user ''."),
        (names.role, "editr", "Unknown role 'editr'. Did you mean 'editor'?"),
        (names.role, "zzz", "Unknown role 'zzz'. Roles: 'editor'."),
        (names.group, "tean", "Unknown group 'tean'. Did you mean 'team'?"),
        (names.permission, "auth.viewuser", "Unknown permission 'auth.viewuser'. Did you mean 'auth.view_user'?"),
    ],
)
def test_an_unknown_name_names_the_nearest(make_user, make_role, find, name, told):
    make_user("ann")
    make_role("editor")
    Group.objects.create(name="team")
    with pytest.raises(UnknownName) as caught:
        find(name)
    assert str(caught.value) == told


def test_without_any_role_it_says_so():
    with pytest.raises(UnknownName, match="There are no roles yet"):
        names.role("editor")
    assert not Role.objects.exists()


def test_a_scope_gets_its_row_also_before_the_sync():
    Scope.objects.all().delete()
    assert names.scope_row("docs:read").description == "See documents"
    assert names.scope_row("docs:*").description == "Everything on docs"
    with pytest.raises(UnknownName):
        names.scope_row("nobody:knows")
    assert Scope.objects.count() == 2
