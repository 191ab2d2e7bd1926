"""The audit log: one line for each thing, no secret in any, surviving what it tells of, harmless to read."""

import logging

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, transaction
from rest_framework.test import APIClient

from django_apiaccess.background import flusher
from django_apiaccess.core.access import CredentialRef
from django_apiaccess.core.reasons import Reason
from django_apiaccess.events import later as later_module
from django_apiaccess.events.later import later, refused_later
from django_apiaccess.events.models import Event
from django_apiaccess.events.record import as_fields, changed, changed_many, refused, write_waiting
from django_apiaccess.events.source import Actor, Where
from django_apiaccess.events.tags import Action
from django_apiaccess.keys import service
from django_apiaccess.keys.lookup import load, memory
from django_apiaccess.keys.models import APIKey, APIKeySecret
from django_apiaccess.keys.usage import usage
from django_apiaccess.roles import service as roles
from django_apiaccess.signals import access_event
from tests.rollback import rolled_back

pytestmark = pytest.mark.django_db


@pytest.fixture
def received():
    """Events that receivers of the signal got."""
    events = []

    def receive(sender, event, **kwargs):
        events.append(event)

    access_event.connect(receive)
    yield events
    access_event.disconnect(receive)


def logged(caplog):
    return [
        record for record in caplog.records if hasattr(record, "access_event") and record.name == "django_apiaccess"
    ]


# -- canaries


def test_no_secret_is_anywhere_after_a_whole_life(
    make_user, make_key, client_of, operator, caplog, received, settings, django_capture_on_commit_callbacks
):
    caplog.set_level(logging.DEBUG)
    ann = make_user("ann", "docs:write")
    ann.set_password("canary-password")
    ann.save()
    canaries, seen = ["canary-password", *settings.API_ACCESS["PEPPERS"], settings.SECRET_KEY], []
    with django_capture_on_commit_callbacks(execute=True):
        issued = make_key(ann, "docs:write", name="life", networks="127.0.0.1")
        client = client_of(issued)
        client.get("/read-only/")
        client.get("/report/")
        client.get("/undeclared/")
        client.get("/read-only/", REMOTE_ADDR="10.0.0.1")
        client.get(f"/read-only/?key={issued.text}")
        client.get("/read-only/", HTTP_X_API_KEY=issued.text)
        client.get(f"/nowhere/{issued.text}/")
        made = client.post("/access/keys/", {"name": "child", "scopes": ["docs:read"]}).json()
        rotated = client.post(f"/access/keys/{issued.key.pk}/rotate/", {"grace": "1h"}).json()
        client.patch(f"/access/keys/{issued.key.pk}/", {"name": "other"})
        client_of(issued.text + "x").get("/read-only/")
        client_of(issued.text[:-1] + ("a" if issued.text[-1] != "a" else "b")).get("/read-only/")
        client_of(made["key"]).get("/access/me/")
        service.revoke(issued.key, reason="test", by=operator)
        client_of(rotated["key"]).get("/read-only/")
        APIClient().get("/read-only/", HTTP_AUTHORIZATION="Basic YW5uOmNhbmFyeS1wYXNzd29yZA==")
        flusher.flush()
    canaries += [text[16:] for text in (issued.text, made["key"], rotated["key"])] + ["YW5uOmNhbmFyeS1wYXNzd29yZA"]
    seen += [str(event.__dict__) for event in Event.objects.all()] + [str(as_fields(event)) for event in received]
    seen += [
        f"{record.getMessage()} {record.__dict__}"
        for record in caplog.records
        if record.name.startswith("django_apiaccess")
    ]
    row = load(rotated["key"].split("_")[1])
    for thing in (
        issued,
        issued.key,
        row,
        memory,
        usage,
        operator,
        ann,
        *APIKeySecret.objects.all(),
        *APIKey.objects.all(),
    ):
        seen.append(repr(thing))
    assert len(received) >= 10
    for canary in canaries:
        assert not [text for text in seen if canary in text], canary[:8]


def test_neither_is_in_the_repr_of_what_holds_one():
    from django_apiaccess.authn.kinds import Presented
    from django_apiaccess.core.secrets import make_key
    from django_apiaccess.exceptions import InvalidCredential

    key = make_key("ak")
    error = InvalidCredential(Reason.UNKNOWN, kind="api_key", credential_label=key.id)
    for thing in (Presented("bearer", key.text), key, error):
        assert key.text[16:] not in repr(thing) + str(thing)


# -- one line for each thing


def test_a_whole_life_has_one_line_for_each_thing(
    make_user, make_role, operator, django_capture_on_commit_callbacks, received
):
    Event.objects.all().delete()
    with django_capture_on_commit_callbacks(execute=True):
        make_role("editor", "docs:write")
        ann = make_user("ann", role="editor")
        issued = service.issue(principal=ann, name="k", scopes=["docs:read"], by=operator)
        service.change(issued.key, by=operator, name="other")
        service.rotate(issued.key, by=operator)
        service.revoke(issued.key, reason="test", by=operator)
        roles.ungrant(ann.apiaccess_grants.all(), by=operator)
    expected = [
        "role.created",
        "grant.given",
        "key.created",
        "key.changed",
        "key.rotated",
        "key.revoked",
        "grant.taken",
    ]
    assert list(Event.objects.order_by("pk").values_list("action", flat=True)) == expected
    assert [event.action for event in received] == expected
    assert set(Event.objects.values_list("outcome", flat=True)) == {"success"}


def test_every_action_is_well_formed_and_fits_its_column():
    assert all(len(action.value) <= 40 and action.value.count(".") == 1 for action in Action)
    assert len({action.value for action in Action}) == len(Action)


def test_a_use_that_succeeds_writes_no_line(make_user, make_key, client_of):
    client = client_of(make_key(make_user("ann", "docs:read"), "docs:read"))
    before = Event.objects.count()
    assert client.get("/read-only/").status_code == 200
    flusher.flush()
    assert Event.objects.count() == before


# -- after the transaction that it tells of


def test_logger_and_signal_hear_of_it_after_commit_only(operator, received, caplog, django_capture_on_commit_callbacks):
    caplog.set_level(logging.INFO)
    with django_capture_on_commit_callbacks() as callbacks:
        changed(Action.KEY_CHANGED, None, by=operator, label="x")
        assert (received, logged(caplog)) == ([], [])
    for callback in callbacks:
        callback()
    assert len(received) == len(logged(caplog)) == 1
    with rolled_back():
        changed_many(Action.KEY_CHANGED, [(Event(), {})], by=operator)
    assert len(received) == 1


def test_a_refusal_outlives_the_roll_back_of_its_request(operator, received, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    with rolled_back():
        refused(Action.ACCESS_DENIED, Reason.SCOPE_MISSING, by=operator)
        assert received == []
    assert not Event.objects.filter(action="access.denied").exists()
    write_waiting()
    assert Event.objects.filter(action="access.denied").count() == len(received) == 1
    write_waiting()
    assert Event.objects.filter(action="access.denied").count() == 1


def test_so_does_one_over_http(make_user, make_key, client_of, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    client = client_of(make_key(make_user("ann", "docs:read"), "docs:read"))
    assert client.get("/report/").status_code == 403
    assert Event.objects.filter(action="access.denied").count() == 1


# -- what goes wrong with the log does not go wrong with the request


def test_a_log_that_cannot_be_written_breaks_no_request(make_user, make_key, client_of, monkeypatch, caplog):
    client = client_of(make_key(make_user("ann", "docs:read"), "docs:read"))

    def fail(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(Event, "save", fail)
    assert client.get("/report/").status_code == 403
    assert "could not be written" in caplog.text
    assert logged(caplog)[-1].access_event["action"] == "access.denied"


def test_but_a_change_without_its_line_does_not_happen(make_user, operator, monkeypatch):
    ann = make_user("ann", "docs:read")

    def fail(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(Event, "save", fail)
    with pytest.raises(DatabaseError), transaction.atomic():
        service.issue(principal=ann, name="x", scopes=["docs:read"], by=operator)
    assert not APIKey.objects.exists()


def test_receivers_that_raise_do_no_harm(make_user, make_key, client_of, received, caplog):
    def broken(sender, event, **kwargs):
        raise ValueError("broken receiver")

    access_event.connect(broken)
    try:
        client = client_of(make_key(make_user("ann", "docs:read"), "docs:read"))
        assert client.get("/report/").status_code == 403
    finally:
        access_event.disconnect(broken)
    assert "A receiver of access_event failed" in caplog.text
    assert received


# -- injection


NASTY = "x\r\n2026-01-01 INFO key.revoked success\x00\x1b[31m\u2028\u202e\x85<script>"


def test_nothing_that_people_type_breaks_a_line(make_user, operator, caplog):
    caplog.set_level(logging.INFO)
    by = Actor("user", NASTY, NASTY, where=Where(None, NASTY, NASTY, "id"))
    refused(
        Action.ACCESS_DENIED, Reason.SCOPE_MISSING, by=by, credential=CredentialRef("api_key", "1", NASTY), detail="x"
    )
    changed(Action.KEY_CHANGED, None, by=by, reason=NASTY, label=NASTY)
    for event in Event.objects.filter(actor_kind="user"):
        for column in ("actor_id", "actor_label", "method", "path", "reason", "credential_label", "target_label"):
            value = getattr(event, column)
            assert all(char.isprintable() for char in value), column
    assert all(record.getMessage().isprintable() for record in logged(caplog))


@pytest.mark.parametrize("path", ["/%0d%0aSet-Cookie:x/", "/%00/", "/%1b%5b31m/", "/" + "a" * 5000 + "/", "/\u2028/"])
def test_paths_of_any_kind_can_be_written(make_user, make_key, client_of, path):
    from django.urls import include, re_path

    from tests.testapp.views import Undeclared

    class Anywhere:
        urlpatterns = [re_path(r"(?s:.*)", Undeclared.as_view())]

    from django.test import override_settings

    assert include
    client = client_of(make_key(make_user("ann", "docs:read"), "docs:read"))
    with override_settings(ROOT_URLCONF=Anywhere):
        assert client.get(path).status_code == 403
    event = Event.objects.get(action="access.denied")
    assert event.path.isprintable()
    assert len(event.path) <= 255


def test_long_names_are_cut_not_refused(operator):
    by = Actor(
        "user",
        "l" * 500,
        "i" * 500,
        credential=CredentialRef("api_key", "c" * 500, "k" * 500),
        where=Where(None, "M" * 50, "/" + "p" * 500, "r" * 500),
    )
    event = changed(Action.KEY_CHANGED, get_user_model()(pk=1, username="u" * 500), by=by, reason="w" * 500)
    event.refresh_from_db()
    assert (len(event.actor_label), len(event.target_label), len(event.reason)) == (150, 200, 255)


# -- noise


def test_malformed_credentials_are_written_in_batches(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        for n in range(50):
            APIClient().get("/read-only/", HTTP_AUTHORIZATION=f"Api-Key wrong{n}")
    flusher.flush()
    event = Event.objects.get(action="credential.refused")
    assert (event.count, event.reason, event.outcome, event.address, event.path) == (
        50,
        "checksum",
        "failed",
        "127.0.0.1",
        "/read-only/",
    )
    flusher.flush()
    assert Event.objects.filter(action="credential.refused").count() == 1


def test_a_flood_from_everywhere_is_held_within_bounds(db, monkeypatch):
    monkeypatch.setattr(later_module, "MOST_KINDS", 3)
    for n in range(10):
        refused_later(Action.CREDENTIAL_REFUSED, Reason.CHECKSUM, where=Where(f"10.0.0.{n}", "GET", f"/{n}/", str(n)))
    assert len(later._counts) == 4
    flusher.flush()
    counts = Event.objects.filter(action="credential.refused").order_by("pk").values_list("count", flat=True)
    assert sum(counts) == 10
    assert sorted(counts) == [1, 1, 1, 7]


def test_a_line_as_fields_is_plain_data(operator):
    import json

    event = changed(Action.KEY_CHANGED, None, by=operator, label="x", before={"a": [1]})
    fields = json.loads(json.dumps(as_fields(event)))
    assert (fields["action"], fields["target_label"], fields["details"]) == ("key.changed", "x", {"before": {"a": [1]}})
