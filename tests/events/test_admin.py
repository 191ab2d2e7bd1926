"""The audit log in the admin: to read, never to write."""

import pytest

from django_apiaccess.models import Event
from tests.adminkit import allow, text_of, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(make_user, make_key, client):
    ann = make_user("ann", "docs:read")
    make_key(ann, "docs:read", name="<b>nightly</b>")
    client.force_login(allow(ann, "view_event"))
    return ann


def shown(client, **query):
    return {event.action for event in client.get(url("event"), query).context["cl"].result_list}


def test_nobody_writes_it_not_even_a_superuser(client, ann, make_user):
    event = Event.objects.first()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    assert client.get(url("event", "add")).status_code == 403
    assert client.post(url("event", "change", event.pk), {"reason": "x"}).status_code == 403
    assert client.post(url("event", "delete", event.pk), {"post": "yes"}).status_code == 403
    client.post(url("event"), {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"})
    assert Event.objects.filter(pk=event.pk).exists()


def test_only_who_may_see_it_sees_it(client, ann, make_user):
    client.force_login(allow(make_user("bob"), "view_apikey"))
    assert client.get(url("event")).status_code == 403
    assert client.get(url("event", "change", Event.objects.first().pk)).status_code == 403


def test_filters_and_search(client, ann, client_of):
    client_of("ak_0123456789AB_" + "0" * 49).get("/read-only/")
    assert shown(client, action="key.created") == {"key.created"}
    assert shown(client, outcome="success") >= {"key.created", "grant.given"}
    assert "credential.refused" not in shown(client, outcome="success")
    assert shown(client, actor="command") >= {"key.created"}
    assert not shown(client, actor="user")
    assert shown(client, actor="command:") == shown(client, actor="command")
    assert shown(client, q="nightly") == {"key.created"}


def test_details_are_readable_and_escaped(client, ann):
    event = Event.objects.get(action="key.created")
    page = text_of(client.get(url("event", "change", event.pk)))
    assert "&quot;scopes&quot;: &quot;docs:read&quot;" in page
    assert "<b>nightly" not in page
    assert url("apikey", "change", event.target_id) in page


@pytest.mark.parametrize("name", ["action", "outcome", "actor", "q", "actor_kind", "nonsense", "at__year", "e"])
@pytest.mark.parametrize("value", ["'", "x", "\x00", "a:b:c", ":", "9" * 40, "%"])
def test_hostile_filters_are_answered(client, ann, name, value):
    assert client.get(url("event"), {name: value}).status_code in {200, 302, 400}


def test_the_list_says_where_a_request_was_refused(client, ann, make_key, client_of):
    client_of(make_key(ann, "docs:read")).post("/documents/", {"title": "x"})
    assert "POST /documents/" in text_of(client.get(url("event"), {"action": "access.denied"}))
