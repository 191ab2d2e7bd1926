"""Which scopes a key used: noted when a request was let in because of them, by whatever asked, and written once a day."""

from __future__ import annotations

import threading
import time
from datetime import date

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from django_apiaccess.keys import scope_use as module
from django_apiaccess.keys.models import APIKey, ScopeUse
from django_apiaccess.keys.scope_use import ScopeUseCollector, scope_use, write
from django_apiaccess.roles import service as roles
from tests.testapp.models import Document

pytestmark = pytest.mark.django_db
ALL = ("docs:read", "docs:write", "docs:delete", "reports:read")


@pytest.fixture
def ann(make_user, make_role):
    make_role("editor", "docs:write")
    return make_user("ann", *ALL, role="editor")


@pytest.fixture
def issued(ann, make_key):
    return make_key(ann, *ALL)


@pytest.fixture
def client(issued, client_of):
    return client_of(issued)


def used(issued):
    scope_use.flush()
    return set(ScopeUse.objects.filter(key=issued.key).values_list("scope", flat=True))


def test_the_scope_that_let_a_request_in_is_noted_and_no_other(client, issued):
    assert client.get("/read-only/").status_code == 200
    assert used(issued) == {"docs:read"}


def test_a_refused_request_notes_nothing(ann, make_key, client_of):
    issued = make_key(ann, "reports:read")
    assert client_of(issued).get("/read-only/").status_code == 403
    assert used(issued) == set()


def test_an_endpoint_for_everybody_notes_nothing(client, issued):
    assert client.get("/open/").status_code == 200
    assert used(issued) == set()


def test_an_implied_scope_is_noted_by_the_name_that_was_asked_for(ann, make_key, client_of):
    issued = make_key(ann, "docs:write")
    assert client_of(issued).get("/read-only/").status_code == 200
    assert used(issued) == {"docs:read"}


def test_a_role_alone_notes_what_covers_it(client, issued):
    assert client.get("/role-only/").status_code == 200
    assert used(issued) == {"docs:read", "docs:write"}


def test_a_function_view_notes_its_scope(client, issued):
    assert client.get("/report/").status_code == 200
    assert used(issued) == {"reports:read"}


def test_djangos_own_permissions_note_the_scope_that_opens_them(client, issued):
    assert client.post("/model-permissions/", {"title": "x"}).status_code == 201
    assert {"docs:read", "docs:write"} <= used(issued)
    assert "docs:delete" not in used(issued)


def test_what_is_held_on_one_object_is_noted(make_user, make_key, client_of, operator):
    bob, document = make_user("bob"), Document.objects.create(title="one")
    roles.grant(user=bob, scope="docs:read", on=document, by=operator)
    issued = make_key(bob, "docs:read")
    assert client_of(issued).get(f"/documents/{document.pk}/").status_code == 200
    assert used(issued) == {"docs:read"}


def test_what_code_asks_of_the_access_is_noted(issued):
    from django_apiaccess.authn.kinds import Client, Presented
    from django_apiaccess.events.source import Where
    from django_apiaccess.keys.credential import APIKeyKind

    access = APIKeyKind().authenticate(Presented("api-key", issued.text), Client(Where("127.0.0.1")))
    access.queryset(Document.objects.all(), "docs:read")
    assert access.principal.has_perm("testapp.delete_document")
    assert access.has("reports:read")
    assert used(issued) == {"docs:read", "docs:delete", "reports:read"}


def test_explaining_a_request_is_no_use(issued, capsys):
    call_command("explain_access", "GET", "/read-only/", key=str(issued.key.pk))
    assert "allowed" in capsys.readouterr().out
    assert used(issued) == set()


def test_people_with_their_whole_rights_are_not_recorded(ann):
    from rest_framework.test import APIClient

    client = APIClient()
    client.force_login(ann)
    assert client.get("/read-only/").status_code == 200
    scope_use.flush()
    assert not ScopeUse.objects.exists()


def test_a_second_use_on_the_same_day_writes_nothing(client, issued, django_assert_num_queries):
    client.get("/read-only/")
    scope_use.flush()
    client.get("/read-only/")
    assert not scope_use.pending()
    with django_assert_num_queries(0):
        scope_use.flush()


def test_a_new_day_is_written_once_more(client, issued, monkeypatch):
    client.get("/read-only/")
    scope_use.flush()
    now = time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + 86_400)
    scope_use.record(issued.key.pk, "docs:read")
    scope_use.flush()
    row = ScopeUse.objects.get()
    assert (row.last_on - row.first_on).days == 1


def test_the_last_day_only_moves_forward(issued):
    later, earlier = date(2026, 1, 2), date(2026, 1, 1)
    write([(issued.key.pk, "docs:read", later)])
    write([(issued.key.pk, "docs:read", earlier)])
    row = ScopeUse.objects.get()
    assert (row.first_on, row.last_on) == (later, later)


def test_a_key_that_is_gone_meanwhile_hinders_nobody(ann, make_key):
    gone, here = make_key(ann, "docs:read").key, make_key(ann, "docs:read").key
    scope_use.record(gone.pk, "docs:read")
    scope_use.record(here.pk, "docs:read")
    APIKey.objects.filter(pk=gone.pk).delete()
    scope_use.flush()
    assert [row.key_id for row in ScopeUse.objects.all()] == [here.pk]
    connection.check_constraints()


def test_what_cannot_be_written_is_kept(issued, monkeypatch):
    scope_use.record(issued.key.pk, "docs:read")
    with monkeypatch.context() as patch:
        patch.setattr(module, "write", lambda _uses: (_ for _ in ()).throw(OperationalError("away")))
        with pytest.raises(OperationalError):
            scope_use.flush()
    assert used(issued) == {"docs:read"}


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST", 10)
    monkeypatch.setattr(module, "write", lambda _uses: None)
    collector = ScopeUseCollector()
    for number in range(100):
        collector.record(number, "docs:read")
        if number % 7 == 0:
            collector.flush()
        assert len(collector._seen) <= 10
        assert len(collector._waiting) <= 10


def test_many_threads_note_a_use_once(issued):
    written = []

    def record():
        for _use in range(200):
            for scope in ALL:
                scope_use.record(issued.key.pk, scope)

    threads = [threading.Thread(target=record) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = sorted(scope_use._waiting)
    assert written == sorted((issued.key.pk, scope) for scope in ALL)


def test_pruning_a_dead_key_takes_its_uses_along(issued, operator):
    from datetime import timedelta

    from django.utils import timezone

    from django_apiaccess.access.prune import prune

    scope_use.record(issued.key.pk, "docs:read")
    scope_use.flush()
    APIKey.objects.filter(pk=issued.key.pk).update(expires_at=timezone.now() - timedelta(days=100))
    assert prune(by=operator)["keys"] == 1
    assert not ScopeUse.objects.exists()
