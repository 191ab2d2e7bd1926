"""The panel of a key's used and unused scopes, and the page that takes the unused ones away."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission

from django_apiaccess.keys import narrowing
from django_apiaccess.keys.models import APIKey
from django_apiaccess.models import Event
from tests.adminkit import text_of, url
from tests.planting import aged, key_of, used

pytestmark = pytest.mark.django_db
ALL = ("docs:read", "docs:write", "reports:read")


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Where the page waits for what other processes write; a test puts into `then` what happens meanwhile."""
    happened = []

    def settle():
        happened.append("waited")
        for step in waits.then:
            step()

    waits.then = []
    monkeypatch.setattr(narrowing, "settle", settle)
    return happened


@pytest.fixture
def root(make_user, client):
    user = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def key(make_user):
    key = aged(key_of(make_user("ann", *ALL), *ALL), 100)
    used(key, "docs:read")
    return key


def page(key):
    return url("apikey", "change", key.pk)


def narrow(client, key, goes=None, **data):
    address = url("apikey", "narrow", key.pk)
    if goes is None:
        form = text_of(client.get(address))
        goes = [name for name in ALL if f'name="goes" value="{name}"' in form]
    return client.post(address, {"reason_asked": "1", "goes": goes, **data}, follow=True)


def has(key):
    return set(APIKey.objects.get(pk=key.pk).scopes)


def test_the_page_of_a_key_says_what_was_not_used_and_offers_to_take_it(client, root, key):
    text = text_of(client.get(page(key)))
    assert "Scopes not used in 90 days" in text
    assert "2 of them were not used" in text
    assert url("apikey", "narrow", key.pk) in text


def test_it_asks_first_what_goes_and_what_stays_and_changes_nothing_by_looking(client, root, key):
    text = text_of(client.get(url("apikey", "narrow", key.pk)))
    goes, stays = text.partition("Stays")[0].partition("Goes")[2], text.partition("Stays")[2].partition("</li>")[0]
    assert "docs:write" in goes
    assert "reports:read" in goes
    assert "docs:read" in stays
    assert has(key) == set(ALL)


def test_the_button_takes_them_away_with_an_event_and_a_reason(client, root, key):
    text = text_of(narrow(client, key, reason="Quarterly review"))
    assert has(key) == {"docs:read"}
    assert "Taken away: docs:write, reports:read." in text
    event = Event.objects.get(action="key.changed")
    assert (event.actor_label, event.reason, event.address) == ("root", "Quarterly review", "127.0.0.1")
    assert url("apikey", "narrow", key.pk) not in text_of(client.get(page(key)))


def test_without_a_reason_the_event_says_what_was_done(client, root, key):
    narrow(client, key)
    assert Event.objects.get(action="key.changed").reason == "narrowed to what it used"


def test_a_scope_that_is_used_between_the_page_and_the_click_stays(client, root, key, waits):
    text_of(client.get(url("apikey", "narrow", key.pk)))
    used(key, "reports:read", days=0)
    text = text_of(narrow(client, key, goes=["docs:write", "reports:read"]))
    assert has(key) == {"docs:read", "reports:read"}
    assert "Used since you looked, so it stays: reports:read." in text


def test_what_another_process_has_not_written_yet_is_waited_for(client, root, key, monkeypatch):
    monkeypatch.setattr(narrowing, "settle", lambda: used(key, "reports:read", days=0))
    narrow(client, key)
    assert has(key) == {"docs:read", "reports:read"}


def test_what_the_page_did_not_list_is_not_taken(client, root, key):
    narrow(client, key, goes=["reports:read"])
    assert has(key) == {"docs:write"}  # which implies docs:read


@pytest.mark.parametrize("goes", [[], ["docs:read"], ["nonsense"], ["docs:*"], ["x" * 5000]])
def test_a_form_that_somebody_made_up_takes_nothing_that_was_used(client, root, key, goes):
    narrow(client, key, goes=goes)
    assert has(key) == set(ALL)


def test_a_link_alone_or_a_foreign_form_changes_nothing(root, key):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(root)
    answer = strict.post(url("apikey", "narrow", key.pk), {"reason_asked": "1", "goes": ["docs:write"]})
    assert answer.status_code == 403
    assert has(key) == set(ALL)


def staff_with(make_user, client, *codenames, scopes=()):
    user = make_user("clerk", *scopes, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return user


def test_whoever_may_only_look_sees_no_button_and_cannot_press_it(client, make_user, key):
    staff_with(make_user, client, "view_apikey", scopes=ALL)
    assert url("apikey", "narrow", key.pk) not in text_of(client.get(page(key)))
    assert (
        client.post(url("apikey", "narrow", key.pk), {"reason_asked": "1", "goes": ["docs:write"]}).status_code == 403
    )
    assert has(key) == set(ALL)


def test_nobody_vouches_for_what_they_do_not_hold(client, make_user, key):
    staff_with(make_user, client, "view_apikey", "change_apikey", scopes=["reports:read"])
    assert "Nothing was changed" in text_of(narrow(client, key))
    assert has(key) == set(ALL)
    assert Event.objects.filter(action="change.refused").exists()


def test_whoever_holds_what_stays_may_narrow(client, make_user, key):
    staff_with(make_user, client, "view_apikey", "change_apikey", scopes=["docs:read"])
    narrow(client, key)
    assert has(key) == {"docs:read"}


@pytest.mark.parametrize(
    ("days", "said"), [(89, "can be told from"), (100, "it used none of them")], ids=["too young", "unused"]
)
def test_a_key_that_cannot_be_judged_has_no_button(client, root, make_user, days, said):
    key = aged(key_of(make_user("bob", *ALL), *ALL), days)
    text = text_of(client.get(page(key)))
    assert said in text
    assert url("apikey", "narrow", key.pk) not in text
    assert client.post(url("apikey", "narrow", key.pk), {"reason_asked": "1", "goes": ALL}).status_code == 302
    assert has(key) == set(ALL)


def test_a_revoked_key_is_not_narrowed(client, root, key, operator):
    from django_apiaccess.keys import service

    service.revoke(key, reason="x", by=operator)
    assert client.get(url("apikey", "narrow", key.pk)).status_code == 403
    assert has(key) == set(ALL)


@pytest.mark.parametrize("pk", ["0", "999999", "nonsense", "9" * 30])
def test_a_key_that_does_not_exist_is_not_found(client, root, pk):
    assert client.get(url("apikey", "narrow", pk)).status_code == 404


def test_the_list_can_be_filtered_by_unused_scopes(client, root, key, make_user):
    whole = aged(key_of(make_user("bob", "docs:read"), "docs:read", name="whole"), 100)
    used(whole, "docs:read")
    rows = client.get(url("apikey"), {"attention": "unused-scopes"}).context["cl"].queryset
    assert [row.pk for row in rows] == [key.pk]
