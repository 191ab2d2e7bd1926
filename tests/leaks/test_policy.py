"""What becomes of a key that leaked: by its own policy or the setting's; its owner may make that stricter, never laxer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from django_apiaccess.events.source import Actor
from django_apiaccess.exceptions import InvalidChange
from django_apiaccess.keys import service as keys
from django_apiaccess.keys.models import APIKey, APIKeySecret

from .conftest import leak_events

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(make_user: Any) -> Any:
    return make_user("ann", "docs:read", "docs:write", email="ann@example.org")


def opens(issued: Any, client_of: Any) -> bool:
    text = issued if isinstance(issued, str) else issued.text
    return bool(client_of(text).get("/read-only/").status_code == 200)


def later(monkeypatch: pytest.MonkeyPatch, length: timedelta) -> None:
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + length)


class TestRetire:
    def test_lets_the_key_live_an_hour_and_tells_its_owner(self, report, ann, make_key, client_of, told, monkeypatch):
        issued = make_key(ann, "docs:read", on_leak="retire")
        report(issued.text)

        assert opens(issued, client_of)
        assert "1h" in told[0][2]["happened"]
        later(monkeypatch, timedelta(minutes=61))
        assert not opens(issued, client_of)

    def test_does_not_put_the_end_off_when_it_is_reported_again(self, report, ann, make_key, told, monkeypatch):
        issued = make_key(ann, "docs:read", on_leak="retire")
        report(issued.text)
        end = APIKeySecret.objects.get().expires_at
        later(monkeypatch, timedelta(minutes=30))
        report(issued.text)

        assert APIKeySecret.objects.get().expires_at == end
        assert len(told) == len(leak_events()) == 1

    def test_leaves_the_owner_time_to_rotate_the_key(self, report, ann, make_key, client_of, operator, monkeypatch):
        issued = make_key(ann, "docs:read", on_leak="retire")
        report(issued.text)
        new = keys.rotate(issued.key, by=operator)
        later(monkeypatch, timedelta(minutes=61))

        assert opens(new, client_of)
        assert not opens(issued, client_of)

    def test_lets_who_has_the_text_make_nothing_that_lasts(self, report, ann, make_key, client_of):
        issued = make_key(ann, "docs:read", on_leak="retire")
        report(issued.text)
        client = client_of(issued)

        assert client.post("/access/keys/", {"name": "mine", "scopes": ["docs:read"]}, format="json").status_code == 403
        assert client.post(f"/access/keys/{issued.key.pk}/rotate/", {}, format="json").status_code == 403
        assert client.patch(f"/access/keys/{issued.key.pk}/", {"name": "x"}, format="json").status_code == 403

    @pytest.mark.parametrize("left", [timedelta(minutes=50), timedelta(days=5)])
    def test_lets_it_make_nothing_also_where_the_key_ends_before_its_secret(
        self, report, ann, make_key, client_of, left
    ):
        issued = make_key(ann, "docs:read", on_leak="retire", expires_at=timezone.now() + left)
        report(issued.text)
        client, path = client_of(issued), f"/access/keys/{issued.key.pk}/"

        assert client.post("/access/keys/", {"name": "mine", "scopes": ["docs:read"]}, format="json").status_code == 403
        assert client.post(f"{path}rotate/", {"grace": "0"}, format="json").status_code == 403
        assert client.patch(path, {"name": "x"}, format="json").status_code == 403
        assert APIKeySecret.objects.count() == 1

    @pytest.mark.parametrize("policy", ["revoke", "retire", "notify"])
    def test_a_new_text_that_leaks_before_it_is_the_keys_own_never_becomes_it(
        self, report, ann, make_key, client_of, operator, policy, monkeypatch
    ):
        issued = make_key(ann, "docs:read", on_leak=policy)
        other = make_key(ann, "docs:read")
        run = keys.rotate_many(APIKey.objects.all(), by=operator)
        staged = {one.key.pk: one.text for one in next(run)}
        report(staged[issued.key.pk])
        ends = list(APIKeySecret.objects.filter(leaked_at__isnull=False).values_list("pk", "expires_at"))
        list(run)

        leaked = APIKeySecret.objects.get(leaked_at__isnull=False)
        assert [(leaked.pk, leaked.expires_at)] == ends
        assert leaked.retired_at is not None
        assert APIKeySecret.objects.current().get(key=issued.key).expires_at is None
        assert opens(staged[other.key.pk], client_of)
        later(monkeypatch, timedelta(minutes=61))
        assert opens(staged[issued.key.pk], client_of) is (policy == "notify")
        assert opens(issued, client_of) is (policy != "revoke")

    def test_ends_what_was_issued_via_the_key_too(self, report, ann, make_key, client_of, monkeypatch):
        issued = make_key(ann, "docs:read", on_leak="retire")
        made = client_of(issued).post("/access/keys/", {"name": "child", "scopes": ["docs:read"]}, format="json").json()
        grand = (
            client_of(made["key"]).post("/access/keys/", {"name": "g", "scopes": ["docs:read"]}, format="json").json()
        )
        report(issued.text)

        assert opens(made["key"], client_of)
        later(monkeypatch, timedelta(minutes=61))
        assert not opens(made["key"], client_of)
        assert not opens(grand["key"], client_of)

    def test_takes_as_long_as_the_setting_says(self, report, leaks, ann, make_key):
        leaks(RETIRE_AFTER="2h", ON_LEAK="retire")
        report(make_key(ann, "docs:read").text)
        left = APIKeySecret.objects.get().expires_at - timezone.now()
        assert timedelta(minutes=119) < left <= timedelta(hours=2)


class TestNotify:
    def test_tells_the_owner_once_and_ends_nothing(self, report, ann, make_key, client_of, told):
        issued = make_key(ann, "docs:read", on_leak="notify")
        for _ in range(3):
            report(issued.text)

        assert opens(issued, client_of)
        assert len(told) == len(leak_events()) == 1
        assert leak_events()[0].details["done"] == "notify"

    def test_becomes_a_revocation_at_the_next_report_when_the_policy_is_one_by_then(
        self, report, leaks, ann, make_key, client_of, told
    ):
        leaks(ON_LEAK="notify")
        issued = make_key(ann, "docs:read")
        report(issued.text)
        leaks(ON_LEAK="revoke")
        report(issued.text)

        assert not opens(issued, client_of)
        assert [event.details["done"] for event in leak_events()] == ["notify", "revoke"]

    def test_of_the_new_secret_is_told_anew(self, report, ann, make_key, told, operator):
        issued = make_key(ann, "docs:read", on_leak="notify")
        report(issued.text)
        new = keys.rotate(issued.key, by=operator)
        report(new.text)
        assert len(told) == 2


class TestWhoIsTold:
    def test_the_owner_of_a_service_account(self, report, make_user, make_key, told, operator):
        account = keys.create_service_account(name="printer", owner=make_user("mara"), purpose="prints", by=operator)
        report(make_key(account.user).text)
        assert [entry[0] for entry in told] == ["mara"]

    def test_nobody_of_a_retired_secret_whose_grace_is_over(self, report, ann, make_key, told, operator, client_of):
        issued = make_key(ann, "docs:read")
        new = keys.rotate(issued.key, by=operator, grace=timedelta(0))
        report(issued.text)
        assert not told
        assert opens(new, client_of)

    def test_a_secret_in_its_grace_counts_as_the_key(self, report, ann, make_key, operator, client_of):
        issued = make_key(ann, "docs:read")
        new = keys.rotate(issued.key, by=operator)
        report(issued.text)
        assert not opens(new, client_of)


class TestTheOwnersChoice:
    @pytest.fixture
    def patch(self, ann: Any, client: Any) -> Any:
        client.force_login(ann)

        def send(key: APIKey, on_leak: str, client: Any = client) -> Any:
            data = {"on_leak": on_leak}
            return client.patch(f"/access/keys/{key.pk}/", data, content_type="application/json", format="json")

        return send

    @pytest.mark.parametrize(
        ("setting", "chosen", "status"),
        [
            ("retire", "revoke", 200), ("retire", "retire", 200), ("retire", "notify", 403), ("retire", "", 200),
            ("notify", "notify", 200), ("notify", "revoke", 200), ("revoke", "retire", 403), ("revoke", "notify", 403),
        ],
    )  # fmt: skip
    def test_may_be_stricter_than_the_setting_never_laxer(self, patch, leaks, ann, make_key, setting, chosen, status):
        leaks(ON_LEAK=setting)
        issued = make_key(ann, "docs:read")
        response = patch(issued.key, chosen)
        assert response.status_code == status, response.content
        expected = chosen if status == 200 else ""
        assert APIKey.objects.get().on_leak == expected

    def test_at_making_a_key_is_bound_alike(self, ann, client):
        client.force_login(ann)
        data = {"name": "x", "scopes": ["docs:read"], "on_leak": "notify"}
        assert client.post("/access/keys/", data, content_type="application/json").status_code == 403
        data["on_leak"] = "revoke"
        assert client.post("/access/keys/", data, content_type="application/json").json()["on_leak"] == "revoke"

    def test_what_an_administrator_made_laxer_stays_when_something_else_is_changed(self, ann, make_key, client):
        client.force_login(ann)
        issued = make_key(ann, "docs:read", on_leak="notify")
        response = client.patch(f"/access/keys/{issued.key.pk}/", {"name": "new"}, content_type="application/json")
        assert (response.status_code, response.json()["on_leak"]) == (200, "notify")

    def test_a_key_cannot_make_itself_laxer_than_it_was(self, leaks, ann, make_key, client_of):
        leaks(ON_LEAK="notify")
        issued = make_key(ann, "docs:read", on_leak="retire")
        client, path = client_of(issued), f"/access/keys/{issued.key.pk}/"
        assert client.patch(path, {"on_leak": "notify"}, format="json").status_code == 403
        assert client.patch(path, {"on_leak": ""}, format="json").status_code == 403
        assert client.patch(path, {"on_leak": "revoke"}, format="json").status_code == 200

    def test_a_key_that_another_one_made_is_treated_at_least_as_that(self, leaks, ann, make_key, client_of):
        leaks(ON_LEAK="notify")
        parent = make_key(ann, "docs:read", on_leak="revoke")
        made = client_of(parent).post("/access/keys/", {"name": "child", "scopes": ["docs:read"]}, format="json").json()
        assert made["on_leak"] == "revoke"

    def test_of_a_word_that_is_none_is_refused(self, ann, make_key, operator, patch):
        issued = make_key(ann, "docs:read")
        assert patch(issued.key, "ignore").status_code == 400
        with pytest.raises(InvalidChange):
            keys.change(issued.key, by=operator, on_leak="ignore")

    def test_stands_in_the_event_of_the_change(self, ann, make_key, operator):
        from django_apiaccess.events.models import Event

        issued = make_key(ann, "docs:read")
        keys.change(issued.key, by=operator, on_leak="notify")
        details = Event.objects.get(action="key.changed").details
        assert details["after"]["on_leak"] == "notify"

    def test_a_person_in_the_admin_may_set_any(self, ann, make_key):
        issued = make_key(ann, "docs:read")
        keys.change(issued.key, by=Actor.of_user(ann), on_leak="notify")
        assert APIKey.objects.get().on_leak == "notify"
