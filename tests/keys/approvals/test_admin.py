"""The four-eyes flow in the admin, by two people."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from django_apiaccess.keys.approvals.models import KeyRequest
from django_apiaccess.keys.models import APIKey
from tests.adminkit import KEY, allow, text_of, url, used_form

from .conftest import WHY

pytestmark = pytest.mark.django_db


def at(user):
    client = Client()
    client.force_login(type(user).objects.get(pk=user.pk))
    return client


@pytest.fixture
def ann(ann):
    return allow(ann, "add_apikey", "view_apikey", "change_apikey")


def add(client, owner, **fields):
    data = {"principal": owner.pk, "name": "nightly", "scopes": ["docs:delete"], "lifetime": "90d"}
    address = url("apikey", "add")
    return client.post(address, {**data, "apiaccess_form": used_form(client, address), **fields})


def decide(client, row, verb, **data):
    return client.post(url("keyrequest", verb, row.pk), {"reason_asked": "1", "reason": "", **data}, follow=True)


def claim(client, row):
    address = url("keyrequest", "claim", row.pk)
    return client.post(address, {"apiaccess_form": used_form(client, address)}, follow=True)


def test_a_guarded_key_is_asked_for_approved_by_another_and_shown_once_to_the_requester(ann, bob, client_of):
    silent = add(at(ann), ann)
    assert "Another person must approve" in text_of(silent)
    assert not KeyRequest.objects.exists()
    asked = add(at(ann), ann, justification=WHY)
    row = KeyRequest.objects.get()
    assert asked["Location"] == url("keyrequest", "change", row.pk)
    assert not APIKey.objects.exists()
    page = text_of(at(bob).get(url("keyrequest", "change", row.pk)))
    assert WHY in page
    assert url("keyrequest", "approve", row.pk) in page
    assert url("keyrequest", "claim", row.pk) not in page
    assert "Approved" in text_of(decide(at(bob), row, "approve"))
    shown = claim(at(ann), row)
    (text,) = set(KEY.findall(text_of(shown)))
    assert "no-store" in shown["Cache-Control"]
    assert client_of(text).get("/access/me/").json()["scopes"] == ["docs:delete"]
    kept = str([f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all()])
    kept += text_of(at(ann).get(url("keyrequest", "change", row.pk))) + text_of(at(bob).get(url("keyrequest")))
    assert text[-49:] not in kept
    again = at(ann).post(url("keyrequest", "claim", row.pk), {"apiaccess_form": "x"}, follow=True)
    assert not KEY.search(text_of(again))
    assert APIKey.objects.count() == 1


def test_widening_a_key_is_asked_for_too(ann, bob, make_key):
    key = make_key(ann, "docs:read").key
    address = url("apikey", "change", key.pk)
    data = {"name": key.name, "scopes": ["docs:read", "docs:delete"], "networks": "", "origins": "", "rate": ""}
    data |= {"expires_at_0": key.expires_at.strftime("%Y-%m-%d"), "expires_at_1": key.expires_at.strftime("%H:%M:%S")}
    assert "Another person must approve" in text_of(at(ann).post(address, data))
    asked = at(ann).post(address, {**data, "justification": WHY})
    row = KeyRequest.objects.get()
    assert asked["Location"] == url("keyrequest", "change", row.pk)
    assert APIKey.objects.get().scopes == {"docs:read"}
    assert "What changes" in text_of(at(bob).get(url("keyrequest", "change", row.pk)))
    decide(at(bob), row, "approve")
    claim(at(ann), row)
    assert APIKey.objects.get().scopes == {"docs:read", "docs:delete"}


def test_nobody_decides_on_their_own_request_in_the_admin(ann, make_user):
    root = make_user("root", is_staff=True, is_superuser=True)
    add(at(root), root, justification=WHY)
    row = KeyRequest.objects.get()
    assert url("keyrequest", "approve", row.pk) not in text_of(at(root).get(url("keyrequest", "change", row.pk)))
    assert "Another person must decide" in text_of(decide(at(root), row, "approve"))
    assert KeyRequest.objects.get().status == "pending"


def test_a_refusal_asks_why_and_the_requester_reads_it(ann, bob):
    add(at(ann), ann, justification=WHY)
    row = KeyRequest.objects.get()
    decide(at(bob), row, "refuse")
    assert KeyRequest.objects.get().status == "pending"
    decide(at(bob), row, "refuse", reason="Use <b>the report</b>")
    assert "Use &lt;b&gt;the report" in text_of(at(ann).get(url("keyrequest", "change", row.pk)))
    assert "can be claimed" not in text_of(at(ann).get(url("keyrequest", "change", row.pk)))


def test_people_see_their_own_requests_and_approvers_see_all(ann, bob, make_user):
    add(at(ann), ann, justification=WHY)
    row = KeyRequest.objects.get()
    eve = allow(make_user("eve", "docs:delete"), "add_apikey")
    for verb in ("change", "approve", "refuse", "withdraw", "claim"):
        assert at(eve).get(url("keyrequest", verb, row.pk)).status_code in {302, 403, 404}, verb
    assert "nightly" not in text_of(at(eve).get(url("keyrequest")))
    assert "nightly" in text_of(at(bob).get(url("keyrequest")))
    assert at(bob).get(url("keyrequest", "claim", row.pk)).status_code == 403
    assert at(allow(make_user("zoe"))).get(url("keyrequest")).status_code == 403


def test_withdrawing_ends_it(ann, bob):
    add(at(ann), ann, justification=WHY)
    row = KeyRequest.objects.get()
    decide(at(ann), row, "withdraw")
    assert KeyRequest.objects.get().status == "withdrawn"
    assert "no longer" in text_of(decide(at(bob), row, "approve"))


@pytest.mark.parametrize("state", ["pending", "approved", "refused", "withdrawn", "claimed", "expired", "nonsense"])
def test_the_list_is_filtered_by_what_became_of_a_request(ann, bob, state):
    add(at(ann), ann, justification=WHY)
    page = text_of(at(bob).get(f"{url('keyrequest')}?state={state}"))
    assert ("nightly" in page) is (state in {"pending", "nonsense"})


def test_a_user_with_requests_and_reminders_can_be_deleted_by_whoever_may_delete_users(ann, make_user):
    from django.contrib.auth.models import Permission
    from django.utils import timezone

    from django_apiaccess.models import Grant, Reminder

    add(at(ann), ann, justification=WHY)
    Reminder.objects.create(
        subject_kind="api_key", subject_id="1", label="x", stage="1d", about=timezone.now(), owner=ann
    )
    LogEntry.objects.all().delete()
    Grant.objects.filter(user=ann).delete()
    eve = allow(make_user("eve"))
    eve.user_permissions.add(*Permission.objects.filter(codename__in=["delete_user", "view_user"]))
    assert at(eve).post(f"/admin/auth/user/{ann.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not KeyRequest.objects.exists()
    assert not Reminder.objects.exists()


def test_requests_are_not_deleted_by_hand(ann, make_user):
    add(at(ann), ann, justification=WHY)
    root = make_user("root", is_staff=True, is_superuser=True)
    row = KeyRequest.objects.get()
    assert at(root).post(url("keyrequest", "delete", row.pk), {"post": "yes"}).status_code == 403
    assert at(root).get(url("keyrequest", "add")).status_code == 403


def test_without_a_policy_no_form_asks_for_a_justification(ann, policy):
    policy()
    assert "justification" not in text_of(at(ann).get(url("apikey", "add")))
    assert KEY.search(text_of(add(at(ann), ann)))
