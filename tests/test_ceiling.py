"""`request.user.has_perm()` and friends answer within the credential's scopes, superusers too."""

import copy
import pickle

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.test import APIClient

from django_apiaccess.authentication import AccessAuthentication
from django_apiaccess.roles import service as roles
from tests.testapp.models import Document

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.testapp.edge_urls")]
VIEW, ADD, CHANGE, DELETE = (f"testapp.{verb}_document" for verb in ("view", "add", "change", "delete"))


@pytest.fixture
def user_of():
    """`user_of(issued)`: `request.user` as a view finds it behind the key."""

    def make(issued):
        request = RequestFactory().get("/", HTTP_AUTHORIZATION=f"Api-Key {issued.text}")
        return AccessAuthentication().authenticate(Request(request))[0]

    return make


@pytest.fixture
def boss(make_user):
    return make_user("boss", is_superuser=True, is_staff=True)


@pytest.fixture
def narrow(boss, make_key, user_of):
    """A superuser behind a key for reading documents."""
    return user_of(make_key(boss, "docs:read"))


def test_has_perm_of_a_superuser_behind_a_narrow_key(narrow):
    assert narrow.is_superuser
    assert narrow.is_staff
    assert narrow.has_perm(VIEW)
    assert not any(
        narrow.has_perm(perm)
        for perm in (ADD, CHANGE, DELETE, "auth.add_user", "auth.delete_user", "no.such", "", "nodot")
    )


def test_its_relatives_agree(narrow):
    assert narrow.has_perms([VIEW])
    assert narrow.has_perms([])
    assert not narrow.has_perms([VIEW, ADD])
    assert narrow.has_module_perms("testapp")
    assert not narrow.has_module_perms("auth")
    assert not narrow.has_module_perms("test")
    assert narrow.get_all_permissions() == {VIEW}
    assert narrow.get_user_permissions() <= {VIEW}
    assert narrow.get_group_permissions() <= {VIEW}
    document = Document.objects.create(title="x")
    assert not narrow.has_perm(DELETE, document)
    assert narrow.get_all_permissions(document) <= {VIEW}


@pytest.mark.parametrize("bad", [VIEW, 3])
def test_has_perms_asks_for_a_list_as_djangos_does(narrow, bad):
    with pytest.raises(ValueError, match="iterable"):
        narrow.has_perms(bad)
    with pytest.raises(ValueError, match="iterable"):
        async_to_sync(narrow.ahas_perms)(bad)


def test_the_asynchronous_twins_agree(narrow):
    assert async_to_sync(narrow.ahas_perm)(VIEW)
    assert not async_to_sync(narrow.ahas_perm)(ADD)
    assert async_to_sync(narrow.ahas_perms)([VIEW])
    assert not async_to_sync(narrow.ahas_perms)([VIEW, DELETE])
    assert async_to_sync(narrow.ahas_module_perms)("testapp")
    assert not async_to_sync(narrow.ahas_module_perms)("auth")
    assert async_to_sync(narrow.aget_all_permissions)() == {VIEW}
    assert async_to_sync(narrow.aget_user_permissions)() <= {VIEW}
    assert async_to_sync(narrow.aget_group_permissions)() <= {VIEW}


def test_no_permission_method_of_the_user_model_was_forgotten():
    from django_apiaccess.roles.ceiling import METHODS

    asked = {
        name
        for name in dir(get_user_model())
        if "perm" in name and not name.startswith("_") and callable(getattr(get_user_model(), name))
    }
    assert asked <= {*METHODS}


def test_a_key_without_scopes_has_no_permission_at_all(boss, make_key, user_of):
    user = user_of(make_key(boss))
    assert user.get_all_permissions() == set()
    assert not user.has_perm(VIEW)
    assert not user.has_module_perms("testapp")


def test_the_ceiling_gives_nothing_that_the_principal_has_not(make_user, make_key, user_of, operator):
    ann = make_user("ann", "docs:read")
    issued = make_key(ann, "docs:read")
    assert user_of(issued).has_perm(VIEW)
    assert not user_of(issued).has_perm(ADD)
    ann.apiaccess_grants.all().delete()
    assert not user_of(issued).has_perm(VIEW)


def test_a_permission_held_in_another_way_counts_as_far_as_the_scopes_open_it(make_user, make_key, user_of):
    from django.contrib.auth.models import Permission

    ann = make_user("ann", "docs:read")
    ann.user_permissions.add(*Permission.objects.filter(codename__in=["delete_document", "add_document", "add_user"]))
    user = user_of(make_key(ann, "docs:read"))
    assert not user.has_perm(DELETE)
    assert not user.has_perm("auth.add_user")
    assert user.get_user_permissions() == set()


def test_objects_that_were_granted_open_within_the_scopes(make_user, make_key, user_of, operator):
    mine, other = Document.objects.create(title="mine"), Document.objects.create(title="other")
    ann = make_user("ann")
    roles.grant(user=ann, scope="docs:write", on=mine, by=operator)
    wide, slim = user_of(make_key(ann, "docs:write")), user_of(make_key(ann, "docs:read"))
    assert wide.has_perm(CHANGE, mine)
    assert not wide.has_perm(CHANGE, other)
    assert not wide.has_perm(CHANGE)
    assert slim.has_perm(VIEW, mine)
    assert not slim.has_perm(CHANGE, mine)


# -- the user object lives on


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda user: pickle.loads(pickle.dumps(user))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_of_the_user_is_no_wider(narrow, duplicate):
    again = duplicate(narrow)
    assert again.pk == narrow.pk
    assert again.has_perm(VIEW)
    assert not again.has_perm(DELETE)
    assert again.get_all_permissions() == {VIEW}
    assert duplicate(again).has_perm(DELETE) is False


def test_reading_the_user_anew_from_the_database_is_no_wider(narrow):
    narrow.refresh_from_db()
    assert narrow.email == ""
    assert not narrow.has_perm(DELETE)
    assert narrow.has_perm(VIEW)


def test_saving_the_user_writes_no_ceiling(boss, make_key, client_of):
    before = get_user_model().objects.filter(pk=boss.pk).values().get()
    response = client_of(make_key(boss, "docs:read")).get("/edge/touch/")
    assert response.json() == {"entries": 1, "view": True, "delete": False}
    after = get_user_model().objects.filter(pk=boss.pk).values().get()
    assert after == {**before, "first_name": "touched"}
    assert get_user_model().objects.get(pk=boss.pk).has_perm(DELETE)


def test_the_user_is_the_user(narrow, boss):
    assert narrow == boss
    assert hash(narrow) == hash(boss)
    assert isinstance(narrow, get_user_model())
    assert narrow.is_authenticated
    assert get_user_model().objects.filter(pk=narrow.pk, username=narrow.username).exists()
    assert list(narrow.groups.all()) == []


def test_two_keys_of_one_person_do_not_share_a_ceiling(boss, make_key, user_of):
    reads, deletes = user_of(make_key(boss, "docs:read")), user_of(make_key(boss, "docs:delete"))
    assert (reads.has_perm(VIEW), reads.has_perm(DELETE)) == (True, False)
    assert (deletes.has_perm(VIEW), deletes.has_perm(DELETE)) == (False, True)
    assert boss.has_perm(DELETE)


# -- what other permission classes make of it


@pytest.mark.parametrize(
    ("scopes", "statuses"),
    [
        (("docs:read",), (200, 403, 403, 403)),
        (("docs:write",), (200, 201, 200, 403)),
        (("docs:*",), (200, 201, 200, 204)),
        (("reports:read", "docs:read"), (200, 403, 403, 403)),
    ],
)
def test_drfs_model_permissions_behind_a_key_of_a_superuser(boss, make_key, client_of, scopes, statuses):
    document = Document.objects.create(title="x")
    client = client_of(make_key(boss, *scopes))
    path = "/model-permissions/"
    got = (
        client.get(path).status_code,
        client.post(path, {"title": "y"}).status_code,
        client.patch(f"{path}{document.pk}/", {"title": "z"}).status_code,
        client.delete(f"{path}{document.pk}/").status_code,
    )
    assert got == statuses


def test_drfs_object_permissions_behind_a_key_of_a_superuser(boss, make_key, client_of):
    document = Document.objects.create(title="x")
    client = client_of(make_key(boss, "docs:read"))
    path = f"/edge/object-permissions/{document.pk}/"
    assert client.get(path).status_code == 200
    assert client.delete(path).status_code in {403, 404}
    assert client.patch(path, {"title": "y"}).status_code in {403, 404}
    assert Document.objects.get().title == "x"


def test_djangos_own_view_permission_of_staff_is_not_enough_either(boss, make_key, client_of):
    """A narrow key of a staff user gets nothing that no declaration gave it."""
    client = client_of(make_key(boss, "docs:read"))
    assert client.get("/admin-only/").json()["code"] == "undeclared"
    assert client.get("/edge/model-permissions-alone/").json()["code"] == "undeclared"


def test_me_shows_what_is_open(boss, make_key, client_of):
    me = client_of(make_key(boss, "docs:read")).get("/access/me/").json()
    assert me["permissions"] == [VIEW]
    assert me["scopes"] == ["docs:read"]
    session = APIClient()
    session.force_login(boss, backend="django.contrib.auth.backends.ModelBackend")
    assert {VIEW, DELETE, "auth.add_user"} <= set(session.get("/access/me/").json()["permissions"])
