"""Reminders: each stage told once to who answers for it, and nothing lost."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from django_apiaccess.contrib.oauth import client_secrets, clients
from django_apiaccess.events.models import Event
from django_apiaccess.events.source import Actor
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.models import APIKey
from django_apiaccess.reviews import reminding
from django_apiaccess.reviews.models import Reminder
from django_apiaccess.roles import service as roles
from django_apiaccess.signals import credential_expiring, credential_inactive

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    def call(*arguments):
        out = io.StringIO()
        call_command("send_reminders", "--format", "json", *arguments, stdout=out, stderr=io.StringIO())
        return {row["owner"]: (row["result"], row["expiring"], row["inactive"]) for row in json.loads(out.getvalue())}

    return call


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read", email="ann@example.com")


@pytest.fixture
def key(make_key, ann):
    """`key("name", ends=days, used=days ago)`."""

    def make(name="nightly", ends=300, used=None, principal=None, **columns):
        now = timezone.now()
        made = make_key(principal or ann, "docs:read", name=name).key
        seen = None if used is None else now - timedelta(days=used)
        end = None if ends is None else now + timedelta(days=ends)
        APIKey.objects.filter(pk=made.pk).update(expires_at=end, last_used_at=seen, **columns)
        return made

    return make


def days(number):
    return timezone.now() - timedelta(days=number)


def test_each_stage_before_the_end_is_told_once(run, key):
    made = key(ends=15)
    stages = []
    for left in (15, 13.9, 13, 4, 2.9, 2, 0.9, 0.1):
        before = Reminder.objects.count()
        end = timezone.now() + timedelta(days=left)
        APIKey.objects.filter(pk=made.pk).update(expires_at=end)
        Reminder.objects.update(about=end)  # the same end, seen nearer
        run()
        run()
        stages += list(Reminder.objects.order_by("pk").values_list("stage", flat=True)[before:])
    assert stages == ["14d", "3d", "1d"]
    assert len(mail.outbox) == 3
    assert mail.outbox[0].to == ["ann@example.com"]
    assert "nightly" in mail.outbox[0].body


def test_what_is_seen_late_is_told_of_once_not_once_a_stage(run, key):
    key(ends=0.5)
    assert run() == {"ann": ("sent", 1, 0)}
    assert [row.stage for row in Reminder.objects.all()] == ["1d"]
    assert run() == {}


def test_an_end_that_was_put_off_is_told_of_again_when_it_comes_near(run, key, operator):
    made = key(ends=2)
    run()
    keys.change(APIKey.objects.get(pk=made.pk), expires_at=timezone.now() + timedelta(days=200), by=operator)
    assert run() == {}
    APIKey.objects.update(expires_at=timezone.now() + timedelta(days=2.5))
    assert run() == {"ann": ("sent", 1, 0)}


def test_a_credential_that_nobody_used_is_told_of_once_until_it_was_used_again(run, key):
    made = key(used=100)
    key("young", used=None)
    key("in use", used=10)
    assert run() == {"ann": ("sent", 0, 1)}
    assert run() == {}
    APIKey.objects.filter(pk=made.pk).update(last_used_at=days(95))
    assert run() == {"ann": ("sent", 0, 1)}
    assert "nightly" in mail.outbox[1].body
    assert "young" not in mail.outbox[1].body


def test_a_key_that_was_never_used_counts_from_when_it_was_made(run, key):
    key(created_at=days(91))
    key("younger", created_at=days(89))
    assert run() == {"ann": ("sent", 0, 1)}


def test_one_owner_gets_one_mail_about_everything(run, key, ann, operator):
    robot = keys.create_service_account(name="robot", owner=ann, purpose="x", by=operator)
    roles.grant(user=robot.user, scope="docs:read", by=operator, ends_at=timezone.now() + timedelta(days=2))
    key("first", ends=1)
    key("second", ends=10)
    key("robot's", ends=3, principal=robot.user)
    key("idle", used=200)
    app = clients.create(
        by=operator,
        name="importer",
        owner=ann,
        grant_types="client_credentials",
        service_account=robot,
        scopes=["docs:read"],
    ).client
    client_secrets.rotate(app, by=operator)
    type(app).objects.update(created_at=days(200))
    assert run() == {"ann": ("sent", 5, 2)}
    (message,) = mail.outbox
    for word in ("first", "second", "robot's", "idle", "scope docs:read of robot", "old secret of the client importer"):
        assert word in message.body, word


def test_what_ended_or_belongs_to_nobody_active_is_not_told_of(run, key, ann, operator):
    ended = key("ended", ends=-1)
    revoked = key("revoked", ends=1)
    keys.revoke(APIKey.objects.get(pk=revoked.pk), reason="x", by=operator)
    assert run() == {}
    key("fine", ends=1)
    get_user_model().objects.update(is_active=False)
    assert run() == {}
    assert ended.pk
    assert mail.outbox == []


def test_a_service_account_without_an_owner_is_reported_and_signalled(run, key, ann, operator):
    robot = keys.create_service_account(name="robot", owner=ann, purpose="x", by=operator)
    roles.grant(user=robot.user, scope="docs:read", by=operator)
    key("robot's", ends=1, principal=robot.user)
    type(robot).objects.update(owner=None)
    seen = []
    receiver = lambda reminder, **_kwargs: seen.append((reminder.label, reminder.owner_id))  # noqa: E731
    credential_expiring.connect(receiver)
    try:
        assert run() == {None: ("nobody to tell", 1, 0)}
        assert run() == {}
    finally:
        credential_expiring.disconnect(receiver)
    assert seen == [("robot's", None)]


def test_a_mail_that_fails_is_tried_again_and_costs_nobody_else_theirs(run, key, make_user, settings):
    eve = make_user("eve", "docs:read", email="eve@example.com")
    key("ann's", ends=1)
    key("eve's", ends=1, principal=eve)
    seen = []
    receiver = lambda reminder, **_kwargs: seen.append(reminder.label)  # noqa: E731
    credential_expiring.connect(receiver)
    settings.API_ACCESS = {**settings.API_ACCESS, "NOTIFIER": "tests.reviews.test_reminders.fails_for_ann"}
    try:
        with pytest.raises(CommandError, match="1 of 2"):
            run()
        assert Reminder.objects.filter(sent_at=None).count() == 1
        settings.API_ACCESS = {key: value for key, value in settings.API_ACCESS.items() if key != "NOTIFIER"}
        assert run() == {"ann": ("sent", 1, 0)}
        assert run() == {}
    finally:
        credential_expiring.disconnect(receiver)
    assert sorted(seen) == ["ann's", "eve's"]
    assert [message.to for message in mail.outbox] == [["ann@example.com"]]


def fails_for_ann(user, kind, context):
    if user.get_username() == "ann":
        raise OSError("the mail server is down")


def test_a_receiver_that_raises_stops_nothing(run, key):
    def broken(**_kwargs):
        raise RuntimeError

    credential_inactive.connect(broken)
    try:
        key(used=100)
        assert run() == {"ann": ("sent", 0, 1)}
    finally:
        credential_inactive.disconnect(broken)


def test_what_another_run_is_sending_is_left_to_it_until_its_lease_is_over(run, key):
    key(ends=1)
    reminding._note_due()
    Reminder.objects.update(lease="other", leased_at=timezone.now())
    assert run() == {}
    assert mail.outbox == []
    Reminder.objects.update(leased_at=timezone.now() - reminding.LEASE - timedelta(seconds=1))
    assert run() == {"ann": ("sent", 1, 0)}


def test_the_database_itself_keeps_a_stage_from_being_noted_twice(key):
    key(ends=1)
    reminding._note_due()
    row = Reminder.objects.get()
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_a_dry_run_says_the_same_and_does_nothing(run, key):
    key("soon", ends=1)
    key("idle", used=100)
    assert run("--dry-run") == run("--dry-run") == {"ann": ("would be sent", 1, 1)}
    assert (mail.outbox, Reminder.objects.count(), Event.objects.filter(action="reminder.sent").count()) == ([], 0, 0)
    assert run() == {"ann": ("sent", 1, 1)}
    assert run("--dry-run") == {}


@pytest.mark.parametrize("form", [None, []])
def test_what_is_switched_off_is_not_told(run, key, settings, form):
    settings.API_ACCESS = {**settings.API_ACCESS, "REMINDERS": {"EXPIRING": form, "INACTIVE": None}}
    key(ends=1)
    key(used=400)
    assert run() == {}


def test_stages_of_the_project_are_its_own(run, key, settings):
    settings.API_ACCESS = {**settings.API_ACCESS, "REMINDERS": {"EXPIRING": ["30d"], "INACTIVE": "10d"}}
    key(ends=29, used=20)
    assert run() == {"ann": ("sent", 1, 1)}


def test_a_name_forges_no_line_of_the_mail(run, key):
    key("x\nBcc: eve@example.com\n\nYour bank", ends=1)
    run()
    (message,) = mail.outbox
    assert message.to == ["ann@example.com"]
    assert not [line for line in message.body.splitlines() if line.startswith(("Bcc", "Your bank"))]


def test_many_keys_of_one_owner_are_one_mail_that_says_how_many_more(run, key, ann, monkeypatch, operator):
    monkeypatch.setattr(reminding, "MOST_TOLD", 3)
    for number in range(8):
        key(f"key {number}", ends=1)
    assert run() == {"ann": ("sent", 8, 0)}
    assert "and 5 more" in mail.outbox[0].body


def test_pruning_forgets_reminders_of_ends_that_are_long_over_only(run, key, operator):
    from django_apiaccess.access.prune import prune

    key(ends=1)
    key("idle", used=100)
    run()
    Reminder.objects.update(about=days(500), sent_at=days(500))
    assert prune(by=Actor.command("test"))["reminders"] == 1
    assert [row.stage for row in Reminder.objects.all()] == ["inactive"]
