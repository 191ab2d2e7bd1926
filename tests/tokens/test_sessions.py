"""What ends a session is felt at the next request: by the access token, by the refresh token and by introspection."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.events.source import Actor, Where
from django_apiaccess.models import Event, Grant, RefreshToken, TokenSession
from django_apiaccess.roles import service as roles
from django_apiaccess.tokens import service

from .people import PASSWORD, PATH, bearer, log_in, refresh, refreshed

pytestmark = pytest.mark.django_db
User = get_user_model()
HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", "django.contrib.auth.hashers.ScryptPasswordHasher"]


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read", "docs:write")


@pytest.fixture
def api_access(settings):
    def change(**entries):
        settings.API_ACCESS = {**settings.API_ACCESS, **entries}

    return change


@pytest.fixture
def introspected(make_user, make_key, client_of):
    """What a resource server is told of a token."""
    server = client_of(make_key(make_user("server", "tokens:introspect"), "tokens:introspect"))

    def ask(text):
        return server.post("/access/token/introspect/", {"token": text}).json()

    return ask


def change_password(user):
    user.set_password("another")
    user.save()


def change_password_by_update(user):
    User.objects.filter(pk=user.pk).update(password=make_password("another"))


def same_password_hashed_by_hand(user):
    """Somebody assigned a hash: nothing says that it is of the same password."""
    loaded = User.objects.get(pk=user.pk)
    loaded.password = make_password("another")
    loaded.save(update_fields=["password"])


def set_again_then_assigned(user):
    """The instance looks as after an upgrade, but the old hash was up to date."""
    loaded = User.objects.get(pk=user.pk)
    assert loaded.check_password(PASSWORD)
    loaded._password = None
    loaded.password = make_password("another")
    loaded.save(update_fields=["password"])


def password_made_unusable(user):
    loaded = User.objects.get(pk=user.pk)
    loaded._password = None
    loaded.set_unusable_password()
    loaded.save(update_fields=["password"])


def deactivate(user):
    user.is_active = False
    user.save()


def deactivate_by_update(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def delete(user):
    user.delete()


def end_by_service(user):
    service.end(TokenSession.objects.filter(user=user), reason="test", by=Actor.command("test"))


def revoke_by_hand(user):
    session = TokenSession.objects.get(user=user)
    session.revoked_at = timezone.now()
    session.save()


def delete_rows(user):
    TokenSession.objects.filter(user=user).delete()


ENDS = [
    change_password,
    change_password_by_update,
    same_password_hashed_by_hand,
    set_again_then_assigned,
    password_made_unusable,
    deactivate,
    deactivate_by_update,
    delete,
    end_by_service,
    revoke_by_hand,
    delete_rows,
]
WITHOUT_SIGNAL = {change_password_by_update, deactivate_by_update}


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
class TestFeltAtTheNextRequest:
    def test_by_every_token_of_the_session(self, ann, introspected, end):
        pair = log_in()
        assert pair.opens == 200
        assert introspected(pair.access)["active"] is introspected(pair.refresh)["active"] is True
        end(ann)
        answer = bearer(pair.access).get(PATH)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credential")
        assert introspected(pair.access) == introspected(pair.refresh) == {"active": False}
        assert refreshed(pair.refresh).status_code == 400

    def test_with_the_cache_within_its_stated_lag(self, ann, api_access, end):
        api_access(CACHE_SECONDS=0.6, GENERATION_SECONDS=0.1)
        pair = log_in()
        assert pair.opens == 200
        end(ann)
        assert refreshed(pair.refresh).status_code == 400
        time.sleep(0.7 if end in WITHOUT_SIGNAL else 0.15)
        assert pair.opens == 401


class TestRoleLoss:
    @pytest.fixture
    def pair(self, ann):
        return log_in()

    def test_a_grant_taken_is_felt_by_the_access_token_and_every_refreshed_one(self, ann, pair, introspected, operator):
        roles.ungrant(Grant.objects.filter(user=ann, scope__name="docs:read"), by=operator)
        roles.ungrant(Grant.objects.filter(user=ann), by=operator)
        assert pair.opens == 403
        assert introspected(pair.access)["scope"] == ""
        assert refresh(pair.refresh).opens == 403

    def test_and_with_the_cache(self, ann, api_access, operator):
        api_access(CACHE_SECONDS=30, GENERATION_SECONDS=0.1)
        pair = log_in()
        assert pair.opens == 200
        roles.ungrant(Grant.objects.filter(user=ann), by=operator)
        time.sleep(0.15)
        assert pair.opens == 403

    def test_leaving_a_group_is_felt(self, make_user, operator):
        user, group = make_user("bob"), Group.objects.create(name="readers")
        roles.grant(group=group, scope="docs:read", by=operator)
        user.groups.add(group)
        pair = log_in("bob")
        assert pair.opens == 200
        user.groups.clear()
        assert pair.opens == 403

    def test_the_role_given_back_opens_again_without_a_log_in(self, ann, pair, operator):
        roles.ungrant(Grant.objects.filter(user=ann), by=operator)
        assert pair.opens == 403
        roles.grant(user=ann, scope="docs:write", by=operator)
        assert pair.opens == 200


class TestReactivation:
    def test_a_user_who_is_active_again_has_the_session_again(self, ann):
        pair = log_in()
        deactivate(ann)
        assert pair.opens == 401
        ann.is_active = True
        ann.save()
        assert pair.opens == 200

    def test_but_not_one_that_was_logged_out_meanwhile(self, ann):
        pair = log_in()
        deactivate(ann)
        APIClient().post("/access/token/revoke/", {"token": pair.refresh})
        ann.is_active = True
        ann.save()
        assert pair.opens == 401


class TestHashUpgrade:
    @pytest.fixture(autouse=True)
    def hashers(self, settings):
        settings.PASSWORD_HASHERS = HASHERS

    @pytest.fixture
    def upgrade(self, settings):
        """From now on scrypt is preferred: the next right password is hashed anew."""

        def do():
            settings.PASSWORD_HASHERS = HASHERS[::-1]

        return do

    def test_a_log_in_that_hashes_anew_ends_no_session(self, ann, upgrade):
        first = log_in()
        upgrade()
        second = log_in()
        assert User.objects.get().password.startswith("scrypt$")
        assert (first.opens, second.opens) == (200, 200)
        assert refresh(first.refresh).opens == 200

    def test_nor_with_the_cache(self, ann, upgrade, api_access):
        api_access(CACHE_SECONDS=30, GENERATION_SECONDS=0.05)
        first = log_in()
        assert first.opens == 200
        upgrade()
        log_in()
        time.sleep(0.1)
        assert first.opens == 200

    def test_nor_a_check_of_the_password_elsewhere(self, ann, upgrade):
        first = log_in()
        upgrade()
        assert User.objects.get().check_password(PASSWORD)
        assert User.objects.get().password.startswith("scrypt$")
        assert first.opens == 200

    def test_it_revives_no_session_that_a_password_change_ended(self, ann, settings, upgrade):
        ended = log_in()
        change_password(ann)
        assert ended.opens == 401
        upgrade()
        fresh = log_in(password="another")
        assert User.objects.get().password.startswith("scrypt$")
        assert (ended.opens, fresh.opens) == (401, 200)
        assert refreshed(ended.refresh).status_code == 400

    def test_it_revives_no_session_that_was_ended(self, ann, upgrade):
        ended = log_in()
        end_by_service(ann)
        upgrade()
        log_in()
        assert ended.opens == 401

    def test_a_password_that_is_changed_while_the_old_hash_was_outdated_ends_them(self, ann, upgrade):
        first = log_in()
        upgrade()
        ann.set_password("another")
        ann.save(update_fields=["password"])
        assert first.opens == 401

    def test_other_peoples_sessions_keep_their_marks(self, ann, make_user, upgrade):
        make_user("bob", "docs:read")
        other = log_in("bob")
        mark = TokenSession.objects.get(user__username="bob").password_mark
        log_in()
        upgrade()
        log_in()
        assert TokenSession.objects.get(user__username="bob").password_mark == mark
        assert other.opens == 200

    def test_saving_a_user_asks_nothing_more_than_before(self, ann, django_assert_num_queries):
        with django_assert_num_queries(1):
            ann.first_name = "Ann"
            ann.save(update_fields=["first_name"])


class TestLogOut:
    @pytest.mark.parametrize("by", ["access", "refresh"])
    def test_holding_either_token_ends_both(self, ann, by):
        pair, other = log_in(), log_in()
        answer = APIClient().post("/access/token/revoke/", {"token": getattr(pair, by)})
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
        assert (pair.opens, refreshed(pair.refresh).status_code) == (401, 400)
        assert other.opens == 200
        event = Event.objects.get(action="session.ended")
        assert (event.actor_label, event.reason) == ("ann", "logged out")

    def test_a_client_that_lost_an_answer_can_log_out_with_the_token_that_it_has(self, ann):
        pair = log_in()
        lost = refresh(pair.refresh)
        APIClient().post("/access/token/revoke/", {"token": pair.refresh})
        assert (lost.opens, refreshed(lost.refresh).status_code) == (401, 400)
        assert not Event.objects.filter(action="refresh.replayed").exists()

    @pytest.mark.parametrize("text", ["nonsense", "a.b.c", "rt_x", "x" * 8192])
    def test_what_is_no_token_answers_alike_and_ends_nothing(self, ann, text):
        pair = log_in()
        assert APIClient().post("/access/token/revoke/", {"token": text}).status_code == 200
        assert pair.opens == 200

    def test_an_access_token_whose_signature_was_changed_ends_nothing(self, ann):
        pair = log_in()
        head, body, signature = pair.access.split(".")
        APIClient().post("/access/token/revoke/", {"token": f"{head}.{body}.{signature[::-1]}"})
        assert pair.opens == 200

    def test_in_the_list_of_sessions(self, ann):
        pair, other = log_in(), log_in()
        assert bearer(pair.access).delete("/access/sessions/current/").status_code == 204
        assert (pair.opens, other.opens) == (401, 200)
        assert bearer(other.access).delete("/access/sessions/").json() == {"ended": 1}
        assert other.opens == 401


class TestList:
    def test_says_device_address_and_last_use_and_no_secret(self, ann):
        from django_apiaccess.tokens.usage import usage

        pair = log_in(device="Ann's phone", address="203.0.113.5")
        client = bearer(pair.access)
        client.get(PATH, REMOTE_ADDR="203.0.113.6")
        usage.flush()
        answer = client.get("/access/sessions/")
        (row,) = answer.json()["results"]
        assert (row["device"], row["created_from"], row["last_used_from"]) == (
            "Ann's phone",
            "203.0.113.5",
            "203.0.113.6",
        )
        assert row["current"] is True
        assert row["last_used_at"]
        assert not {"password_mark", "user", "revoked_reason"} & row.keys()
        assert "hmac" not in answer.content.decode()

    def test_shows_nobody_elses_and_ends_nobody_elses(self, ann, make_user):
        make_user("bob", "docs:read")
        mine, theirs = log_in(), log_in("bob")
        sid = TokenSession.objects.get(user__username="bob").sid
        client = bearer(mine.access)
        assert [row["current"] for row in client.get("/access/sessions/").json()["results"]] == [True]
        assert client.get(f"/access/sessions/{sid}/").status_code == 404
        assert client.delete(f"/access/sessions/{sid}/").status_code == 404
        assert client.delete("/access/sessions/").json() == {"ended": 1}
        assert theirs.opens == 200

    def test_leaves_out_what_is_over(self, ann):
        pairs = [log_in() for _ in range(4)]
        ended, expired, idle, _going_on = TokenSession.objects.order_by("pk")
        service.end(TokenSession.objects.filter(pk=ended.pk), reason="test", by=Actor.command("test"))
        TokenSession.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
        RefreshToken.objects.filter(session=idle).update(created_at=timezone.now() - timedelta(days=15))
        rows = bearer(pairs[3].access).get("/access/sessions/").json()["results"]
        assert [row["current"] for row in rows] == [True]

    def test_a_refreshed_session_is_listed_once(self, ann):
        pair = log_in()
        for _ in range(3):
            pair = refresh(pair.refresh)
        assert len(bearer(pair.access).get("/access/sessions/").json()["results"]) == 1

    def test_an_api_key_sees_none_and_ends_none(self, ann, make_key, client_of):
        pair = log_in()
        client = client_of(make_key(ann, "docs:read"))
        assert client.get("/access/sessions/").json()["results"] == []
        assert client.delete("/access/sessions/").json() == {"ended": 0}
        assert pair.opens == 200


class TestBound:
    def test_beyond_it_the_oldest_ends_with_an_event(self, ann, api_access):
        api_access(SESSIONS_PER_USER=2)
        pairs = [log_in() for _ in range(3)]
        assert [pair.opens for pair in pairs] == [401, 200, 200]
        assert refreshed(pairs[0].refresh).status_code == 400
        assert "SESSIONS_PER_USER" in Event.objects.get(action="session.ended").reason

    def test_what_is_over_does_not_count(self, ann, api_access):
        api_access(SESSIONS_PER_USER=2)
        first = log_in()
        log_in()
        TokenSession.objects.filter(pk=TokenSession.objects.latest("pk").pk).update(expires_at=timezone.now())
        log_in()
        assert first.opens == 200

    def test_another_users_sessions_do_not_count(self, ann, make_user, api_access):
        make_user("bob", "docs:read")
        api_access(SESSIONS_PER_USER=1)
        first = log_in()
        log_in("bob")
        assert first.opens == 200


class TestEvents:
    def test_begin_and_end_leave_a_line_each(self, ann):
        pair = log_in(device="Ann's phone", address="203.0.113.5")
        session = TokenSession.objects.get()
        begun = Event.objects.get(action="session.begun")
        assert (begun.actor_label, begun.address, begun.target_id) == ("ann", "203.0.113.5", str(session.pk))
        assert begun.details["device"] == "Ann's phone"
        refresh(pair.refresh)
        assert list(Event.objects.filter(action__startswith="refresh")) == []

    def test_a_deleted_users_live_sessions_leave_a_line(self, ann):
        log_in()
        log_in()
        sid = TokenSession.objects.first().sid
        service.end(TokenSession.objects.filter(sid=sid), reason="test", by=Actor.command("test"))
        ann.delete()
        reasons = Event.objects.filter(action="session.ended").values_list("reason", flat=True)
        assert sorted(reasons) == ["deleted with what it belongs to", "test"]

    def test_a_device_name_cannot_forge_lines(self, ann):
        client = APIClient(HTTP_USER_AGENT="x\r\nadmin logged in\x1b[2J\u202e")
        client.post("/access/token/", {"username": "ann", "password": PASSWORD})
        assert TokenSession.objects.get().device == "xadmin logged in[2J"


def test_a_session_needs_a_reason_to_end(ann):
    from django_apiaccess.exceptions import InvalidChange

    pair = log_in()
    with pytest.raises(InvalidChange, match="Say why"):
        service.end(TokenSession.objects.all(), reason="  ", by=Actor.command("test"))
    assert pair.opens == 200


def test_a_password_that_changes_between_the_check_and_the_session_opens_nothing(ann):
    """The session is marked with the password that was checked."""
    checked = User.objects.get(pk=ann.pk)
    change_password(ann)
    proof = service.Proof(("pwd",), "aal1", timezone.now())
    tokens = service.begin(checked, proof=proof, where=Where(), scopes=frozenset({"docs:read"}))
    assert bearer(tokens.access_token).get(PATH).status_code == 401
