"""knox's endpoints on API keys of ours. knox itself is not installed here."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

import pytest
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.test import override_settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework import serializers
from rest_framework.test import APIClient

from django_apiaccess.events.source import Actor
from django_apiaccess.keys import service as keys
from django_apiaccess.models import APIKey, Event, Grant

pytestmark = pytest.mark.django_db


class PersonSerializer(serializers.Serializer):
    username = serializers.CharField()


@pytest.fixture(autouse=True)
def _knox_urls(settings):
    settings.ROOT_URLCONF = "tests.contrib.knox_urls"


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read")


def login(name="ann", password="secret", **headers):
    basic = b64encode(f"{name}:{password}".encode()).decode()
    return APIClient().post("/api/auth/login/", **{"secure": True, "HTTP_AUTHORIZATION": f"Basic {basic}", **headers})


def with_token(text, scheme="Token"):
    return APIClient(headers={"authorization": f"{scheme} {text}"})


class TestLogin:
    def test_it_gives_a_token_that_opens_what_the_user_holds(self, ann):
        answer = login()
        assert (answer.status_code, set(answer.json())) == (200, {"expiry", "token"})
        assert answer["Cache-Control"] == "no-store"
        client = with_token(answer.json()["token"])
        assert client.get("/read-only/").status_code == 200
        assert client.get("/report/").status_code == 403
        assert with_token(answer.json()["token"], "token").get("/read-only/").status_code == 200

    def test_it_ends_after_ten_hours_or_as_the_setting_says(self, ann, settings):
        def hours():
            left = parse_datetime(login().json()["expiry"]) - timezone.now()
            return round(left / timedelta(hours=1), 2)

        assert hours() == 10
        settings.REST_KNOX = {"TOKEN_TTL": timedelta(hours=2)}
        assert hours() == 2
        settings.API_ACCESS = {**settings.API_ACCESS, "KEY_MAX_LIFETIME": "1h"}
        assert hours() == 1

    def test_without_a_ttl_it_does_not_end(self, ann, settings):
        settings.REST_KNOX = {"TOKEN_TTL": None}
        assert login().json()["expiry"] is None
        assert APIKey.objects.get().expires_at is None

    def test_the_answer_holds_the_user_and_the_format_that_the_settings_ask_for(self, ann, settings):
        settings.REST_KNOX = {"USER_SERIALIZER": f"{__name__}.PersonSerializer", "EXPIRY_DATETIME_FORMAT": "%Y"}
        answer = login().json()
        assert answer["user"] == {"username": "ann"}
        assert answer["expiry"].isdigit()

    def test_a_wrong_password_an_unknown_and_an_inactive_user_get_one_answer(self, ann, make_user):
        make_user("gone", "docs:read", is_active=False)
        answers = [login(password="wrong"), login("nobody"), login("gone")]
        assert {(answer.status_code, answer.content) for answer in answers} == {(401, answers[0].content)}
        assert not APIKey.objects.exists()

    def test_without_a_credential_it_asks_for_one(self, ann):
        assert APIClient().post("/api/auth/login/").status_code == 401

    def test_a_session_logs_in_with_its_csrf_token_alone(self, ann):
        browser = APIClient(enforce_csrf_checks=True)
        browser.force_login(ann)
        assert browser.post("/api/auth/login/").status_code == 403
        browser.get("/read-only/")
        relaxed = APIClient()
        relaxed.force_login(ann)
        assert relaxed.post("/api/auth/login/").status_code == 200

    def test_a_key_cannot_make_itself_another_one(self, ann, make_key):
        text = make_key(ann, "docs:read").text
        for scheme in ("Token", "Api-Key", "Bearer"):
            assert with_token(text, scheme).post("/api/auth/login/").status_code == 401
        assert APIKey.objects.count() == 1

    def test_basic_opens_nothing_else_by_it(self, ann):
        basic = b64encode(b"ann:secret").decode()
        assert APIClient(headers={"authorization": f"Basic {basic}"}).get("/read-only/").status_code == 401

    def test_the_limit_counts_living_log_ins_only(self, ann, settings, make_key):
        settings.REST_KNOX = {"TOKEN_LIMIT_PER_USER": 2}
        make_key(ann, "docs:read", name="printer")
        first = login().json()["token"]
        assert login().status_code == 200
        answer = login()
        assert (answer.status_code, answer.json()) == (
            403,
            {"error": "Maximum amount of tokens allowed per user exceeded."},
        )
        with_token(first).post("/api/auth/logout/")
        assert login().status_code == 200

    def test_who_holds_nothing_is_told_so(self, make_user):
        make_user("poor")
        assert (login("poor").status_code, login("poor").json()["code"]) == (403, "not_held")

    def test_what_is_granted_later_the_token_does_not_open(self, ann, operator):
        from django_apiaccess.roles import service as roles

        token = login().json()["token"]
        roles.grant(user=ann, scope="reports:read", by=operator)
        assert with_token(token).get("/report/").status_code == 403
        Grant.objects.filter(user=ann).delete()
        assert with_token(token).get("/read-only/").status_code == 403

    @pytest.mark.parametrize("require_tls", [True, False])
    def test_plain_http_is_refused_before_the_password_is_looked_at(self, ann, settings, require_tls):
        settings.API_ACCESS = {**settings.API_ACCESS, "REQUIRE_TLS": require_tls}
        for password in ("secret", "wrong"):
            answer = login(password=password, secure=False)
            assert (answer.status_code, answer.json()["code"]) == (403, "insecure_transport")
        assert not APIKey.objects.exists()

    def test_a_device_with_a_strange_name_logs_in(self, ann):
        assert login(HTTP_USER_AGENT="x\0\x1b[31m" + "y" * 500).status_code == 200
        assert APIKey.objects.get().name.startswith("knox login x")

    def test_the_receivers_of_django_hear_of_it(self, ann):
        heard = []

        def hear(signal, user, **_kwargs):
            heard.append((signal, user.pk))

        for signal in (user_logged_in, user_logged_out):
            signal.connect(hear)
        try:
            with_token(login().json()["token"]).post("/api/auth/logout/")
        finally:
            for signal in (user_logged_in, user_logged_out):
                signal.disconnect(hear)
        assert heard == [(user_logged_in, ann.pk), (user_logged_out, ann.pk)]


class TestLogout:
    def test_it_ends_this_token_and_no_other(self, ann):
        first, second = (login().json()["token"] for _ in range(2))
        answer = with_token(first).post("/api/auth/logout/")
        assert (answer.status_code, answer.content) == (204, b"")
        assert with_token(first).get("/read-only/").status_code == 401
        assert with_token(second).get("/read-only/").status_code == 200
        assert Event.objects.filter(action="key.revoked", actor_label="ann").count() == 1

    def test_everywhere_ends_all_log_ins_of_this_user_and_no_other_key(self, ann, make_user, make_key):
        make_user("ben", "docs:read")
        mine = [login().json()["token"] for _ in range(2)]
        theirs, printer = login("ben").json()["token"], make_key(ann, "docs:read", name="printer").text
        assert with_token(mine[0]).post("/api/auth/logoutall/").status_code == 204
        assert [with_token(text).get("/read-only/").status_code for text in (*mine, theirs, printer)] == [
            401,
            401,
            200,
            200,
        ]

    @pytest.mark.parametrize("path", ["logout", "logoutall"])
    def test_a_key_that_is_no_log_in_ends_none(self, ann, make_key, path):
        token, printer = login().json()["token"], make_key(ann, "docs:read", name="printer").text
        assert with_token(printer).post(f"/api/auth/{path}/").status_code == 403
        assert [with_token(text).get("/read-only/").status_code for text in (token, printer)] == [200, 200]

    @pytest.mark.parametrize("path", ["logout", "logoutall"])
    def test_without_a_token_it_ends_nothing(self, ann, path):
        token = login().json()["token"]
        assert APIClient().post(f"/api/auth/{path}/").status_code == 401
        browser = APIClient()
        browser.force_login(ann)
        assert browser.post(f"/api/auth/{path}/").status_code == 401
        assert APIClient().get(f"/api/auth/{path}/").status_code in {401, 405}
        assert with_token(token).get("/read-only/").status_code == 200


def test_a_ttl_that_is_none_is_told(ann, settings):
    from django.core.exceptions import ImproperlyConfigured

    with override_settings(REST_KNOX={"TOKEN_TTL": 36000}), pytest.raises(ImproperlyConfigured, match="TOKEN_TTL"):
        login()


def test_log_ins_are_keys_that_an_operator_sees_and_revokes(ann):
    token = login().json()["token"]
    keys.revoke(APIKey.objects.get(), reason="lost", by=Actor.command("test"))
    assert with_token(token).get("/read-only/").status_code == 401
