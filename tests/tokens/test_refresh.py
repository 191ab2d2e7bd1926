"""Refreshing: rotation, the retry of a client that lost the answer, and the end of a session whose token was copied."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from django_apiaccess.conf import access_settings
from django_apiaccess.core import compact, secrets
from django_apiaccess.events.source import Where
from django_apiaccess.exceptions import InvalidGrant
from django_apiaccess.models import Event, RefreshToken, TokenSession
from django_apiaccess.signals import user_notified
from django_apiaccess.tokens import service

from .people import bearer, log_in, refresh, refreshed

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read", "docs:write", email="ann@example.org")


@pytest.fixture
def api_access(settings):
    def change(**entries):
        settings.API_ACCESS = {**settings.API_ACCESS, **entries}

    return change


@pytest.fixture
def told():
    """What the signal said."""
    heard = []

    def hear(**kwargs):
        heard.append((kwargs["user"].username, kwargs["kind"], kwargs["context"]))

    user_notified.connect(hear)
    yield heard
    user_notified.disconnect(hear)


def claims(token):
    return compact.parse(token).claims


def later(**by):
    """As if everything had happened that long ago."""
    shift = timedelta(**by)
    for token in RefreshToken.objects.all():
        used = token.used_at and token.used_at - shift
        RefreshToken.objects.filter(pk=token.pk).update(created_at=token.created_at - shift, used_at=used)
    for session in TokenSession.objects.all():
        TokenSession.objects.filter(pk=session.pk).update(
            created_at=session.created_at - shift,
            auth_time=session.auth_time - shift,
            expires_at=session.expires_at - shift,
        )


def refused_as(text, reason, **fields):
    answer = refreshed(text, **fields)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_grant")
    assert answer["Cache-Control"] == "no-store"
    if reason is not None:
        assert Event.objects.filter(action__startswith="refresh.").latest("pk").reason == reason


class TestRotation:
    def test_each_refresh_gives_a_new_pair_that_works(self, ann):
        first = log_in()
        second = refresh(first.refresh)
        third = refresh(second.refresh)
        assert len({first.refresh, second.refresh, third.refresh}) == 3
        assert [one.opens for one in (first, second, third)] == [200, 200, 200]
        assert third.body["token_type"] == "Bearer"
        assert third.body["expires_in"] == 600

    def test_it_writes_no_event(self, ann):
        first = log_in()
        before = Event.objects.count()
        refresh(refresh(first.refresh).refresh)
        assert Event.objects.count() == before

    def test_auth_time_amr_and_acr_are_those_of_the_log_in_however_often_it_is_refreshed(self, ann):
        first = log_in()
        later(hours=5)
        second = claims(refresh(first.refresh).access)
        third_text = refreshed(first.refresh)
        assert third_text.status_code == 200
        session = TokenSession.objects.get()
        assert second["auth_time"] == int(session.auth_time.timestamp()) <= second["iat"] - 5 * 3600
        assert (second["amr"], second["acr"]) == (["pwd"], "aal1")
        assert second["amr"] == claims(first.access)["amr"]
        assert claims(third_text.json()["access_token"])["auth_time"] == second["auth_time"]

    def test_a_request_sees_the_old_auth_time(self, ann):
        first = log_in()
        later(hours=5)
        seen = bearer(refresh(first.refresh).access).get("/access/me/").json()
        assert seen["auth_time"] < (timezone.now() - timedelta(hours=4)).isoformat()

    def test_the_last_access_token_ends_with_the_session(self, ann):
        first = log_in()
        TokenSession.objects.update(expires_at=timezone.now() + timedelta(seconds=90))
        assert 80 < refresh(first.refresh).body["expires_in"] <= 90

    def test_only_digests_are_stored_and_nothing_is_logged(self, ann, caplog):
        caplog.set_level(logging.DEBUG)
        first = log_in()
        second = refresh(first.refresh)
        refreshed(first.refresh + "x")
        rows = [*RefreshToken.objects.values(), *TokenSession.objects.values(), *Event.objects.values()]
        kept = json.dumps(rows, default=str) + caplog.text
        for text in (first.refresh, second.refresh, first.access, second.access):
            assert text not in kept
            assert text.split("_")[-1].split(".")[-1] not in kept
        assert RefreshToken.objects.get(used_at=None).digest.startswith("hmac-sha256$")

    def test_a_tokens_repr_tells_no_secret(self, ann):
        proof = service.Proof(("pwd",), "aal1", timezone.now())
        tokens = service.begin(ann, proof=proof, where=Where(), scopes=frozenset({"docs:read"}))
        assert tokens.access_token not in repr(tokens)
        assert tokens.refresh_token not in repr(tokens)

    def test_it_costs_five_statements_at_most(self, ann, django_assert_max_num_queries):
        first = log_in()
        with django_assert_max_num_queries(5):
            refresh(first.refresh)


class TestScope:
    def test_it_can_be_narrowed_for_the_access_token_and_comes_back(self, ann):
        first = log_in(scope="docs:read docs:write")
        second = refresh(first.refresh, scope="docs:read")
        assert second.body["scope"] == "docs:read"
        assert claims(second.access)["scope"] == "docs:read"
        assert set(refresh(second.refresh).body["scope"].split()) == {"docs:read", "docs:write"}

    @pytest.mark.parametrize("scope", ["docs:write", "docs:*", "docs:read docs:write", "nothing:such", "*"])
    def test_it_never_grows_and_the_refresh_token_stays_good(self, ann, scope):
        first = log_in(scope="docs:read")
        answer = refreshed(first.refresh, scope=scope)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_scope")
        assert refresh(first.refresh).opens == 200

    def test_scopes_that_the_account_gains_later_do_not_come_into_the_session(self, ann, operator):
        from django_apiaccess.roles import service as roles

        first = log_in()
        roles.grant(user=ann, scope="reports:read", by=operator)
        second = refresh(first.refresh)
        assert "reports:read" not in second.body["scope"].split()
        assert refreshed(second.refresh, scope="reports:read").json()["code"] == "invalid_scope"


class TestRetry:
    def test_a_client_that_lost_the_answer_gets_another_pair_and_the_lost_refresh_token_is_dead(self, ann):
        first = log_in()
        lost = refresh(first.refresh)
        again = refresh(first.refresh)
        assert again.opens == 200
        assert RefreshToken.objects.filter(used_at=None).count() == 1
        assert refresh(again.refresh).opens == 200
        refused_as(lost.refresh, "replayed")

    def test_it_may_lose_more_than_one(self, ann):
        first = log_in()
        pairs = [refresh(first.refresh) for _ in range(4)]
        assert RefreshToken.objects.filter(used_at=None).count() == 1
        assert refresh(pairs[-1].refresh).opens == 200

    def test_it_makes_no_event_and_tells_nobody(self, ann, told):
        first = log_in()
        before = Event.objects.count()
        refresh(first.refresh)
        refresh(first.refresh)
        assert (Event.objects.count(), told) == (before, [])

    def test_who_holds_the_answer_that_was_said_to_be_lost_ends_the_session(
        self, ann, told, django_capture_on_commit_callbacks
    ):
        """A thief who retried for the victim, or the other way round: two hold tokens of one session."""
        first = log_in()
        held = refresh(first.refresh)
        other = refresh(first.refresh)
        with django_capture_on_commit_callbacks(execute=True):
            refused_as(held.refresh, "replayed")
        assert (held.opens, other.opens) == (401, 401)
        refused_as(other.refresh, "revoked")
        assert len(told) == 1

    def test_an_older_generation_within_the_grace_ends_it_too(self, ann):
        first = log_in()
        second = refresh(first.refresh)
        third = refresh(second.refresh)
        refused_as(first.refresh, "replayed")
        assert third.opens == 401

    def test_after_the_grace_it_is_a_replay(self, ann):
        first = log_in()
        second = refresh(first.refresh)
        later(seconds=11)
        refused_as(first.refresh, "replayed")
        refused_as(second.refresh, "revoked")

    def test_without_a_grace_every_second_use_is_a_replay(self, ann, api_access):
        api_access(REFRESH_GRACE="0s")
        first = log_in()
        refresh(first.refresh)
        refused_as(first.refresh, "replayed")


class TestReplay:
    @pytest.fixture
    def copied(self, ann):
        """A session of which somebody copied the first refresh token."""
        first = log_in(device="Ann's phone")
        second = refresh(first.refresh)
        later(minutes=1)
        return first, second

    def test_the_whole_session_ends_access_tokens_included_at_the_next_request(self, copied):
        first, second = copied
        assert (first.opens, second.opens) == (200, 200)
        refused_as(first.refresh, "replayed", address="203.0.113.9")
        assert (first.opens, second.opens) == (401, 401)
        refused_as(second.refresh, "revoked")

    def test_the_event_is_of_high_severity_and_says_whose_session_and_from_where(self, copied):
        refreshed(copied[0].refresh, address="203.0.113.9")
        event = Event.objects.get(action="refresh.replayed")
        session = TokenSession.objects.get()
        assert (event.outcome, event.address) == ("failed", "203.0.113.9")
        assert event.details == {"severity": "high", "session": session.sid, "user": str(session.user_id)}
        ended = Event.objects.get(action="session.ended")
        assert ended.reason == session.revoked_reason == "a used refresh token was presented again"

    def test_the_user_is_told_once_by_signal_and_e_mail(self, copied, told, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            for _ in range(3):
                refreshed(copied[0].refresh, address="203.0.113.9")
        session = TokenSession.objects.get()
        context = {"device": "Ann's phone", "address": "203.0.113.9", "session": session.sid}
        assert told == [("ann", "session_replayed", context)]
        (letter,) = mail.outbox
        assert letter.to == ["ann@example.org"]
        assert "Ann's phone" in letter.body
        assert "203.0.113.9" in letter.body
        assert not {one.refresh for one in copied} & set(letter.body.split())

    def test_another_session_of_the_user_goes_on(self, copied):
        other = log_in()
        refreshed(copied[0].refresh)
        assert refresh(other.refresh).opens == 200

    def test_a_notifier_that_fails_changes_nothing(self, copied, api_access, django_capture_on_commit_callbacks):
        api_access(NOTIFIER="no.such.function")
        with django_capture_on_commit_callbacks(execute=True):
            refused_as(copied[0].refresh, "replayed")
        assert copied[1].opens == 401


class TestLimits:
    def test_a_session_that_was_not_used_for_too_long_is_over(self, ann):
        first = log_in()
        later(days=14)
        refused_as(first.refresh, "expired")

    def test_use_keeps_it_alive_up_to_its_absolute_end_which_never_moves(self, ann):
        current = log_in()
        end = TokenSession.objects.get().expires_at
        for _ in range(6):
            later(days=13)
            current = refresh(current.refresh)
        assert TokenSession.objects.get().expires_at == end - timedelta(days=78)
        later(days=13)
        refused_as(current.refresh, "expired")
        assert current.opens == 401

    def test_the_limits_are_settings(self, ann, api_access):
        api_access(REFRESH_TOKEN_LIFETIME="1h", SESSION_MAX_LIFETIME="24h")
        current = log_in()
        later(minutes=61)
        refused_as(current.refresh, "expired")
        current = log_in()
        for _ in range(25):
            later(minutes=59)
            answer = refreshed(current.refresh)
            if answer.status_code == 400:
                break
            current.refresh = answer.json()["refresh_token"]
        assert answer.status_code == 400


class TestRefused:
    @pytest.mark.parametrize(
        "change",
        [
            lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
            lambda text: text.replace("rt_", "ak_"),
            lambda text: text + " ",
            lambda text: " " + text,
            lambda text: text.upper(),
            lambda text: text * 3,
            lambda text: "x" * 512,
            lambda text: "rt_",
        ],
    )
    def test_what_is_no_refresh_token_costs_no_statement(self, ann, change, django_assert_num_queries):
        text = log_in().refresh
        with django_assert_num_queries(0):
            answer = refreshed(change(text))
        assert answer.status_code == 400

    def test_an_unknown_one_and_a_forged_one_answer_alike_and_leave_events(self, ann):
        text = log_in().refresh
        prefix, identifier, _secret = text.split("_")
        body = f"{prefix}_{identifier}_{'0' * secrets.SECRET_LENGTH}"
        forged, unknown = body + secrets.checksum(body), secrets.make_key("rt").text
        answers = [refreshed(forged), refreshed(unknown)]
        assert answers[0].content == answers[1].content
        assert [answer.status_code for answer in answers] == [400, 400]
        reasons = Event.objects.filter(action="refresh.refused").values_list("reason", flat=True)
        assert sorted(reasons) == ["unknown", "wrong_secret"]
        assert refresh(text).opens == 200

    def test_a_forged_copy_of_a_used_token_ends_nothing(self, ann):
        """Whoever knows only a public id must not be able to log somebody out."""
        first = log_in()
        second = refresh(first.refresh)
        later(minutes=1)
        prefix, identifier, _secret = first.refresh.split("_")
        body = f"{prefix}_{identifier}_{'1' * secrets.SECRET_LENGTH}"
        refused_as(body + secrets.checksum(body), "wrong_secret")
        assert second.opens == 200

    def test_another_client_gets_nothing(self, ann):
        first = log_in()
        with pytest.raises(InvalidGrant):
            service.refresh(first.refresh, where=Where(), client_id="another")
        assert refresh(first.refresh).opens == 200

    def test_an_access_token_is_no_refresh_token_nor_the_other_way_round(self, ann):
        first = log_in()
        assert refreshed(first.access).status_code == 400
        assert bearer(first.refresh).get("/read-only/").status_code == 401

    @pytest.mark.parametrize(
        "body", ["[]", "5", "null", '"x"', "{}", '{"refresh_token": null}', '{"refresh_token": {}}']
    )
    @pytest.mark.parametrize("path", ["/access/token/refresh/", "/access/token/revoke/"])
    def test_odd_bodies_are_400(self, db, client, path, body):
        answer = client.post(path, body, content_type="application/json")
        assert answer.status_code == 400
        assert answer["Cache-Control"] == "no-store"

    def test_get_gives_nothing(self, db, client):
        assert client.get("/access/token/refresh/").status_code == 405


class TestPeppers:
    def test_a_rotated_pepper_ends_nobody_and_the_session_moves_on_to_it(self, ann, api_access):
        old, new = access_settings.PEPPERS[0], "another-pepper-of-the-suite-0123456789abcdef"
        first = log_in()
        api_access(PEPPERS=[new, old])
        second = refresh(first.refresh)
        assert second.opens == 200
        api_access(PEPPERS=[new])
        assert service.session_of_refresh_token(second.refresh) is not None
