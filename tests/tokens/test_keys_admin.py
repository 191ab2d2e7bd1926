"""Signing keys and linked identities in the admin: the services decide, nothing private is shown, nobody links to more than they hold."""

from __future__ import annotations

import pytest

from django_apiaccess.models import Event
from django_apiaccess.tokens.models import LinkedIdentity, SigningKey
from django_apiaccess.tokens.ring import make_first_key, ring
from tests.adminkit import allow, text_of, url

pytestmark = pytest.mark.django_db
ISSUER = "https://id.example"


@pytest.fixture
def key(db):
    make_first_key()
    return SigningKey.objects.get()


@pytest.fixture
def root(make_user, client):
    user = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture(autouse=True)
def _trusted(settings):
    settings.API_ACCESS = {
        **settings.API_ACCESS,
        "TRUSTED_ISSUERS": [{"issuer": ISSUER, "audience": "https://api.example"}],
    }


def test_KY_05_list_and_page_show_the_public_half_only(client, root, key):
    for page in (url("signingkey"), url("signingkey", "change", key.pk)):
        shown = text_of(client.get(page))
        assert key.kid in shown
        assert key.sealed_private not in shown
        assert "PRIVATE" not in shown
    assert key.public_jwk["x"] in shown


def test_keys_are_neither_made_changed_nor_deleted_by_hand(client, root, key):
    assert client.get(url("signingkey", "add")).status_code == 403
    assert client.get(url("signingkey", "delete", key.pk)).status_code == 403
    client.post(url("signingkey", "change", key.pk), {"kid": "evil"})
    assert SigningKey.objects.get().kid == key.kid


def test_the_next_key_is_published_after_a_question_and_once(client, root, key):
    page = url("signingkey", "rotate", key.pk)
    assert "Publish" in text_of(client.get(page))
    assert SigningKey.objects.count() == 1
    for _ in range(2):
        assert client.post(page, {"reason_asked": "1", "reason": ""}).status_code == 302
    assert SigningKey.objects.count() == 2
    event = Event.objects.filter(action="signing_key.made").order_by("-pk").first()
    assert event.actor_label == "root"


def test_a_compromised_key_needs_a_reason_and_is_distrusted(client, root, key):
    page = url("signingkey", "compromised", key.pk)
    client.post(page, {"reason_asked": "1", "reason": ""})
    assert not SigningKey.objects.get().compromised
    client.post(page, {"reason_asked": "1", "reason": "Stolen laptop"})
    assert SigningKey.objects.get(pk=key.pk).compromised
    assert ring.verifying_key(key.kid) is None
    assert "compromised" in text_of(client.get(url("signingkey")))
    assert client.post(page, {"reason_asked": "1", "reason": "Again"}).status_code == 302
    assert Event.objects.filter(action="signing_key.compromised").count() == 1


def test_without_the_permission_the_tools_are_neither_offered_nor_open(client, make_user, key):
    client.force_login(allow(make_user("eve"), "view_signingkey"))
    shown = text_of(client.get(url("signingkey", "change", key.pk)))
    assert "Compromised" not in shown
    for view in ("rotate", "compromised"):
        assert client.post(url("signingkey", view, key.pk), {"reason_asked": "1", "reason": "x"}).status_code == 403
    assert SigningKey.objects.count() == 1


def test_a_key_that_is_not_there_is_not_found(client, root, key):
    for number in ("999", "x", "9" * 30):
        assert client.get(url("signingkey", "rotate", number)).status_code == 404


def link(client, person, **fields):
    return client.post(
        url("linkedidentity", "add"), {"user": person.pk, "issuer": ISSUER, "subject": "subject-1", **fields}
    )


def test_a_link_is_made_and_taken_away_and_both_leave_events(client, root, make_user):
    ann = make_user("ann")
    assert link(client, ann).status_code == 302
    identity = LinkedIdentity.objects.get()
    assert (identity.user, identity.issuer, identity.subject) == (ann, ISSUER, "subject-1")
    assert "subject-1" in text_of(client.get(url("linkedidentity")))
    client.post(url("linkedidentity", "delete", identity.pk), {"post": "yes"})
    assert not LinkedIdentity.objects.exists()
    events = Event.objects.filter(action__startswith="identity").order_by("pk")
    assert list(events.values_list("action", "actor_label")) == [
        ("identity.linked", "root"),
        ("identity.unlinked", "root"),
    ]


def test_a_subject_is_linked_once(client, root, make_user):
    link(client, make_user("ann"))
    assert "already" in text_of(link(client, make_user("bob")))
    assert LinkedIdentity.objects.get().user.username == "ann"


@pytest.mark.parametrize(
    "fields", [{"issuer": "https://evil.example"}, {"subject": "with space"}, {"subject": ""}, {"user": 999}]
)
def test_what_cannot_be_linked_is_an_error_of_the_form(client, root, make_user, fields):
    answer = link(client, make_user("ann"), **fields)
    assert answer.status_code == 200
    assert not LinkedIdentity.objects.exists()


def test_nobody_links_to_a_user_who_holds_more_than_they_do(client, make_user, root):
    staff = allow(make_user("eve", "docs:read"), "add_linkedidentity", "view_linkedidentity")
    client.force_login(staff)
    for other in (root, make_user("bob", "docs:write"), allow(make_user("kim"), "view_apikey")):
        answer = link(client, other)
        assert answer.status_code == 200, other
        assert not LinkedIdentity.objects.exists()
    assert Event.objects.filter(action="change.refused", reason="not_held").count() >= 2
    assert link(client, make_user("ann", "docs:read")).status_code == 302
    assert LinkedIdentity.objects.count() == 1


def test_links_are_not_changed(client, root, make_user):
    ann = make_user("ann")
    link(client, ann)
    client.post(
        url("linkedidentity", "change", LinkedIdentity.objects.get().pk),
        {"user": root.pk, "issuer": ISSUER, "subject": "x"},
    )
    assert LinkedIdentity.objects.get().user == ann
