"""A client that comes into other hands: people are asked again, and nobody gets hold of what may do more than they."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from django_apiaccess.contrib.oauth import client_secrets, clients, consents
from django_apiaccess.contrib.oauth.models import Consent, OAuthClient
from django_apiaccess.events.source import Actor, Where
from django_apiaccess.exceptions import NotHeld
from django_apiaccess.keys.accounts import create_service_account
from django_apiaccess.roles import service as roles
from tests.adminkit import text_of

from .flow import CALLBACK, Pkce, allow, browser, returned, tokens_for, url

pytestmark = pytest.mark.django_db
OTHER = "https://other.example/cb"
JWKS = {"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
HANDS: dict[str, dict[str, Any]] = {
    "redirect_uris": {"redirect_uris": [CALLBACK, OTHER]},
    "grant_types": {"grant_types": ["authorization_code"]},
    "auth_method": {"auth_method": "client_secret_post"},
    "jwks": {"auth_method": "private_key_jwt", "jwks": JWKS},
    "jwks_uri": {"auth_method": "private_key_jwt", "jwks_uri": "https://other.example/jwks"},
}


@pytest.fixture
def sam(make_user: Any) -> Actor:
    """An administrator of clients who holds all that ann's may ask for, and no more."""
    return Actor.of_user(make_user("sam", "docs:read", "docs:write"))


@pytest.fixture
def account(make_user: Any, operator: Any) -> Any:
    """A service account that holds what sam does."""
    found = create_service_account(name="robot", owner=make_user("olga"), purpose="x", by=operator)
    roles.grant(user=found.user, scope="docs:read", by=operator)
    return found


def asked(ann: Any, registered: Any, **more: Any) -> str:
    """What ann's browser comes back with, unasked: a code, or an error."""
    answer = returned(browser(ann).get(url(registered, Pkce(), prompt="none", **more)))
    return "code" if "code" in answer else answer["error"]


class TestConsents:
    @pytest.mark.parametrize("field", HANDS)
    @pytest.mark.parametrize("by", ["sam", "operator"])
    def test_what_people_allowed_before_is_asked_again_when_the_client_comes_into_other_hands(
        self, request: Any, ann: Any, confidential: Any, field: str, by: str
    ) -> None:
        tokens_for(ann, confidential)
        assert asked(ann, confidential) == "code"
        clients.change(confidential.client, by=request.getfixturevalue(by), **HANDS[field])
        assert asked(ann, confidential) == "consent_required"

    def test_no_code_goes_to_where_a_lesser_administrator_says(self, ann: Any, sam: Actor, confidential: Any) -> None:
        tokens_for(ann, confidential)
        clients.change(confidential.client, by=sam, redirect_uris=[OTHER])
        assert asked(ann, confidential, redirect_uri=OTHER) == "consent_required"
        shown = browser(ann).get(url(confidential, Pkce(), redirect_uri=OTHER))
        assert shown.status_code == 200
        assert "other.example" in text_of(shown)

    def test_also_where_the_change_was_undone_before_anybody_came(
        self, ann: Any, sam: Actor, confidential: Any
    ) -> None:
        tokens_for(ann, confidential)
        for uris in ([OTHER], [CALLBACK]):
            clients.change(confidential.client, by=sam, redirect_uris=uris)
        assert asked(ann, confidential) == "consent_required"

    def test_who_allows_it_again_is_spared_again(self, ann: Any, sam: Actor, confidential: Any) -> None:
        tokens_for(ann, confidential)
        clients.change(confidential.client, by=sam, redirect_uris=[CALLBACK, OTHER])
        assert "code" in returned(allow(browser(ann), url(confidential, Pkce())))
        assert asked(ann, confidential) == "code"
        assert Consent.objects.count() == 1

    def test_what_was_allowed_before_and_not_again_does_not_come_back(
        self, ann: Any, sam: Actor, confidential: Any
    ) -> None:
        tokens_for(ann, confidential, scope="docs:read docs:write")
        clients.change(confidential.client, by=sam, redirect_uris=[CALLBACK, OTHER])
        allow(browser(ann), url(confidential, Pkce(), scope="docs:read"))
        assert asked(ann, confidential, scope="docs:read") == "code"
        assert asked(ann, confidential, scope="docs:read docs:write") == "consent_required"

    def test_who_allows_it_while_it_changes_hands_brings_nothing_old_back(
        self, ann: Any, sam: Actor, confidential: Any
    ) -> None:
        tokens_for(ann, confidential, scope="docs:read docs:write")
        read_before = OAuthClient.objects.get()
        clients.change(confidential.client, by=sam, redirect_uris=[CALLBACK, OTHER])
        consents.give(read_before, ann, scopes=frozenset({"docs:read"}), resource="", where=Where())
        assert asked(ann, confidential, scope="docs:read docs:write") == "consent_required"

    @pytest.mark.parametrize(
        "fields", [{"name": "Library"}, {"session_lifetime": timedelta(days=3)}, {"redirect_uris": [CALLBACK]}]
    )
    def test_what_gives_no_control_asks_nobody(self, ann: Any, sam: Actor, confidential: Any, fields: Any) -> None:
        tokens_for(ann, confidential)
        clients.change(confidential.client, by=sam, **fields)
        assert asked(ann, confidential) == "code"

    def test_a_secret_that_a_lesser_administrator_learned_asks_again_and_an_operators_rotation_does_not(
        self, ann: Any, sam: Actor, operator: Any, confidential: Any, make_user: Any
    ) -> None:
        tokens_for(ann, confidential)
        client_secrets.rotate(confidential.client, by=operator)
        client_secrets.rotate(confidential.client, by=Actor.of_user(make_user("root", is_superuser=True)))
        assert asked(ann, confidential) == "code"
        client_secrets.rotate(confidential.client, by=sam)
        assert asked(ann, confidential) == "consent_required"


class TestServiceAccounts:
    def attach(self, by: Actor, account: Any) -> Any:
        return clients.create(
            by=by, name="x", grant_types=["client_credentials"], scopes=["docs:read"], service_account=account
        )

    def test_a_new_client_cannot_speak_for_an_account_with_a_role_that_its_maker_lacks(
        self, sam: Actor, account: Any, operator: Any, make_role: Any
    ) -> None:
        make_role("treasurer")
        roles.grant(user=account.user, role="treasurer", by=operator)
        with pytest.raises(NotHeld, match="treasurer"):
            self.attach(sam, account)
        account.user.is_active = False
        account.user.save()
        with pytest.raises(NotHeld, match="treasurer"):
            self.attach(sam, account)
        assert not OAuthClient.objects.exists()
        roles.grant(user=sam.user, role="treasurer", by=operator)
        account.user.is_active = True
        account.user.save()
        assert self.attach(Actor.of_user(type(sam.user).objects.get(pk=sam.user.pk)), account).secret

    def test_nor_is_its_secret_rotated_by_them_nor_an_old_client_given_it(
        self, sam: Actor, account: Any, operator: Any, make_role: Any, confidential: Any
    ) -> None:
        made = self.attach(sam, account)
        client_secrets.rotate(made.client, by=sam)
        make_role("treasurer")
        roles.grant(user=account.user, role="treasurer", by=operator)
        with pytest.raises(NotHeld, match="treasurer"):
            client_secrets.rotate(made.client, by=sam)
        clients.change(made.client, by=operator, service_account=None, grant_types=["token_exchange"])
        with pytest.raises(NotHeld, match="treasurer"):
            clients.change(confidential.client, by=sam, service_account=account)


class TestLoosening:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({"is_active": False}, {"is_active": True}),
            ({"dpop_required": True}, {"dpop_required": False}),
            ({"par_required": True}, {"par_required": False}),
            ({}, {"audiences": ["https://files.example/"]}),
        ],
        ids=lambda fields: next(iter(fields), ""),
    )
    def test_of_a_client_that_may_do_more_than_they_nobody_loosens_anything(
        self, make_user: Any, sam: Actor, register: Any, operator: Any, before: Any, after: Any
    ) -> None:
        row = clients.change(register().client, by=operator, **before)
        less = Actor.of_user(make_user("less", "docs:read"))
        with pytest.raises(NotHeld, match="docs:write"):
            clients.change(row, by=less, **after)
        row.refresh_from_db()
        clients.change(row, by=sam, **after)

    def test_anybody_who_may_change_it_tightens_it(self, make_user: Any, confidential: Any) -> None:
        less = Actor.of_user(make_user("less"))
        clients.change(confidential.client, by=less, dpop_required=True, par_required=True, is_active=False)

    @pytest.mark.parametrize("how", ["new", "change", "rotate"])
    def test_who_may_not_inspect_tokens_gets_no_client_that_may(
        self, sam: Actor, register: Any, operator: Any, how: str
    ) -> None:
        row = register(may_introspect=how == "rotate", audiences=["https://files.example/"]).client

        def attempt() -> Any:
            if how == "new":
                return clients.create(by=sam, name="x", may_introspect=True, auth_method="client_secret_basic")
            if how == "change":
                return clients.change(row, by=sam, may_introspect=True)
            return client_secrets.rotate(row, by=sam)

        with pytest.raises(NotHeld, match="tokens:introspect"):
            attempt()
        row.refresh_from_db()
        roles.grant(user=sam.user, scope="tokens:introspect", by=operator)
        assert attempt()


def test_the_moment_is_not_one_that_anybody_sets(confidential: Any, operator: Any) -> None:
    with pytest.raises(TypeError):
        clients.change(confidential.client, by=operator, controlled_at=timezone.now())
