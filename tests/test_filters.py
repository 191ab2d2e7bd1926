"""Grants on single objects: lists, details, actions, look-ups by other columns, UUIDs; one SQL query."""

import uuid

import pytest
from rest_framework.test import APIClient

from django_apiaccess import HasRole, HasScope
from django_apiaccess.access.objects import alternatives, narrow
from django_apiaccess.events.models import Event
from django_apiaccess.roles import service as roles
from django_apiaccess.roles.models import Grant
from django_apiaccess.roles.rights import access_of_user
from tests.testapp.models import Document, Parcel

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.testapp.edge_urls")]


@pytest.fixture
def documents():
    return [Document.objects.create(title=title) for title in ("mine", "theirs", "nobody's")]


@pytest.fixture
def holder(make_user, make_key, client_of, operator, documents):
    """Ann reads and writes the first document only, with a session and with a key that has the scopes."""
    user = make_user("ann")
    roles.grant(user=user, scope="docs:write", on=documents[0], by=operator)
    session = APIClient()
    session.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    key = client_of(make_key(user, "docs:write"))
    return {"user": user, "session": session, "key": key}


both = pytest.mark.parametrize("way", ["session", "key"])


def titles(response):
    assert response.status_code == 200, response.content
    return [row["title"] for row in response.json()]


def code(response):
    return response.status_code, response.json().get("code")


@both
@pytest.mark.parametrize("path", ["/documents/", "/edge/plain-list/", "/edge/titled/"])
def test_a_list_shows_what_was_granted(holder, way, path):
    assert titles(holder[way].get(path)) == ["mine"]


@both
def test_a_detail_is_open_when_its_object_was_granted(holder, way, documents):
    mine, theirs, _ = documents
    client = holder[way]
    assert client.get(f"/documents/{mine.pk}/").status_code == 200
    assert client.patch(f"/documents/{mine.pk}/", {"title": "new"}).status_code == 200
    assert code(client.get(f"/documents/{theirs.pk}/")) == (403, "insufficient_scope")
    assert code(client.patch(f"/documents/{theirs.pk}/", {"title": "new"})) == (403, "insufficient_scope")
    assert code(client.put(f"/documents/{theirs.pk}/", {"title": "new"})) == (403, "insufficient_scope")
    assert Document.objects.get(pk=theirs.pk).title == "theirs"
    assert code(client.delete(f"/documents/{mine.pk}/"))[0] == 403


@both
def test_an_object_that_is_not_there_looks_like_one_that_was_not_granted(holder, way, documents):
    theirs = holder[way].get(f"/documents/{documents[1].pk}/")
    missing = holder[way].get("/documents/99999/")
    assert (missing.status_code, missing.content) == (theirs.status_code, theirs.content)


@both
def test_an_action_that_does_not_fetch_the_object_is_guarded_all_the_same(holder, way, documents):
    assert holder[way].post(f"/documents/{documents[0].pk}/stamp/").status_code == 200
    assert code(holder[way].post(f"/documents/{documents[1].pk}/stamp/")) == (403, "insufficient_scope")


@both
def test_objects_are_found_by_another_column(holder, way):
    client = holder[way]
    assert client.get("/edge/titled/mine/").status_code == 200
    assert code(client.get("/edge/titled/theirs/")) == (403, "insufficient_scope")
    assert client.post("/edge/titled/mine/stamp/").status_code == 200
    assert code(client.post("/edge/titled/theirs/stamp/")) == (403, "insufficient_scope")
    assert code(client.patch("/edge/titled/nobody's/", {"title": "x"})) == (403, "insufficient_scope")


@both
def test_nothing_can_be_made_by_who_holds_single_objects(holder, way):
    assert code(holder[way].post("/documents/", {"title": "fourth"})) == (403, "insufficient_scope")
    assert Document.objects.count() == 3


@both
def test_a_view_without_the_filter_refuses_who_holds_single_objects(holder, way, documents):
    assert code(holder[way].get("/unfiltered/")) == (403, "insufficient_scope")
    assert code(holder[way].get(f"/unfiltered/{documents[0].pk}/")) == (403, "insufficient_scope")
    assert code(holder[way].get("/read-only/")) == (403, "insufficient_scope")


@both
@pytest.mark.parametrize("path", ["/edge/titled/summary/", "/edge/count/"])
def test_an_endpoint_that_is_no_list_and_has_no_object_is_closed_to_who_holds_single_objects(holder, way, path):
    assert code(holder[way].get(path)) == (403, "insufficient_scope")


def test_such_an_endpoint_is_open_to_who_holds_everything(make_user, make_key, client_of, documents):
    client = client_of(make_key(make_user("bob", "docs:read"), "docs:read"))
    assert client.get("/edge/titled/summary/").json() == {"count": 3}
    assert client.get("/edge/count/").json() == {"count": 3}
    assert len(titles(client.get("/documents/"))) == 3


@both
def test_a_refusal_says_that_the_right_is_held_elsewhere_and_the_event_on_what(holder, way, documents):
    refused = holder[way].get(f"/documents/{documents[1].pk}/")
    assert refused.json()["detail"] == "The scope docs:read is held on other objects only."
    assert Event.objects.filter(action="access.denied", reason="object_not_granted").count() == 1


@both
def test_a_grant_taken_back_closes_the_object_at_once(holder, way, documents, operator):
    roles.ungrant(Grant.objects.filter(user=holder["user"]), by=operator)
    assert code(holder[way].get("/documents/")) == (403, "insufficient_scope")
    assert code(holder[way].get(f"/documents/{documents[0].pk}/")) == (403, "insufficient_scope")


def test_a_key_without_the_scope_reaches_no_granted_object(holder, make_key, client_of, operator, documents):
    roles.grant(user=holder["user"], scope="reports:read", by=operator)
    client = client_of(make_key(holder["user"], "reports:read"))
    assert code(client.get("/documents/")) == (403, "insufficient_scope")
    assert code(client.get(f"/documents/{documents[0].pk}/")) == (403, "insufficient_scope")
    reader = client_of(make_key(holder["user"], "docs:read"))
    assert titles(reader.get("/documents/")) == ["mine"]
    assert code(reader.patch(f"/documents/{documents[0].pk}/", {"title": "x"})) == (403, "insufficient_scope")


def test_grants_on_objects_come_through_groups_and_roles(
    make_user, make_role, make_key, client_of, operator, documents, django_user_model
):
    from django.contrib.auth.models import Group

    make_role("reader", "docs:read")
    make_role("editor", "docs:write", parents=["reader"])
    user, group = make_user("ann"), Group.objects.create(name="team")
    user.groups.add(group)
    roles.grant(group=group, role="editor", on=documents[2], by=operator)
    roles.grant(user=user, role="reader", on=documents[1], by=operator)
    client = client_of(make_key(user, "docs:write"))
    assert titles(client.get("/documents/")) == ["theirs", "nobody's"]
    assert titles(client.get("/edge/role-on-objects/")) == ["theirs", "nobody's"]
    assert client.patch(f"/documents/{documents[2].pk}/", {"title": "x"}).status_code == 200
    assert code(client.patch(f"/documents/{documents[1].pk}/", {"title": "x"})) == (403, "insufficient_scope")
    group.user_set.clear()
    assert titles(client.get("/documents/")) == ["theirs"]


def test_grants_that_have_not_begun_or_have_ended_show_nothing(make_user, make_key, client_of, operator, documents):
    from datetime import timedelta

    from django.utils import timezone

    now = timezone.now()
    user = make_user("ann")
    roles.grant(user=user, scope="docs:read", on=documents[0], by=operator)
    roles.grant(user=user, scope="docs:read", on=documents[1], starts_at=now + timedelta(hours=1), by=operator)
    ended = roles.grant(user=user, scope="docs:read", on=documents[2], by=operator)
    Grant.objects.filter(pk=ended.pk).update(ends_at=now - timedelta(seconds=1))
    client = client_of(make_key(user, "docs:read"))
    assert titles(client.get("/documents/")) == ["mine"]
    assert [client.get(f"/documents/{document.pk}/").status_code for document in documents] == [200, 403, 403]


# -- the anchor rule holds for objects too


def test_a_role_opens_no_further_objects_to_a_narrow_key(
    make_user, make_role, make_key, client_of, operator, documents
):
    make_role("editor", "docs:write", "reports:read")
    user = make_user("ann", role="editor")
    Grant.objects.filter(user=user).delete()
    make_role("editor", "reports:read")
    roles.grant(user=user, role="editor", by=operator)
    roles.grant(user=user, scope="docs:read", on=documents[0], by=operator)
    narrow = client_of(make_key(user, "docs:read"))
    assert titles(narrow.get("/edge/role-or-scope/")) == ["mine"]
    assert code(narrow.get(f"/edge/role-or-scope/{documents[1].pk}/")) == (403, "insufficient_scope")
    covering = client_of(make_key(user, "docs:read", "reports:read"))
    assert len(titles(covering.get("/edge/role-or-scope/"))) == 3
    session = APIClient()
    session.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert len(titles(session.get("/edge/role-or-scope/"))) == 3


def test_alternatives_are_the_disjunctive_normal_form():
    a, b, c, r = HasScope("a:x"), HasScope("b:x"), HasScope("c:x"), HasRole("r")
    assert alternatives(a) == [(a,)]
    assert alternatives((a | b) & (c | r)) == [(a, c), (a, r), (b, c), (b, r)]
    assert alternatives(a | b & r) == [(a,), (b, r)]


# -- UUIDs, and keys of several types side by side


@pytest.fixture
def parcels():
    return [Parcel.objects.create(title=f"parcel {n}") for n in range(3)]


def test_uuid_keys(make_user, make_key, client_of, operator, parcels):
    user = make_user("ann")
    roles.grant(user=user, scope="docs:write", on=parcels[1], by=operator)
    client = client_of(make_key(user, "docs:write"))
    assert titles(client.get("/parcels/")) == ["parcel 1"]
    assert client.get(f"/parcels/{parcels[1].pk}/").status_code == 200
    assert code(client.get(f"/parcels/{parcels[0].pk}/")) == (403, "insufficient_scope")
    assert client.patch(f"/edge/written-parcels/{parcels[1].pk}/", {"title": "x"}).status_code == 200
    assert code(client.patch(f"/edge/written-parcels/{parcels[0].pk}/", {"title": "x"})) == (403, "insufficient_scope")


@pytest.mark.parametrize("key", ["not-a-uuid", "1", "%00", "'", "..", str(uuid.UUID(int=0)), "x" * 500])
def test_a_look_up_that_is_no_key_of_the_model_is_refused_and_no_error(
    make_user, make_key, client_of, operator, parcels, key
):
    user = make_user("ann")
    roles.grant(user=user, scope="docs:read", on=parcels[1], by=operator)
    assert client_of(make_key(user, "docs:read")).get(f"/parcels/{key}/").status_code in {403, 404}


@pytest.mark.parametrize("key", ["abc", "99999999999999999999999", "-1", "1e3", "%00", "0"])
def test_nor_is_one_that_is_no_number(holder, key):
    assert holder["key"].get(f"/documents/{key}/").status_code in {403, 404}


def test_grants_on_objects_with_keys_of_different_types_do_not_disturb_each_other(
    make_user, make_key, client_of, operator, documents, parcels
):
    user = make_user("ann")
    for thing in (*documents[:2], *parcels[:2]):
        roles.grant(user=user, scope="docs:read", on=thing, by=operator)
    client = client_of(make_key(user, "docs:read"))
    assert titles(client.get("/documents/")) == ["mine", "theirs"]
    assert titles(client.get("/parcels/")) == ["parcel 0", "parcel 1"]
    assert client.get(f"/documents/{documents[0].pk}/").status_code == 200
    assert client.get(f"/parcels/{parcels[0].pk}/").status_code == 200
    assert code(client.get(f"/documents/{documents[2].pk}/"))[0] == 403
    assert code(client.get(f"/parcels/{parcels[2].pk}/"))[0] == 403


# -- one query


def test_a_narrowed_list_is_one_query_beside_the_look_up_of_the_key(holder, django_assert_num_queries):
    holder["key"].get("/documents/")
    with django_assert_num_queries(2):
        assert titles(holder["key"].get("/documents/")) == ["mine"]


def test_queryset_of_an_access_narrows_in_one_query(make_user, operator, documents, django_assert_num_queries):
    user = make_user("ann")
    roles.grant(user=user, scope="docs:read", on=documents[1], by=operator)
    access = access_of_user(user)
    with django_assert_num_queries(1):
        assert [row.title for row in access.queryset(Document.objects.all(), "docs:read")] == ["theirs"]
    with django_assert_num_queries(0):
        assert list(access.queryset(Document.objects.all(), "docs:write")) == []
    with django_assert_num_queries(1):
        assert access.queryset(Document.objects.filter(title="mine"), "docs:read").count() == 0


def test_who_holds_everything_pays_for_no_narrowing(make_user, documents):
    access = access_of_user(make_user("ann", "docs:read"))
    everything = Document.objects.all()
    assert access.queryset(everything, "docs:read") is everything
    assert narrow(everything, HasScope("docs:read"), access) is everything


def test_who_holds_nothing_gets_nothing(make_user, documents):
    access = access_of_user(make_user("ann"))
    assert not narrow(Document.objects.all(), HasScope("docs:read"), access).exists()
    assert not access.queryset(Document.objects.all(), "docs:read").exists()


def test_a_conjunction_over_objects_needs_both_on_the_same_one(make_user, operator, documents):
    user = make_user("ann")
    roles.grant(user=user, scope="docs:read", on=documents[0], by=operator)
    roles.grant(user=user, scope="docs:read", on=documents[1], by=operator)
    roles.grant(user=user, scope="docs:delete", on=documents[1], by=operator)
    access = access_of_user(user)
    everything = Document.objects.order_by("pk")
    wanted = HasScope("docs:read") & HasScope("docs:delete")
    assert [row.title for row in narrow(everything, wanted, access)] == ["theirs"]
    assert [row.title for row in narrow(everything, HasScope("docs:read") | HasScope("docs:delete"), access)] == [
        "mine",
        "theirs",
    ]
    assert [access.on(document).has(wanted) for document in documents] == [False, True, False]


def test_proxies_and_children_of_a_model_are_the_same_objects(make_user, operator, documents):
    class Proxy(Document):
        class Meta:
            proxy = True
            app_label = "testapp"

    user = make_user("ann")
    roles.grant(user=user, scope="docs:read", on=Proxy.objects.get(pk=documents[0].pk), by=operator)
    access = access_of_user(user)
    assert [row.title for row in access.queryset(Document.objects.all(), "docs:read")] == ["mine"]
    assert [row.title for row in access.queryset(Proxy.objects.all(), "docs:read")] == ["mine"]
    assert access.on(documents[0]).has("docs:read")


def test_an_anonymous_caller_sees_no_list(documents):
    assert code(APIClient().get("/documents/")) == (401, "not_authenticated")


def test_many_grants_on_keys_of_other_types_do_not_make_the_database_choke(make_user, operator):
    """PostgreSQL, with statistics of many rows, casts what it reads before it knows of which model it is."""
    from django.contrib.contenttypes.models import ContentType
    from django.db import connection

    from django_apiaccess.roles.models import Scope

    user, scope = make_user("ann"), Scope.objects.get(name="docs:read")
    documents = Document.objects.bulk_create([Document(title=f"document {n}") for n in range(300)])
    parcels = Parcel.objects.bulk_create([Parcel(title=f"parcel {n}") for n in range(300)])
    of = {model: ContentType.objects.get_for_model(model) for model in (Document, Parcel)}
    Grant.objects.bulk_create(
        [Grant(user=user, scope=scope, content_type=of[Parcel], object_id=parcel.pk.hex) for parcel in parcels]
        + [
            Grant(user=user, scope=scope, content_type=of[Document], object_id=str(document.pk))
            for document in documents[:5]
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    access = access_of_user(user)
    assert access.queryset(Document.objects.all(), "docs:read").count() == 5
    assert access.queryset(Document.objects.filter(pk=documents[0].pk), "docs:read").count() == 1
    assert access.queryset(Document.objects.filter(pk=documents[-1].pk), "docs:read").count() == 0
    assert access.queryset(Document.objects.filter(title="document 1"), "docs:read").count() == 1
    assert access.queryset(Parcel.objects.filter(pk=parcels[0].pk), "docs:read").count() == 1
    assert access.queryset(Parcel.objects.all(), "docs:read").count() == 300
