"""Run by `tests/projects/test_projects.py` in a process of its own, under `settings.py` of this folder."""

import pytest
from guardian.shortcuts import assign_perm
from rest_framework.test import APIClient

from tests.testapp.models import Document

from .models import Note

pytestmark = pytest.mark.django_db


def session(user):
    client = APIClient()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def everything(client, path, pk, body):
    """The statuses of list, detail, create, change, delete."""
    return [
        client.get(path).status_code,
        client.get(f"{path}{pk}/").status_code,
        client.post(path, body).status_code,
        client.patch(f"{path}{pk}/", body).status_code,
        client.delete(f"{path}{pk}/").status_code,
    ]


@pytest.mark.parametrize("superuser", [False, True])
def test_rules_own_views_stay_within_a_narrow_key(make_user, make_key, client_of, superuser):
    note = Note.objects.create(text="x")
    user = make_user("ann", "notes:write", is_superuser=superuser)
    body = {"text": "y"}
    assert everything(client_of(make_key(user, "notes:read")), "/notes/", note.pk, body) == [200, 200, 403, 403, 403]
    assert everything(client_of(make_key(user)), "/notes/", note.pk, body) == [200, 403, 403, 403, 403]
    assert Note.objects.get().text == "x"
    assert everything(client_of(make_key(user, "notes:write")), "/notes/", note.pk, body) == [200, 200, 201, 200, 204]


def test_rules_goes_on_deciding_for_sessions(make_user):
    note = Note.objects.create(text="x")
    assert everything(session(make_user("ann")), "/notes/", note.pk, {"text": "y"}) == [200, 200, 201, 200, 204]


def test_where_ours_does_not_watch_a_key_is_refused(make_user, make_key, client_of):
    note = Note.objects.create(text="x")
    user = make_user("boss", is_superuser=True)
    statuses = everything(client_of(make_key(user, "notes:write")), "/unguarded-notes/", note.pk, {"text": "y"})
    assert statuses == [403] * 5
    assert session(user).get("/unguarded-notes/").status_code == 200


def test_guardians_objects_open_within_a_narrow_key(make_user, make_key, client_of):
    mine, other = Document.objects.create(title="mine"), Document.objects.create(title="other")
    user = make_user("ann", "docs:read", "docs:delete")
    for verb in ("change", "delete"):
        assign_perm(f"{verb}_document", user, mine)
    reads = client_of(make_key(user, "docs:read"))
    assert reads.patch(f"/documents/{mine.pk}/", {"title": "y"}).status_code == 403
    assert reads.delete(f"/documents/{mine.pk}/").status_code == 403
    assert reads.get(f"/documents/{other.pk}/").status_code == 200
    assert session(user).patch(f"/documents/{mine.pk}/", {"title": "y"}).status_code in {200, 403}
    assert Document.objects.count() == 2


def test_guardian_itself_answers_within_the_ceiling(make_user, make_key, rf):
    from rest_framework.request import Request

    from django_apiaccess.authentication import AccessAuthentication

    document = Document.objects.create(title="mine")
    ann = make_user("ann", "docs:read")
    assign_perm("delete_document", ann, document)
    assign_perm("view_document", ann, document)
    assert ann.has_perm("testapp.delete_document", document)
    request = Request(rf.get("/", HTTP_AUTHORIZATION=f"Api-Key {make_key(ann, 'docs:read').text}"))
    user, _access = AccessAuthentication().authenticate(request)
    assert user.has_perm("testapp.view_document", document)
    assert not user.has_perm("testapp.delete_document", document)
    assert "delete_document" not in user.get_all_permissions(document)


def test_a_narrow_key_of_a_superuser_gets_no_object_out_of_guardian(make_user, make_key, client_of):
    document = Document.objects.create(title="x")
    client = client_of(make_key(make_user("boss", is_superuser=True), "notes:write"))
    assert everything(client, "/documents/", document.pk, {"title": "y"}) == [403] * 5
