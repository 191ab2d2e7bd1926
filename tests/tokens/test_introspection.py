"""Introspection (RFC 7662): what is not active says only that, and only those with the scope may ask."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.core.secrets import make_key as make_text
from django_apiaccess.models import RefreshToken, TokenSession

from .people import bearer, log_in, refresh

pytestmark = pytest.mark.django_db
URL = "/access/token/introspect/"
ONLY_INACTIVE = {"active": False}


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read", "docs:write")


@pytest.fixture
def server(make_user, make_key, client_of):
    """A resource server with a key that may ask."""
    return client_of(make_key(make_user("server", "tokens:introspect"), "tokens:introspect"))


@pytest.fixture
def ask(server):
    def call(text, **fields):
        answer = server.post(URL, {"token": text, **fields})
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
        return answer.json()

    return call


def test_an_access_token_says_what_it_is_good_for(ann, ask):
    pair = log_in(scope="docs:read")
    session = TokenSession.objects.get()
    answer = ask(pair.access)
    assert answer.pop("exp") > timezone.now().timestamp()
    assert answer.pop("auth_time") == int(session.auth_time.timestamp())
    assert answer == {
        "active": True,
        "scope": "docs:read",
        "client_id": "first-party",
        "username": "ann",
        "token_type": "Bearer",
        "sub": str(ann.pk),
        "iss": "urn:django-apiaccess",
        "aud": "urn:django-apiaccess",
        "sid": session.sid,
        "amr": ["pwd"],
        "acr": "aal1",
    }


def test_the_scope_is_what_is_effective_now(ann, ask, operator):
    from django_apiaccess.models import Grant
    from django_apiaccess.roles import service as roles

    pair = log_in(scope="docs:write")
    assert ask(pair.access)["scope"].split() == ["docs:read", "docs:write"]
    roles.ungrant(Grant.objects.filter(user=ann, scope__name="docs:write"), by=operator)
    assert ask(pair.access)["scope"] == "docs:read"


def test_a_refresh_token_says_until_when_it_is_good(ann, ask):
    pair = log_in(scope="docs:read")
    answer = ask(pair.refresh, token_type_hint="refresh_token")
    assert answer["active"] is True
    assert (answer["username"], answer["sub"], answer["scope"]) == ("ann", str(ann.pk), "docs:read")
    assert abs(answer["exp"] - (timezone.now() + timedelta(days=14)).timestamp()) < 60
    TokenSession.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    assert abs(ask(pair.refresh)["exp"] - (timezone.now() + timedelta(hours=1)).timestamp()) < 60


def test_a_used_refresh_token_is_inactive_and_asking_ends_nothing(ann, ask):
    pair = log_in()
    second = refresh(pair.refresh)
    assert ask(pair.refresh) == ONLY_INACTIVE
    assert second.opens == 200
    assert refresh(second.refresh).opens == 200


def test_asking_uses_nothing_up(ann, ask):
    pair = log_in()
    for _ in range(3):
        assert ask(pair.refresh)["active"] is True
    assert refresh(pair.refresh).opens == 200


@pytest.mark.parametrize("text", ["nonsense", "a.b.c", "x", "rt_", "..", "x" * 8192, "\u00e4.\u00f6.\u00fc"])
def test_what_is_no_token_is_inactive(server, ask, text):
    assert ask(text) == ONLY_INACTIVE


def test_unknown_forged_and_other_credentials_are_inactive(ann, ask, make_key):
    pair = log_in()
    head, body, signature = pair.access.split(".")
    for text in (
        make_text("rt").text,
        f"{head}.{body}.{signature[::-1]}",
        f"{head}.{body[:-4]}AAAA.{signature}",
        make_key(ann, "docs:read").text,
    ):
        assert ask(text) == ONLY_INACTIVE


def test_expired_ones_are_inactive(ann, ask):
    pair = log_in()
    RefreshToken.objects.update(created_at=timezone.now() - timedelta(days=14))
    assert ask(pair.refresh) == ONLY_INACTIVE
    TokenSession.objects.update(expires_at=timezone.now())
    assert ask(pair.access) == ONLY_INACTIVE


def test_a_token_of_another_issuer_is_inactive(ann, ask, settings):
    pair = log_in()
    settings.API_ACCESS = {**settings.API_ACCESS, "ISSUER": "https://elsewhere.example"}
    assert ask(pair.access) == ONLY_INACTIVE


@pytest.mark.parametrize("scopes", [["docs:read"], []])
def test_without_the_scope_nobody_is_told(ann, make_key, client_of, scopes):
    pair = log_in()
    answer = client_of(make_key(ann, *scopes)).post(URL, {"token": pair.access})
    assert (answer.status_code, answer.json()["required"]) == (403, ["tokens:introspect"])
    assert answer["Cache-Control"] == "no-store"


def test_without_a_credential_nobody_is_told(ann):
    answer = APIClient().post(URL, {"token": log_in().access})
    assert answer.status_code == 401
    assert answer["Cache-Control"] == "no-store"


def test_a_token_does_not_let_its_holder_ask(ann):
    pair = log_in()
    assert bearer(pair.access).post(URL, {"token": pair.access}).status_code == 403


def test_only_post(ann, server):
    for method in ("get", "put", "patch", "delete"):
        assert getattr(server, method)(f"{URL}?token={log_in().access}").status_code == 405


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": None}, [], {"token": ["x"]}])
def test_without_a_token_400(server, body):
    answer = server.post(URL, body)
    assert answer.status_code == 400
    assert answer["Cache-Control"] == "no-store"


def test_in_the_form_that_the_standard_names(ann, server):
    answer = server.post(URL, f"token={log_in().access}", content_type="application/x-www-form-urlencoded")
    assert answer.json()["active"] is True


def test_asking_is_no_use_of_the_session(ann, ask):
    """The list of sessions would show the resource server's address as the person's."""
    from django_apiaccess.tokens.usage import usage

    pair = log_in()
    ask(pair.access)
    ask(pair.refresh)
    assert not usage.pending()


def test_what_was_inspected_is_in_no_event(ann, ask):
    from django_apiaccess.models import Event

    pair = log_in()
    ask(pair.access)
    ask(pair.access[:-3] + "AAA")
    kept = "".join(str(row) for row in Event.objects.values())
    assert pair.access.split(".")[1] not in kept
