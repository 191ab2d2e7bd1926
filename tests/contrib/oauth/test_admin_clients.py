"""Clients made, changed and rotated in the admin: within the person's own rights, their secret seen once."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.urls import reverse

from django_apiaccess.contrib.oauth import client_secrets, clients
from django_apiaccess.contrib.oauth.models import ClientSecret, OAuthClient
from django_apiaccess.events.models import Event
from django_apiaccess.keys.accounts import create_service_account
from tests.adminkit import text_of, used_form

from .flow import CALLBACK, TOKEN, post

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"cs_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}")
DATA = {
    "name": "Reading list",
    "auth_method": "client_secret_basic",
    "grant_types": ["authorization_code", "refresh_token"],
    "redirect_uris": CALLBACK,
    "scopes": ["docs:read", "openid"],
}
ALL = ("view_oauthclient", "add_oauthclient", "change_oauthclient", "rotate_oauthclient")


def page(view: str, *args: Any) -> str:
    return reverse(f"admin:django_apiaccess_oauth_oauthclient_{view}", args=args)


@pytest.fixture
def sam(make_user: Any, client: Any) -> Any:
    """Somebody of the staff who may do everything with clients, and holds one scope."""
    user = make_user("sam", "docs:read", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=ALL))
    client.force_login(user)
    return user


@pytest.fixture
def root(make_user: Any, client: Any) -> Any:
    user = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def add(client: Any, **fields: Any) -> Any:
    return client.post(page("add"), {**DATA, "apiaccess_form": used_form(client, page("add")), **fields})


def change(client: Any, row: OAuthClient, **fields: Any) -> Any:
    shown = client.get(page("change", row.pk))
    form = shown.context["adminform"].form
    data: dict[str, Any] = {}
    for name, field in form.fields.items():
        value = field.prepare_value(form.get_initial_for_field(field, name))
        if value is True or (value not in (None, False, "")):
            data[name] = sorted(value) if isinstance(value, frozenset) else value
    data |= fields
    return client.post(page("change", row.pk), {name: value for name, value in data.items() if value is not None})


def errors(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200
    found: dict[str, Any] = answer.context["adminform"].form.errors
    assert found
    return found


class TestAdding:
    def test_a_client_is_made_and_its_secret_shown_in_this_one_answer(self, client: Any, sam: Any) -> None:
        answer = add(client)
        secret = SECRET.findall(text_of(answer))[0]
        made = OAuthClient.objects.get()
        assert "no-store" in answer["Cache-Control"]
        assert made.client_id in text_of(answer)
        assert client_secrets.check(made.client_id, secret)[0] == made
        assert not SECRET.search(text_of(client.get(page("change", made.pk))))
        told = [json.dumps(event.details) for event in Event.objects.all()]
        kept = [str(session.get_decoded()) for session in Session.objects.all()]
        assert not any(secret[-49:] in text for text in [*told, *kept])
        assert Event.objects.get(action="oauth_client.created").actor_label == "sam"

    def test_the_same_form_twice_makes_one_client(self, client: Any, sam: Any) -> None:
        form = used_form(client, page("add"))
        first = client.post(page("add"), {**DATA, "apiaccess_form": form})
        second = client.post(page("add"), {**DATA, "apiaccess_form": form})
        assert SECRET.search(text_of(first))
        assert second.status_code == 302
        assert OAuthClient.objects.count() == ClientSecret.objects.count() == 1

    def test_a_public_client_has_no_secret_to_show(self, client: Any, sam: Any) -> None:
        answer = add(client, auth_method="none")
        assert answer.status_code == 302
        assert OAuthClient.objects.get().is_public
        assert not ClientSecret.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "field", "told"),
        [
            ({"redirect_uris": "http://evil.example/cb"}, "redirect_uris", "use https"),
            ({"redirect_uris": "https://app.example/*"}, "redirect_uris", "wildcard"),
            ({"redirect_uris": "https://app.example/#x"}, "redirect_uris", "fragment"),
            ({"redirect_uris": "javascript:alert(1)"}, "redirect_uris", "no place to return to"),
            ({"redirect_uris": ""}, "redirect_uris", "redirect URI"),
            ({"auth_method": "none", "grant_types": ["client_credentials"]}, "grant_types", "public client"),
            ({"grant_types": ["client_credentials"]}, "service_account", "service account"),
            ({"auth_method": "private_key_jwt"}, "jwks", "public keys"),
            ({"auth_method": "private_key_jwt", "jwks": "{"}, "jwks", "JSON"),
            ({"access_token_lifetime": "5 minutes"}, "access_token_lifetime", "write 90d"),
            ({"access_token_lifetime": "0"}, "access_token_lifetime", "above 0"),
            ({"homepage": "http://app.example/"}, "homepage", "https://"),
            ({"logo_uri": "javascript:alert(1)"}, "logo_uri", "valid URL"),
            ({"scopes": ["docs:raed"]}, "scopes", "docs:read"),
            ({"default_scopes": ["openid"], "scopes": ["docs:read"]}, "default_scopes", "among its scopes"),
            ({"audiences": ["https://unknown.example/"]}, "audiences", "choice"),
        ],
    )
    def test_oa_02_what_does_not_fit_is_an_error_of_its_field_and_makes_nothing(
        self, client: Any, sam: Any, fields: Any, field: str, told: str
    ) -> None:
        assert told in str(errors(add(client, **fields))[field])
        assert not OAuthClient.objects.exists()

    def test_a_scope_that_the_person_does_not_hold_cannot_be_given(self, client: Any, sam: Any) -> None:
        assert "docs:write" in str(errors(add(client, scopes=["docs:write"]))["scopes"])
        assert Event.objects.get(action="change.refused").actor_label == "sam"
        assert not OAuthClient.objects.exists()

    def test_only_a_superuser_makes_a_client_that_asks_nobody(self, client: Any, sam: Any) -> None:
        assert "superuser" in str(errors(add(client, trusted="on"))["trusted"])
        assert not OAuthClient.objects.exists()

    def test_a_superuser_may(self, client: Any, root: Any) -> None:
        assert SECRET.search(text_of(add(client, trusted="on", scopes=["docs:write"])))
        assert OAuthClient.objects.get().trusted

    def test_everything_that_was_typed_is_kept(self, client: Any, root: Any, operator: Any) -> None:
        account = create_service_account(name="robot", owner=root, purpose="x", by=operator)
        add(
            client, description="Reads", owner=root.pk, homepage="app.example/", policy_uri="https://app.example/privacy",
            tos_uri="https://app.example/terms", logo_uri="https://app.example/logo.png", auth_method="client_secret_post",
            grant_types=["client_credentials"], service_account=account.pk, audiences=["https://files.example/"],
            access_token_lifetime="5m", session_lifetime="30d", dpop_required="on", par_required="on", may_introspect="on",
            default_scopes=["docs:read"],
        )  # fmt: skip
        made = OAuthClient.objects.get()
        assert (made.homepage, made.policy_uri) == ("https://app.example/", "https://app.example/privacy")
        assert (made.access_token_lifetime, made.session_lifetime) == (timedelta(minutes=5), timedelta(days=30))
        assert (made.grant_types, made.audiences) == ("client_credentials", "https://files.example/")
        assert made.dpop_required
        assert made.par_required
        assert made.may_introspect
        assert (made.service_account, made.owner) == (account, root)
        shown = text_of(client.get(page("change", made.pk)))
        assert f'href="{reverse("admin:django_apiaccess_serviceaccount_change", args=[account.pk])}"' in shown
        assert f"user={account.user_id}" in shown  # where a role is given to it
        assert "Grants of robot" in shown

    @pytest.mark.parametrize("view", ["add", "change", "rotate", "off"])
    def test_each_page_asks_for_its_own_permission(
        self, client: Any, make_user: Any, confidential: Any, view: str
    ) -> None:
        needed = {"off": "change_oauthclient"}.get(view, f"{view}_oauthclient")
        args = () if view == "add" else (confidential.client.pk,)
        user = make_user("eve", is_staff=True)
        user.user_permissions.add(*Permission.objects.filter(codename__in={*ALL} - {needed}))
        client.force_login(user)
        assert client.post(page(view, *args), DATA).status_code == 403
        user.user_permissions.add(Permission.objects.get(codename=needed))
        assert client.get(page(view, *args)).status_code == 200


class TestChanging:
    def test_saving_what_is_there_writes_nothing(self, client: Any, sam: Any, register: Any) -> None:
        row = register(scopes=["docs:read"], access_token_lifetime=timedelta(minutes=5)).client
        before = Event.objects.count()
        assert change(client, row).status_code == 302
        row.refresh_from_db()
        assert row.access_token_lifetime == timedelta(minutes=5)
        assert Event.objects.count() == before

    def test_a_change_is_written_with_before_and_after(self, client: Any, sam: Any, register: Any) -> None:
        row = register(scopes=["docs:read"]).client
        assert change(client, row, name="Library", redirect_uris="https://new.example/cb").status_code == 302
        details = Event.objects.get(action="oauth_client.changed").details
        assert (details["before"]["name"], details["after"]["name"]) == ("Reader", "Library")
        row.refresh_from_db()
        assert row.redirect_uris == "https://new.example/cb"

    @pytest.mark.parametrize(
        "fields",
        [
            {"redirect_uris": "https://evil.example/cb"},
            {"auth_method": "client_secret_post"},
            {"grant_types": ["authorization_code"]},
            {"auth_method": "private_key_jwt", "jwks_uri": "https://evil.example/jwks"},
        ],
        ids=lambda fields: next(iter(fields)),
    )
    def test_nobody_takes_control_of_a_client_that_may_do_more_than_they(
        self, client: Any, sam: Any, confidential: Any, fields: Any
    ) -> None:
        """It may ask for docs:write, which sam does not hold: its codes must not go where sam says."""
        row = confidential.client
        assert "docs:write" in str(errors(change(client, row, **fields)))
        assert clients.named(row.client_id).redirect_uris == CALLBACK

    def test_what_gives_no_control_may_be_changed(self, client: Any, sam: Any, confidential: Any) -> None:
        assert change(client, confidential.client, description="Ours").status_code == 302
        assert OAuthClient.objects.get().description == "Ours"

    def test_nobody_but_a_superuser_touches_where_a_trusted_client_returns(
        self, client: Any, sam: Any, register: Any
    ) -> None:
        row = register(scopes=["docs:read"], trusted=True).client
        assert "superuser" in str(errors(change(client, row, redirect_uris="https://evil.example/cb")))

    def test_switching_off_by_the_box_refuses_the_client(self, client: Any, root: Any, confidential: Any) -> None:
        change(client, confidential.client, is_active=None)
        assert post(TOKEN, {"grant_type": "refresh_token", "refresh_token": "x"}, confidential).status_code == 401

    def test_who_may_only_look_sees_no_buttons(self, client: Any, make_user: Any, confidential: Any) -> None:
        user = make_user("eve", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_oauthclient"))
        client.force_login(user)
        shown = text_of(client.get(page("change", confidential.client.pk)))
        assert "docs:write" in shown
        for gone in ("/rotate/", "/off/", 'name="_save"', 'type="checkbox"', "/retire/"):
            assert gone not in shown


class TestSecrets:
    def rotate(self, client: Any, row: OAuthClient, grace: str = "24h", **fields: Any) -> Any:
        address = page("rotate", row.pk)
        return client.post(address, {"grace": grace, "apiaccess_form": used_form(client, address), **fields})

    def test_a_rotation_shows_the_new_secret_once_and_both_work(
        self, client: Any, root: Any, confidential: Any
    ) -> None:
        row = confidential.client
        answer = self.rotate(client, row)
        new = SECRET.findall(text_of(answer))[0]
        assert "no-store" in answer["Cache-Control"]
        for secret in (new, confidential.secret):
            assert client_secrets.check(row.client_id, secret)[0] == row
        shown = text_of(client.get(page("change", row.pk)))
        assert "in its grace" in shown
        assert "current" in shown
        assert not SECRET.search(shown)

    def test_a_replaced_secret_is_retired_before_its_end(self, client: Any, root: Any, confidential: Any) -> None:
        row = confidential.client
        new = SECRET.findall(text_of(self.rotate(client, row)))[0]
        old = ClientSecret.objects.get(retired_at__isnull=False)
        address = page("retire", row.pk, old.pk)
        assert client.get(address).status_code == 200
        assert client_secrets.check(row.client_id, confidential.secret)[0] == row
        assert client.post(address, {"reason_asked": "1", "reason": "leaked"}).status_code == 302
        assert client_secrets.check(row.client_id, confidential.secret)[0] is None
        assert client_secrets.check(row.client_id, new)[0] == row
        assert Event.objects.get(action="oauth_client.secret_retired").reason == "leaked"

    def test_the_current_secret_is_not_retired(self, client: Any, root: Any, confidential: Any) -> None:
        row, secret = confidential.client, ClientSecret.objects.get()
        client.post(page("retire", row.pk, secret.pk), {"reason_asked": "1", "reason": ""})
        assert client_secrets.check(row.client_id, confidential.secret)[0] == row

    def test_a_secret_of_another_client_is_not_found(self, client: Any, root: Any, register: Any) -> None:
        one, two = register(), register(name="Other")
        self.rotate(client, two.client)
        old = ClientSecret.objects.get(retired_at__isnull=False)
        client.post(page("retire", one.client.pk, old.pk), {"reason_asked": "1", "reason": ""})
        assert client_secrets.check(two.client.client_id, two.secret)[0] == two.client

    def test_nobody_learns_the_secret_of_a_client_that_may_do_more_than_they(
        self, client: Any, sam: Any, confidential: Any
    ) -> None:
        answer = self.rotate(client, confidential.client)
        assert "docs:write" in text_of(answer)
        assert not SECRET.search(text_of(answer))
        assert ClientSecret.objects.count() == 1
        assert Event.objects.get(action="change.refused").actor_label == "sam"

    def test_the_same_rotation_twice_is_done_once(self, client: Any, root: Any, confidential: Any) -> None:
        address = page("rotate", confidential.client.pk)
        data = {"grace": "24h", "apiaccess_form": used_form(client, address)}
        assert SECRET.search(text_of(client.post(address, data)))
        assert not SECRET.search(text_of(client.post(address, data)))
        assert ClientSecret.objects.count() == 2

    def test_a_client_that_went_over_to_keys_cannot_go_back_to_its_old_secret(
        self, client: Any, root: Any, confidential: Any, operator: Any
    ) -> None:
        row = confidential.client
        clients.change(row, by=operator, auth_method="private_key_jwt", jwks_uri="https://app.example/jwks")
        clients.change(row, by=operator, auth_method="client_secret_basic", jwks_uri="")
        assert client_secrets.check(row.client_id, confidential.secret)[0] is None
        new = SECRET.findall(text_of(self.rotate(client, row)))[0]
        assert client_secrets.check(row.client_id, new)[0] == row
