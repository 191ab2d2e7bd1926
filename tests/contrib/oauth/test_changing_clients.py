"""A client that changes: by the command, and what its tokens do at the next request."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_apiaccess.contrib.oauth import clients
from django_apiaccess.contrib.oauth.models import OAuthClient
from django_apiaccess.events.models import Event
from django_apiaccess.keys.accounts import create_service_account
from django_apiaccess.roles import service as roles
from django_apiaccess.tokens.models import TokenSession

from .flow import CALLBACK, TOKEN, Pkce, code_for, exchange, opens, post, refresh, tokens_for

pytestmark = pytest.mark.django_db
BOTH = "docs:read docs:write"


def update(client: Any, *arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("update_oauth_client", client.client_id, *arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def writes(token: str) -> int:
    """200 where the token may write a document: an empty form is then all that is wrong."""
    status = Client().post("/documents/", HTTP_AUTHORIZATION=f"Bearer {token}").status_code
    return 200 if status == 400 else status


class TestTheCommand:
    def test_only_what_is_named_changes(self, confidential: Any) -> None:
        row = confidential.client
        told = json.loads(update(row, "--name", "Library", "--dpop-required", format="json"))
        assert (told["name"], told["dpop_required"], told["client_id"]) == ("Library", True, row.client_id)
        row.refresh_from_db()
        assert (row.name, row.dpop_required, row.redirect_uris) == ("Library", True, CALLBACK)
        update(row, "--no-dpop-required")
        row.refresh_from_db()
        assert not row.dpop_required
        assert Event.objects.filter(action="oauth_client.changed").count() == 2

    def test_lists_are_replaced_added_to_and_taken_from(self, confidential: Any) -> None:
        row = confidential.client
        update(row, "--add-redirect-uri", "https://new.example/cb", "--remove-scope", "docs:write", "email")
        row.refresh_from_db()
        assert row.redirect_uris.split() == [CALLBACK, "https://new.example/cb"]
        assert row.scopes == {"docs:read", "openid", "profile"}
        update(row, "--redirect-uri", "https://only.example/cb", "--grant", "authorization_code")
        row.refresh_from_db()
        assert (row.redirect_uris, row.grant_types) == ("https://only.example/cb", "authorization_code")

    def test_lifetimes_are_set_and_taken_back(self, confidential: Any) -> None:
        row = confidential.client
        update(row, "--access-token-lifetime", "5m", "--session-lifetime", "30d")
        row.refresh_from_db()
        assert (row.access_token_lifetime, row.session_lifetime) == (timedelta(minutes=5), timedelta(days=30))
        update(row, "--access-token-lifetime", "none")
        row.refresh_from_db()
        assert row.access_token_lifetime is None

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ([], "what to change"),
            (["--scope", "docs:raed"], "docs:read"),
            (["--remove-scope", "docs:wirte"], "docs:write"),
            (["--remove-redirect-uri", "https://app.example/calback"], CALLBACK),
            (["--add-redirect-uri", "http://evil.example/"], "https"),
            (["--redirect-uri", "https://a.example/", "--add-redirect-uri", "https://b.example/"], "leave out"),
            (["--grant", "pasword"], "Grants:"),
            (["--session-lifetime", "5 minutes"], "Did you mean '5m'"),
            (["--owner", "nobdy"], "nobody"),
            (["--service-account", "rbot"], "robot"),
            (["--public", "--trusted"], "trusted"),
            (["--audience", "https://file.example/"], "https://files.example/"),
            (["--default-scope", "docs:delete"], "among its scopes"),
            (["--jwks", "/nonexistent"], "cannot be read"),
        ],
    )
    def test_what_does_not_fit_is_an_error_and_changes_nothing(
        self, make_user: Any, operator: Any, confidential: Any, arguments: list[str], told: str
    ) -> None:
        create_service_account(name="robot", owner=make_user("nobody"), purpose="x", by=operator)
        before = clients.described(OAuthClient.objects.get())
        with pytest.raises(CommandError, match=told.replace("?", r"\?")):
            update(confidential.client, *arguments)
        assert clients.described(OAuthClient.objects.get()) == before
        assert not Event.objects.filter(action="oauth_client.changed").exists()

    def test_an_unknown_client_is_named_with_the_nearest(self, confidential: Any) -> None:
        with pytest.raises(CommandError, match="Reader"):
            call_command("update_oauth_client", "Raeder", name="x", stderr=StringIO())


class TestWhatFollows:
    def test_a_client_that_lost_a_scope_has_tokens_that_lost_it_at_the_next_request(
        self, ann: Any, confidential: Any
    ) -> None:
        tokens = tokens_for(ann, confidential, scope=BOTH)
        assert writes(tokens["access_token"]) == opens(tokens["access_token"]) == 200
        update(confidential.client, "--remove-scope", "docs:write")
        assert (opens(tokens["access_token"]), writes(tokens["access_token"])) == (200, 403)
        renewed = refresh(confidential, tokens["refresh_token"]).json()
        assert renewed["scope"] == "docs:read"
        assert writes(renewed["access_token"]) == 403

    def test_a_scope_given_back_does_not_come_back_to_old_tokens(self, ann: Any, confidential: Any) -> None:
        tokens = tokens_for(ann, confidential, scope=BOTH)
        update(confidential.client, "--remove-scope", "docs:write")
        update(confidential.client, "--add-scope", "docs:write")
        assert writes(tokens["access_token"]) == 403

    def test_a_token_remembered_by_a_worker_loses_the_scope_too(
        self, ann: Any, confidential: Any, settings: Any
    ) -> None:
        settings.API_ACCESS = {**settings.API_ACCESS, "CACHE_SECONDS": 60, "GENERATION_SECONDS": 0}
        tokens = tokens_for(ann, confidential, scope=BOTH)
        assert writes(tokens["access_token"]) == 200
        update(confidential.client, "--remove-scope", "docs:write")
        assert writes(tokens["access_token"]) == 403

    def test_what_was_exchanged_for_a_narrowed_token_is_narrowed(
        self, ann: Any, confidential: Any, register: Any
    ) -> None:
        other = register(name="Relay", grant_types=["token_exchange"], redirect_uris=[])
        tokens = tokens_for(ann, confidential, scope=BOTH)
        kind = "urn:ietf:params:oauth:token-type:access_token"
        grant = "urn:ietf:params:oauth:grant-type:token-exchange"
        data = {"grant_type": grant, "subject_token": tokens["access_token"], "subject_token_type": kind}
        relayed = post(TOKEN, data, other).json()["access_token"]
        assert writes(relayed) == 200
        update(confidential.client, "--remove-scope", "docs:write")
        assert (opens(relayed), writes(relayed)) == (200, 403)

    def test_a_code_that_is_on_its_way_is_worth_nothing_after_a_narrowing(self, ann: Any, confidential: Any) -> None:
        pkce = Pkce()
        code = code_for(ann, confidential, pkce, scope=BOTH)
        update(confidential.client, "--remove-scope", "docs:write")
        assert exchange(confidential, code, pkce).status_code == 400

    def test_a_code_for_a_place_that_was_taken_away_is_worth_nothing(self, ann: Any, confidential: Any) -> None:
        pkce = Pkce()
        code = code_for(ann, confidential, pkce)
        update(confidential.client, "--redirect-uri", "https://new.example/cb")
        assert exchange(confidential, code, pkce).status_code == 400

    def test_a_deactivated_client_is_refused_at_the_next_request_and_stays_so(
        self, ann: Any, confidential: Any
    ) -> None:
        tokens = tokens_for(ann, confidential)
        update(confidential.client, "--deactivate")
        assert opens(tokens["access_token"]) == 401
        assert refresh(confidential, tokens["refresh_token"]).status_code == 401
        update(confidential.client, "--activate")
        assert opens(tokens["access_token"]) == 401
        assert refresh(confidential, tokens["refresh_token"]).status_code == 400
        assert tokens_for(ann, confidential)

    def test_a_deactivation_that_was_cut_short_is_done_anew(self, ann: Any, confidential: Any) -> None:
        """The process died between the client's row and the sessions: saying it again ends them."""
        tokens = tokens_for(ann, confidential)
        OAuthClient.objects.update(is_active=False)
        update(confidential.client, "--deactivate")
        assert opens(tokens["access_token"]) == 401

    def test_a_client_that_proves_nothing_any_more_keeps_no_session(self, ann: Any, confidential: Any) -> None:
        """Its refresh tokens were worth nothing without its secret: they must not become worth something."""
        tokens = tokens_for(ann, confidential)
        update(confidential.client, "--public")
        assert opens(tokens["access_token"]) == 401
        body = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert post(TOKEN, {**body, "client_id": confidential.client.client_id}).status_code == 400

    def test_sessions_for_a_resource_that_was_taken_away_end_and_others_stay(self, ann: Any, register: Any) -> None:
        made = register(audiences=["https://files.example/", "https://mail.example/"])
        lost = tokens_for(ann, made, resource="https://files.example/")
        kept = tokens_for(ann, made)
        update(made.client, "--remove-audience", "https://files.example/")
        assert refresh(made, lost["refresh_token"]).status_code == 400
        assert opens(kept["access_token"]) == 200

    def test_a_shorter_life_reaches_sessions_that_there_are(self, ann: Any, confidential: Any) -> None:
        tokens_for(ann, confidential)
        session = TokenSession.objects.get()
        update(confidential.client, "--session-lifetime", "1h")
        session.refresh_from_db()
        assert session.expires_at - session.created_at == timedelta(hours=1)

    def test_sessions_of_other_clients_stay_as_they_are(self, ann: Any, confidential: Any, public: Any) -> None:
        tokens = tokens_for(ann, public, scope=BOTH)
        update(confidential.client, "--remove-scope", "docs:write")
        update(confidential.client, "--deactivate")
        assert writes(tokens["access_token"]) == 200

    def test_a_client_narrowed_while_it_asks_as_itself_gets_nothing(
        self, make_user: Any, operator: Any, register: Any, monkeypatch: Any
    ) -> None:
        account = create_service_account(name="robot", owner=make_user("boss"), purpose="x", by=operator)
        for scope in ("docs:read", "docs:write"):
            roles.grant(user=account.user, scope=scope, by=operator)
        made = register(
            grant_types=["client_credentials"], redirect_uris=[], scopes=BOTH.split(), service_account=account
        )
        from django_apiaccess.contrib.oauth import granting

        read = granting.requested_scopes

        def narrowed_meanwhile(client: Any, wanted: Any) -> Any:
            found = read(client, wanted)
            OAuthClient.objects.update(scopes=frozenset({"docs:read"}))
            return found

        monkeypatch.setattr(granting, "requested_scopes", narrowed_meanwhile)
        answer = post(TOKEN, {"grant_type": "client_credentials"}, made)
        assert answer.status_code == 401
        assert not TokenSession.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestWithSessionsInTheSharedCache:
    """The same where workers take sessions from the cache (STATELESS_SECONDS)."""

    @pytest.fixture(autouse=True)
    def _stateless(self, settings: Any) -> Any:
        settings.CACHES = {**settings.CACHES, "shared": {"BACKEND": "tests.testapp.caches.SharedInTests"}}
        settings.API_ACCESS = {**settings.API_ACCESS, "SHARED_CACHE": "shared", "STATELESS_SECONDS": 300}
        yield
        caches["shared"].clear()

    def test_a_narrowed_clients_tokens_are_narrow_and_a_deactivated_ones_refused_at_once(
        self, ann: Any, confidential: Any
    ) -> None:
        access = tokens_for(ann, confidential, scope=BOTH)["access_token"]
        assert [writes(access), writes(access)] == [200, 200]
        with CaptureQueriesContext(connection) as seen:
            assert opens(access) == 200
        assert len(seen) == 0
        update(confidential.client, "--remove-scope", "docs:write")
        assert [opens(access), writes(access), writes(access)] == [200, 403, 403]
        update(confidential.client, "--deactivate")
        assert [opens(access), opens(access)] == [401, 401]
