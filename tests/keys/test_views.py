"""`keys/` and `me/`: what a caller sees and changes of their own keys, and nothing of others'."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.events.models import Event
from django_apiaccess.keys import service
from django_apiaccess.keys.models import APIKey, APIKeySecret

pytestmark = pytest.mark.django_db
KEYS = "/access/keys/"


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:write", "docs:delete", "reports:read")


@pytest.fixture
def session(ann):
    client = APIClient()
    client.force_login(ann, backend="django.contrib.auth.backends.ModelBackend")
    return client


def post(client, **fields):
    return client.post(KEYS, {"name": "new", "scopes": ["docs:read"], **fields})


def code(response):
    return response.status_code, response.json().get("code")


# -- the text is shown once


def test_the_text_of_a_key_appears_in_answers_to_post_only(session, client_of):
    made = post(session)
    assert made.status_code == 201
    body = made.json()
    text, key_id = body["key"], body["id"]
    assert client_of(text).get("/read-only/").status_code == 200
    url = f"{KEYS}{key_id}/"
    rotated = session.post(f"{url}rotate/", {})
    assert rotated.status_code == 200
    assert rotated.json()["key"] != text
    for answer in (made, rotated):
        assert answer["Cache-Control"] == "no-store"
    for answer in (
        session.get(KEYS),
        session.get(url),
        session.patch(url, {"name": "other"}),
        session.get("/access/me/"),
    ):
        assert answer.status_code == 200
        assert "key" not in answer.json()
        assert text[16:] not in answer.content.decode()
        assert rotated.json()["key"][16:] not in answer.content.decode()
        assert "digest" not in answer.content.decode()


def test_the_shape_of_a_key(session):
    body = post(
        session, networks=["10.0.0.2", "10.0.0.1"], origins=["https://A.example"], rate="5/min", expires_at="30d"
    ).json()
    key = body.pop("key")
    assert key.startswith("ak_")
    assert abs(datetime.fromisoformat(body.pop("expires_at")) - timezone.now() - timedelta(days=30)) < timedelta(
        minutes=1
    )
    assert datetime.fromisoformat(body.pop("created_at"))
    assert body.pop("id") == APIKey.objects.get().pk
    assert body == {
        "name": "new",
        "principal": "ann",
        "scopes": ["docs:read"],
        "networks": ["10.0.0.1", "10.0.0.2"],
        "origins": ["https://a.example"],
        "rate": "5/min",
        "dpop_jkt": "",
        "on_leak": "",
        "status": "active",
        "revoked_at": None,
        "last_used_at": None,
        "last_used_from": None,
        "use_count": 0,
        "old_secret_valid_until": None,
    }


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"scopes": ["docs:raed"]}, "Did you mean"),
        ({"scopes": "docs:read"}, "list"),
        ({"scopes": None}, "null"),
        ({"scopes": [None]}, "null"),
        ({"scopes": [["docs:read"]]}, "string"),
        ({"name": ""}, "blank"),
        ({"name": "a\x00b"}, "Null characters"),
        ({"name": "x" * 101}, "100"),
        ({"networks": ["10.0.0.0/99"]}, "is not a network"),
        ({"networks": "10.0.0.0/8"}, "list"),
        ({"origins": ["*"]}, "is not an origin"),
        ({"rate": "often"}, "is not a rate"),
        ({"rate": None}, "null"),
        ({"expires_at": "yesterday"}, "format"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "future"),
        ({"expires_at": "0"}, "future"),
        ({"expires_at": "99999y"}, ""),
        ({"expires_at": 3}, ""),
    ],
)
def test_what_cannot_be_is_told_and_makes_nothing(session, fields, told):
    response = post(session, **fields)
    assert response.status_code == 400
    assert told in response.content.decode()
    assert not APIKey.objects.exists()


@pytest.mark.parametrize("body", ["", "[]", "null", "3", '"x"', "{", '{"scopes": {}}'])
def test_no_body_is_an_error_of_ours(session, body):
    assert session.generic("POST", KEYS, body, content_type="application/json").status_code == 400


HOSTILE = {
    "nested lists": b"[" * 60_000,
    "nested objects": b'{"a":' * 12_000 + b"1" + b"}" * 12_000,
    "a number of many digits": b'{"name": ' + b"1" * 6000 + b"}",
    "half a character": b'{"name": "x", "scopes": ["docs:read"], "on_leak": "\\ud800"}',
    "half a character in a name": b'{"\\uDC00": 1}',
    "not a number": b'{"rate": NaN}',
    "twice": b'{"name": "a", "name": "b"}',
    "too long": b'{"name": "' + b"x" * 70_000 + b'"}',
    "another encoding": '{"name": "ä"}'.encode("utf-16"),
    "no object": b'"x"',
}


@pytest.mark.parametrize(
    "verb", ["", "1/", "1/rotate/", "requests/1/refuse/", "requests/1/approve/", "requests/1/claim/"]
)
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_no_body_of_json_is_an_error_of_ours_at_any_endpoint_of_keys(session, make_key, ann, make_user, body, verb):
    """A logged-in caller gets a 400, and no stack overflows."""
    from django_apiaccess.keys.approvals.models import KeyRequest

    boss = make_user("boss", is_superuser=True)
    key = make_key(ann, "docs:read").key
    asked = KeyRequest.objects.create(
        requester=ann, principal=ann, name="x", decide_by=timezone.now() + timedelta(days=1)
    )
    path = verb.replace("1", str(asked.pk if "requests" in verb else key.pk))
    if verb.endswith(("refuse/", "approve/")):
        session.force_login(boss, backend="django.contrib.auth.backends.ModelBackend")
    session.raise_request_exception = False
    method = "PATCH" if verb == "1/" else "POST"
    answer = session.generic(method, KEYS + path, body, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert APIKey.objects.count() == APIKeySecret.objects.count() == 1


def test_a_form_may_hold_lists(session):
    form = "name=x&scopes=docs:read&scopes=docs:write&networks=10.0.0.1&expires_at=1d"
    made = session.generic("POST", KEYS, form, content_type="application/x-www-form-urlencoded")
    assert made.status_code == 201, made.content
    assert made.json()["scopes"] == ["docs:read", "docs:write"]
    twice = session.generic(
        "POST", KEYS, "name=x&name=y&scopes=docs:read", content_type="application/x-www-form-urlencoded"
    )
    assert twice.status_code == 400
    rotated = session.generic(
        "POST", f"{KEYS}{made.json()['id']}/rotate/", "grace=1h", content_type="application/x-www-form-urlencoded"
    )
    assert rotated.status_code == 200


def test_whole_characters_beyond_the_basic_plane_are_taken(session):
    made = session.generic(
        "POST", KEYS, '{"name": "\\ud83d\\ude00", "scopes": ["docs:read"]}', content_type="application/json"
    )
    assert made.json()["name"] == "\U0001f600"


def test_parsers_that_a_project_chose_for_its_own_views_do_not_matter(session, settings):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.FormParser"],
    }
    assert post(session).status_code == 201


def test_more_than_one_holds_cannot_be_asked_for(session):
    response = post(session, scopes=["docs:read", "docs:*"])
    assert response.status_code == 201  # ann holds all of docs
    ann_lacks = APIClient()
    ann_lacks.force_login(APIKey.objects.get().principal, backend="django.contrib.auth.backends.ModelBackend")
    APIKey.objects.get().principal.apiaccess_grants.filter(scope__name="docs:delete").delete()
    response = post(ann_lacks, scopes=["docs:*"])
    assert code(response) == (403, "not_held")
    assert response.json()["missing"] == ["docs:delete"]
    assert response.json()["field"] == "scopes"


# -- whose keys


def test_other_peoples_keys_do_not_exist(session, make_user, make_key):
    theirs = make_key(make_user("bob", "docs:read"), "docs:read").key
    url = f"{KEYS}{theirs.pk}/"
    for answer in (
        session.get(url),
        session.patch(url, {"name": "x"}),
        session.delete(url),
        session.post(f"{url}rotate/", {}),
    ):
        assert answer.status_code == 404
        assert answer.content == session.get(f"{KEYS}999999/").content
    assert session.get(KEYS).json()["results"] == []
    theirs.refresh_from_db()
    assert (theirs.name, theirs.revoked_at, theirs.secrets.count()) == ("test", None, 1)


def test_a_superuser_sees_their_own_here_too(make_user, make_key):
    make_key(make_user("bob", "docs:read"), "docs:read")
    client = APIClient()
    client.force_login(make_user("boss", is_superuser=True), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(KEYS).json()["count"] == 0


@pytest.mark.parametrize("key_id", ["0", "-1", "abc", "99999999999999999999999", "1%00", "1/../2", "%20"])
def test_an_id_that_is_none_is_a_404(session, key_id):
    assert session.get(f"{KEYS}{key_id}/").status_code == 404


def test_nobody_gets_nothing(db):
    client = APIClient()
    for answer in (client.get(KEYS), post(client), client.get("/access/me/")):
        assert code(answer) == (401, "not_authenticated")


# -- changing and ending


def test_a_change_keeps_what_it_does_not_name(session, make_key, ann):
    key = make_key(ann, "docs:read", networks="10.0.0.1", rate="5/min").key
    answer = session.patch(f"{KEYS}{key.pk}/", {"name": "other"})
    assert answer.status_code == 200
    assert answer.json()["name"] == "other"
    key.refresh_from_db()
    assert (key.name, key.networks, key.rate, key.scopes) == ("other", "10.0.0.1", "5/min", frozenset({"docs:read"}))
    assert session.put(f"{KEYS}{key.pk}/", {"name": "x"}).status_code in {403, 405}


def test_what_is_not_ones_to_change_stays(session, make_key, ann, make_user):
    key = make_key(ann, "docs:read").key
    bob = make_user("bob")
    sent = {
        "principal": bob.pk,
        "id": 1,
        "revoked_at": None,
        "use_count": 5,
        "created_at": "2001-01-01T00:00:00Z",
        "status": "revoked",
        "issued_via": 1,
        "created_by": bob.pk,
        "last_used_from": "1.1.1.1",
    }
    assert session.patch(f"{KEYS}{key.pk}/", sent).status_code == 200
    after = APIKey.objects.get(pk=key.pk)
    assert {**vars(after), "_state": None} == {**vars(key), "_state": None}


def test_a_change_that_cannot_be_changes_nothing(session, make_key, ann):
    key = make_key(ann, "docs:read").key
    for fields in (
        {"name": "x", "scopes": ["docs:raed"]},
        {"name": "x", "rate": "no"},
        {"name": "x", "expires_at": "2001-01-01T00:00:00Z"},
    ):
        assert session.patch(f"{KEYS}{key.pk}/", fields).status_code == 400
    assert APIKey.objects.get(pk=key.pk).name == "test"


def test_deleting_revokes_and_says_why(session, make_key, ann, client_of):
    issued = make_key(ann, "docs:read")
    assert session.delete(f"{KEYS}{issued.key.pk}/", {"reason": "laptop lost"}).status_code == 204
    assert client_of(issued).get("/read-only/").status_code == 401
    event = Event.objects.get(action="key.revoked")
    assert (event.reason, event.actor_label, event.method) == ("laptop lost", "ann", "DELETE")
    assert session.get(f"{KEYS}{issued.key.pk}/").json()["status"] == "revoked"
    assert session.delete(f"{KEYS}{issued.key.pk}/").status_code == 204
    assert Event.objects.filter(action="key.revoked").count() == 1
    assert code(session.post(f"{KEYS}{issued.key.pk}/rotate/", {})) == (400, "invalid")
    assert code(session.patch(f"{KEYS}{issued.key.pk}/", {"name": "x"})) == (400, "invalid")


def test_rotation_with_a_grace(session, make_key, ann, client_of):
    issued = make_key(ann, "docs:read")
    url = f"{KEYS}{issued.key.pk}/rotate/"
    until = datetime.fromisoformat(session.post(url, {"grace": "1h"}).json()["old_secret_valid_until"])
    assert abs(until - timezone.now() - timedelta(hours=1)) < timedelta(minutes=1)
    assert client_of(issued).get("/read-only/").status_code == 200
    assert session.post(url, {"grace": "0"}).status_code == 200
    assert client_of(issued).get("/read-only/").status_code == 401


@pytest.mark.parametrize("grace", ["soon", "-1h", "9999y", "999999999y", "", None, 3, []])
def test_a_grace_that_is_none_is_told_and_rotates_nothing(session, make_key, ann, grace):
    issued = make_key(ann, "docs:read")
    assert session.post(f"{KEYS}{issued.key.pk}/rotate/", {"grace": grace}).status_code == 400
    assert APIKeySecret.objects.count() == 1


def test_a_session_needs_its_csrf_token_to_make_a_key(ann):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(ann, backend="django.contrib.auth.backends.ModelBackend")
    assert code(post(client)) == (403, "csrf_failed")
    assert not APIKey.objects.exists()


def test_lists_come_in_pages(session, ann, make_key, django_assert_max_num_queries):
    for n in range(7):
        make_key(ann, "docs:read", name=f"key {n}")
    page = session.get(f"{KEYS}?page_size=3").json()
    assert (page["count"], len(page["results"])) == (7, 3)
    assert [row["name"] for row in page["results"]] == ["key 6", "key 5", "key 4"]
    assert session.get(f"{KEYS}?page=99").status_code == 404
    session.get(KEYS)
    with django_assert_max_num_queries(8):
        session.get(KEYS)


# -- a narrow key among its siblings


def test_a_narrow_key_sees_and_touches_only_keys_that_can_do_no_more(ann, make_key, client_of):
    narrow = make_key(ann, "docs:read", name="narrow")
    equal = make_key(ann, "docs:read", name="equal")
    wide = make_key(ann, "docs:write", name="wide")
    client = client_of(narrow)
    assert {row["name"] for row in client.get(KEYS).json()["results"]} == {"narrow", "equal"}
    url = f"{KEYS}{wide.key.pk}/"
    for answer in (
        client.get(url),
        client.patch(url, {"name": "x"}),
        client.delete(url),
        client.post(f"{url}rotate/", {}),
    ):
        assert answer.status_code == 404
    assert client.patch(f"{KEYS}{equal.key.pk}/", {"name": "renamed"}).status_code == 200
    assert client_of(wide).get(KEYS).json()["count"] == 3


@pytest.mark.parametrize(
    "bound",
    [{"networks": "127.0.0.0/8"}, {"origins": "https://shop.example"}, {"rate": "100/min"}],
    ids=lambda bound: next(iter(bound)),
)
def test_a_bound_key_gets_no_secret_of_one_that_is_not(ann, make_key, client_of, bound):
    bound_key, free = make_key(ann, "docs:read", **bound), make_key(ann, "docs:read", name="free")
    alike = make_key(ann, "docs:read", **bound)
    client = client_of(bound_key)
    client.defaults["HTTP_ORIGIN"] = "https://shop.example"
    assert client.post(f"{KEYS}{free.key.pk}/rotate/", {}).status_code == 404
    assert client.get(f"{KEYS}{free.key.pk}/").status_code == 404
    assert client.post(f"{KEYS}{alike.key.pk}/rotate/", {}).status_code == 200
    assert client_of(free).get("/read-only/").status_code == 200


def test_a_key_whose_holder_lost_something_can_still_be_renewed_by_itself(ann, make_key, client_of):
    issued = make_key(ann, "docs:write")
    ann.apiaccess_grants.all().delete()
    client = client_of(issued)
    assert client.get(KEYS).json()["count"] == 1
    assert client.post(f"{KEYS}{issued.key.pk}/rotate/", {}).status_code == 200


def test_a_key_that_another_one_rotates_ends_with_that_one(ann, make_key, client_of):
    soon = timezone.now() + timedelta(days=1)
    short, long = make_key(ann, "docs:read", expires_at=soon), make_key(ann, "docs:read")
    body = client_of(short).post(f"{KEYS}{long.key.pk}/rotate/", {}).json()
    assert datetime.fromisoformat(body["expires_at"]) == soon
    assert client_of(body["key"]).post(f"{KEYS}{short.key.pk}/rotate/", {}).status_code == 403
    lasting = make_key(ann, "docs:read")
    assert client_of(lasting).post(f"{KEYS}{short.key.pk}/rotate/", {}).status_code == 200
    short.key.refresh_from_db()
    assert short.key.expires_at == soon


def test_a_narrow_key_makes_and_widens_nothing_beyond_itself(ann, make_key, client_of):
    narrow = make_key(ann, "docs:read")
    client = client_of(narrow)
    assert code(post(client, scopes=["docs:write"])) == (403, "not_held")
    assert code(client.patch(f"{KEYS}{narrow.key.pk}/", {"scopes": ["docs:write"]})) == (403, "not_held")
    made = post(client, scopes=["docs:read"]).json()
    assert APIKey.objects.get(pk=made["id"]).issued_via == narrow.key
    assert client.post(f"{KEYS}{narrow.key.pk}/rotate/", {}).status_code == 200


def test_a_superusers_narrow_key_is_narrow_here_too(make_user, make_key, client_of):
    boss = make_user("boss", is_superuser=True)
    client = client_of(make_key(boss, "docs:read"))
    make_key(boss, "docs:*", name="wide")
    assert client.get(KEYS).json()["count"] == 1
    assert code(post(client, scopes=["docs:write"])) == (403, "not_held")


def test_an_old_secret_in_its_grace_rotates_nothing(ann, make_key, client_of, operator):
    old = make_key(ann, "docs:read")
    new = service.rotate(old.key, by=operator)
    url = f"{KEYS}{old.key.pk}/"
    assert code(client_of(old).post(f"{url}rotate/", {})) == (403, "not_held")
    assert code(post(client_of(old))) == (403, "not_held")
    assert client_of(new).get("/read-only/").status_code == 200
    assert client_of(old).delete(url).status_code == 204  # to end it is always allowed


# -- me/


def test_me(ann, make_key, client_of, make_role, operator):
    from django_apiaccess.roles import service as roles

    make_role("editor", "docs:write")
    roles.grant(user=ann, role="editor", by=operator)
    issued = make_key(ann, "docs:write", name="laptop")
    body = client_of(issued).get("/access/me/")
    assert body["Cache-Control"] == "no-store"
    me = body.json()
    assert datetime.fromisoformat(me.pop("expires_at")) == issued.key.expires_at
    assert me == {
        "principal": {"id": str(ann.pk), "username": "ann", "kind": "user"},
        "credential": {"kind": "api_key", "id": str(issued.key.pk), "label": "laptop"},
        "scopes": ["docs:read", "docs:write"],
        "object_scopes": [],
        "roles": ["editor"],
        "permissions": ["testapp.add_document", "testapp.change_document", "testapp.view_document"],
        "amr": [],
        "acr": "",
        "auth_time": None,
    }


def test_me_of_a_service_account(make_user, make_key, client_of, operator):
    account = service.create_service_account(name="robot", owner=make_user("ann"), purpose="x", by=operator)
    assert client_of(make_key(account.user)).get("/access/me/").json()["principal"]["kind"] == "service_account"


def test_me_takes_reading_only(ann, make_key, client_of):
    assert client_of(make_key(ann)).post("/access/me/").status_code == 405
