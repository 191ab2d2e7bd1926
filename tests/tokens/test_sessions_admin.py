"""Token sessions in the admin: to read, and to end with a reason by whoever may."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.utils import timezone

from django_apiaccess.models import Event, RefreshToken, TokenSession
from tests.adminkit import allow, text_of, url

from .people import log_in, refreshed

pytestmark = pytest.mark.django_db
LIST = "/admin/django_apiaccess/tokensession/"


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read")


@pytest.fixture
def root(make_user, client):
    user = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def session(ann):
    log_in(device="Ann's phone", address="203.0.113.5")
    return TokenSession.objects.get()


def select(*sessions, **fields):
    return {"action": "end_selected", "_selected_action": [session.pk for session in sessions], **fields}


class TestReading:
    def test_the_list_says_who_where_and_when(self, client, root, session):
        TokenSession.objects.update(last_used_at=timezone.now(), last_used_from="203.0.113.6")
        page = text_of(client.get(LIST))
        for word in ("ann", "Ann&#x27;s phone", "203.0.113.6", "just now", "in 89 d", "active"):
            assert word in page, word

    def test_no_page_shows_a_mark_a_digest_or_a_token(self, client, root, session):
        pages = text_of(client.get(LIST)) + text_of(client.get(url("tokensession", "change", session.pk)))
        token = RefreshToken.objects.get()
        for secret in (session.password_mark, token.digest, token.public_id, "hmac-sha256"):
            assert secret not in pages

    @pytest.mark.parametrize("view", ["add", "delete"])
    def test_nothing_is_made_or_deleted_by_hand(self, client, root, session, view):
        arguments = [] if view == "add" else [session.pk]
        for method in (client.get, client.post):
            assert method(url("tokensession", view, *arguments)).status_code == 403

    def test_nothing_is_changed_by_hand(self, client, root, session):
        answer = client.post(url("tokensession", "change", session.pk), {"device": "x", "scope": "docs:write"})
        assert answer.status_code == 403
        assert TokenSession.objects.get().device == "Ann's phone"

    @pytest.mark.parametrize(("state", "count"), [("live", 1), ("ended", 1), ("over", 1), ("", 3)])
    def test_it_filters_by_state(self, client, root, session, state, count):
        log_in()
        log_in()
        ended, expired = TokenSession.objects.order_by("-pk")[:2]
        TokenSession.objects.filter(pk=ended.pk).update(revoked_at=timezone.now())
        TokenSession.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
        page = client.get(LIST, {"state": state} if state else {})
        assert page.context["cl"].result_count == count

    def test_what_was_not_used_for_too_long_is_not_called_active(self, client, root, session):
        RefreshToken.objects.update(created_at=timezone.now() - timedelta(days=15))
        page = text_of(client.get(url("tokensession", "change", session.pk)))
        assert "unused for too long" in page
        assert client.get(LIST, {"state": "over"}).context["cl"].result_count == 1

    @pytest.mark.parametrize("word", ["ann", "phone"])
    def test_it_finds_by_user_and_device(self, client, root, session, word):
        assert client.get(LIST, {"q": word}).context["cl"].result_count == 1
        assert client.get(LIST, {"q": "nobody"}).context["cl"].result_count == 0

    def test_a_list_of_many_costs_no_more_statements(self, client, root, session, django_assert_max_num_queries):
        for _ in range(5):
            log_in()
        with django_assert_max_num_queries(12):
            client.get(LIST)

    def test_who_may_not_look_sees_nothing(self, client, ann, session):
        client.force_login(allow(ann))
        assert client.get(LIST).status_code == 403
        assert client.get(url("tokensession", "change", session.pk)).status_code == 403
        assert "oken session" not in text_of(client.get("/admin/"))


class TestEnding:
    def test_asks_for_a_reason_and_ends_it_at_once(self, client, root, ann):
        pair, other = log_in(device="stolen"), log_in()
        session = TokenSession.objects.get(device="stolen")
        address = url("tokensession", "end", session.pk)
        assert address in text_of(client.get(url("tokensession", "change", session.pk)))
        assert "stolen" in text_of(client.get(address))
        assert pair.opens == 200
        asked = client.post(address, {"reason_asked": "1", "reason": ""})
        assert "required" in text_of(asked)
        assert pair.opens == 200
        answer = client.post(address, {"reason_asked": "1", "reason": "Stolen on 3 May"})
        assert answer.status_code == 302
        assert (pair.opens, other.opens, refreshed(pair.refresh).status_code) == (401, 200, 400)
        event = Event.objects.get(action="session.ended")
        assert (event.actor_label, event.reason) == ("root", "Stolen on 3 May")
        assert LogEntry.objects.get().object_id == str(session.pk)

    def test_many_with_one_reason(self, client, root, ann):
        pairs = [log_in() for _ in range(3)]
        chosen = TokenSession.objects.order_by("pk")[:2]
        page = client.post(LIST, select(*chosen))
        assert "End 2 sessions" in text_of(page)
        assert {pair.opens for pair in pairs} == {200}
        client.post(LIST, select(*chosen, reason_asked="1", reason="Stolen"))
        assert [pair.opens for pair in pairs] == [401, 401, 200]
        assert Event.objects.filter(action="session.ended", reason="Stolen").count() == 2

    def test_all_that_the_filter_shows_not_only_the_page(self, client, root, ann, make_user):
        make_user("bob", "docs:read")
        mine, theirs = [log_in(), log_in()], log_in("bob")
        first = TokenSession.objects.earliest("pk")
        fields = select(first, select_across="1", reason_asked="1", reason="x")
        client.post(f"{LIST}?q=ann", fields)
        assert [pair.opens for pair in (*mine, theirs)] == [401, 401, 200]

    def test_one_that_ended_before_keeps_its_reason(self, client, root, session):
        TokenSession.objects.update(revoked_at=timezone.now(), revoked_reason="first")
        client.post(url("tokensession", "end", session.pk), {"reason_asked": "1", "reason": "second"})
        client.post(LIST, select(session, reason_asked="1", reason="second"))
        assert TokenSession.objects.get().revoked_reason == "first"
        assert not Event.objects.filter(action="session.ended").exists()

    def test_looking_does_not_mean_ending(self, client, make_user, session):
        client.force_login(allow(make_user("eve"), "view_tokensession"))
        page = text_of(client.get(LIST))
        assert "end_selected" not in page
        assert (
            client.post(url("tokensession", "end", session.pk), {"reason_asked": "1", "reason": "x"}).status_code == 403
        )
        client.post(LIST, select(session, reason_asked="1", reason="x"))
        assert TokenSession.objects.get().revoked_at is None

    def test_the_permission_to_end_is_enough(self, client, make_user, session):
        client.force_login(allow(make_user("eve"), "view_tokensession", "revoke_tokensession"))
        client.post(LIST, select(session, reason_asked="1", reason="x"))
        assert TokenSession.objects.get().revoked_at is not None

    @pytest.mark.parametrize("object_id", ["0", "x", "9" * 30])
    def test_a_session_that_is_not_there_is_not_found(self, client, root, object_id):
        assert client.get(url("tokensession", "end", object_id)).status_code == 404


def test_a_user_with_sessions_can_be_deleted_by_whoever_may_delete_users(client, make_user, ann, session):
    eve = allow(make_user("eve"))
    eve.user_permissions.add(*Permission.objects.filter(codename__in=["delete_user", "view_user"]))
    from django_apiaccess.models import Grant

    Grant.objects.filter(user=ann).delete()
    client.force_login(type(eve).objects.get(pk=eve.pk))
    answer = client.post(f"/admin/auth/user/{ann.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert not TokenSession.objects.exists()
    assert Event.objects.filter(action="session.ended").exists()
