"""Applications of the real django-oauth-toolkit become clients of ours. Run by `test_dot.py`."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings
from oauth2_provider.models import get_application_model

from django_apiaccess.contrib.dot import applications
from django_apiaccess.contrib.oauth import client_auth, client_secrets, clients
from django_apiaccess.contrib.oauth.models import ClientSecret, OAuthClient
from django_apiaccess.core import digests
from django_apiaccess.keys.accounts import create_service_account
from django_apiaccess.models import Event, Grant, ServiceAccount

pytestmark = pytest.mark.django_db
Application = get_application_model()
SECRET = "a-secret-of-the-old-days"


def accepting(**changes):
    return override_settings(API_ACCESS={**settings.API_ACCESS, "DOT": {**settings.API_ACCESS["DOT"], **changes}})


def run(*arguments):
    out = io.StringIO()
    call_command("import_dot_clients", *arguments, "--format", "json", stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue())


def reason(*arguments):
    (refused,) = run(*arguments)["refused"]
    return refused["reason"]


def opens(client_id, secret=SECRET):
    return client_secrets.check(client_id, secret)[0]


@pytest.fixture
def application(db):
    def make(**fields):
        values = {
            "name": "Web shop",
            "client_type": "confidential",
            "authorization_grant_type": "authorization-code",
            "redirect_uris": "https://client.example/callback",
            "client_secret": SECRET,
        }
        return Application.objects.create(**{**values, **fields})

    return make


class TestAClient:
    def test_keeps_its_id_its_secret_and_its_redirect_uris(self, application, make_user):
        mara = make_user("mara")
        old = application(user=mara, redirect_uris="https://a.example/cb?x=1 http://127.0.0.1/cb com.example.app:/cb")
        assert run() == {
            "dry_run": False,
            "read": 1,
            "imported": 1,
            "already_imported": 0,
            "public": 0,
            "hashed": 1,
            "asked_anew": 0,
            "service_accounts": 0,
            "refused": [],
        }
        client = OAuthClient.objects.get()
        assert (client.client_id, client.name, client.owner, client.origin) == (
            old.client_id,
            "Web shop",
            mara,
            "imported",
        )
        assert client.redirect_uris.split() == old.redirect_uris.split()
        assert client.grant_types.split() == ["authorization_code", "refresh_token"]
        assert client.scopes == {"docs:read", "docs:write"}
        assert client.default_scopes == {"docs:read"}
        assert client.is_active
        assert not client.trusted
        assert opens(old.client_id) == client

    def test_gets_no_second_secret_that_somebody_might_know(self, application):
        application()
        run()
        assert ClientSecret.objects.count() == 1

    def test_its_hash_becomes_a_digest_of_ours_at_first_use(self, application):
        old = application()
        run()
        assert ClientSecret.objects.get().digest == f"django-hasher$${old.client_secret}"
        assert opens(old.client_id, "wrong") is None
        assert not digests.is_native(ClientSecret.objects.get().digest)
        assert opens(old.client_id)
        assert digests.is_native(ClientSecret.objects.get().digest)
        assert opens(old.client_id)
        assert Event.objects.filter(action="oauth_client.secret_upgraded").count() == 1

    def test_its_plain_secret_is_a_digest_at_once(self, application):
        old = application(hash_client_secret=False)
        assert old.client_secret == SECRET
        assert run()["hashed"] == 0
        secret = ClientSecret.objects.get()
        assert digests.is_native(secret.digest)
        assert SECRET not in json.dumps([*ClientSecret.objects.values(), *Event.objects.values()], default=str)
        assert opens(old.client_id)

    @pytest.mark.parametrize("wrong", ["", " ", SECRET[:-1], SECRET + " ", SECRET.upper(), "\0", "x" * 5000, "ü"])
    def test_no_other_text_opens_it(self, application, wrong):
        old, other = application(), application(client_secret="the-secret-of-another")
        run()
        assert opens(old.client_id, wrong) is None
        assert opens(old.client_id, "the-secret-of-another") is None
        assert opens(other.client_id) is None
        stored = ClientSecret.objects.get(client__client_id=old.client_id)
        for text in (stored.digest, stored.public_id, old.client_secret, stored.digest.removeprefix("django-hasher$$")):
            assert opens(old.client_id, text) is None

    def test_rotates_as_any_other_and_is_not_revived(self, application, operator):
        old = application()
        run()
        client = OAuthClient.objects.get()
        new, _until = client_secrets.rotate(client, by=operator, grace=timedelta(0))
        assert opens(old.client_id) is None
        assert run()["already_imported"] == 1
        assert opens(old.client_id) is None
        assert opens(old.client_id, new) == client

    def test_a_public_one_has_no_secret(self, application):
        old = application(client_type="public")
        found = run()
        assert (found["imported"], found["public"]) == (1, 1)
        client = OAuthClient.objects.get()
        assert client.is_public
        assert not ClientSecret.objects.exists()
        assert opens(old.client_id) is None

    def test_one_that_skipped_consent_is_trusted_unless_anybody_can_be_it(self, application):
        application(skip_authorization=True)
        application(skip_authorization=True, client_type="public", name="Everybody")
        assert run()["asked_anew"] == 1
        assert set(OAuthClient.objects.values_list("name", "trusted")) == {("Web shop", True), ("Everybody", False)}

    def test_a_device_keeps_its_grant(self, application):
        application(authorization_grant_type="urn:ietf:params:oauth:grant-type:device_code", redirect_uris="")
        run()
        assert OAuthClient.objects.get().grant_types.split() == ["device_code", "refresh_token"]

    def test_only_one_that_spoke_openid_may_ask_who_somebody_is(self, application):
        scopes = {**settings.OAUTH2_PROVIDER["SCOPES"], "openid": "Who you are"}
        application()
        application(algorithm="RS256", name="Login")
        with override_settings(
            OAUTH2_PROVIDER={**settings.OAUTH2_PROVIDER, "SCOPES": scopes, "OIDC_RSA_PRIVATE_KEY": "k"}
        ):
            run()
        assert "openid" not in OAuthClient.objects.get(name="Web shop").scopes
        assert "openid" in OAuthClient.objects.get(name="Login").scopes

    def test_its_scopes_can_be_named(self, application):
        application()
        run("--scope", "reports:read")
        client = OAuthClient.objects.get()
        assert (client.scopes, client.default_scopes) == ({"reports:read"}, frozenset())


def test_only_one_that_was_taken_over_may_send_its_secret_either_way(application, operator):
    application()
    application(client_type="public", name="Everybody")
    run()
    made = clients.create(
        by=operator,
        name="Ours",
        redirect_uris=["https://ours.example/cb"],
        grant_types=["authorization_code"],
        scopes=["docs:read"],
        default_scopes=[],
    )
    ways = {
        client.name: {method for method in client_auth.METHODS if client_auth.is_its_way(client, method)}
        for client in OAuthClient.objects.all()
    }
    assert ways == {
        "Web shop": {"client_secret_basic", "client_secret_post"},
        "Everybody": {"none"},
        "Ours": {made.client.auth_method},
    }


class TestWhatActsForItself:
    def make(self, application, **fields):
        grant = {"authorization_grant_type": "client-credentials", "redirect_uris": "", "name": "Stock robot"}
        return application(**{**grant, **fields})

    def test_gets_a_service_account_of_its_user_that_holds_nothing(self, application, make_user):
        mara = make_user("mara")
        old = self.make(application, user=mara)
        assert run()["service_accounts"] == 1
        client = OAuthClient.objects.get()
        assert (client.service_account.name, client.service_account.owner) == ("stock-robot", mara)
        assert not Grant.objects.filter(user=client.service_account.user).exists()
        assert opens(old.client_id) == client

    def test_without_a_user_somebody_must_answer_for_it(self, application, make_user):
        self.make(application)
        assert "--owner" in reason()
        make_user("mara")
        assert run("--owner", "mara")["imported"] == 1

    def test_the_account_of_the_setting_is_taken(self, application, make_user, operator):
        account = create_service_account(name="stock", owner=make_user("mara"), purpose="stock", by=operator)
        old = self.make(application)
        other = self.make(application, name="Other")
        with accepting(SERVICE_ACCOUNTS={old.client_id: "stock", other.client_id: "stock"}):
            found = run()
        assert (found["imported"], found["service_accounts"]) == (1, 0)
        assert "another client" in found["refused"][0]["reason"]
        assert OAuthClient.objects.get().service_account == account

    def test_an_account_that_is_there_already_is_not_taken(self, application, make_user):
        make_user("stock-robot", is_superuser=True)
        self.make(application, user=make_user("mara"))
        assert "SERVICE_ACCOUNTS" in reason()
        assert not OAuthClient.objects.exists()
        assert not ServiceAccount.objects.exists()

    def test_a_public_one_is_refused(self, application, make_user):
        self.make(application, client_type="public", user=make_user("mara"))
        assert "confidential" in reason()


class TestRefused:
    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"authorization_grant_type": "implicit"}, "implicit"),
            ({"authorization_grant_type": "password"}, "password"),
            ({"authorization_grant_type": "openid-hybrid"}, "openid-hybrid"),
            ({"authorization_grant_type": "something"}, "something"),
            ({"redirect_uris": "http://client.example/cb"}, "https"),
            ({"redirect_uris": "https://*.client.example/cb"}, "wildcard"),
            ({"redirect_uris": "https://client.example/cb#x"}, "fragment"),
            ({"redirect_uris": "https://me:pw@client.example/cb"}, "user name"),
            ({"redirect_uris": "myapp:/cb"}, "no dot"),
            ({"redirect_uris": "javascript:alert(1)"}, "javascript"),
            ({"redirect_uris": "https://ok.example/cb http://client.example/cb"}, "http://client.example/cb"),
            ({"redirect_uris": ""}, "redirect URI"),
            ({"client_id": "https://client.example/metadata.json"}, "client id"),
            ({"client_id": "12345678901234567890123"}, "client id"),
            ({"client_id": "short"}, "client id"),
            ({"client_secret": "", "hash_client_secret": False}, "no secret"),
            (
                {"client_secret": "argon2$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA", "hash_client_secret": False},
                "PASSWORD_HASHERS",
            ),
        ],
    )
    def test_with_a_line_that_says_what_to_do_and_nothing_is_left_of_it(self, application, fields, said):
        application(**fields)
        application(name="Good")
        found = run()
        assert found["imported"] == 1
        assert said in found["refused"][0]["reason"]
        assert SECRET not in json.dumps(found)
        assert OAuthClient.objects.get().name == "Good"
        assert ClientSecret.objects.count() == 1

    def test_a_client_that_was_made_here_is_not_overwritten(self, application, operator):
        old = application()
        made = clients.create(
            by=operator,
            client_id=old.client_id,
            name="Ours",
            redirect_uris=["https://ours.example/cb"],
            grant_types=["authorization_code"],
            scopes=["docs:read"],
            default_scopes=[],
        )
        assert "not imported" in reason()
        assert opens(old.client_id) is None
        assert opens(old.client_id, made.secret)

    def test_the_table_shows_each(self, application):
        application(authorization_grant_type="implicit", name="Old\x1b[31m page")
        out = io.StringIO()
        call_command("import_dot_clients", stdout=out, stderr=io.StringIO())
        assert "implicit" in out.getvalue()
        assert "\x1b" not in out.getvalue()


class TestTheRun:
    def test_a_dry_run_changes_nothing_and_says_what_would_be(self, application, make_user):
        application()
        for _time in range(2):
            application(authorization_grant_type="client-credentials", name="Robot", user=make_user(f"mara{_time}"))
        before = Event.objects.count()
        dry = run("--dry-run")
        assert (dry["imported"], dry["service_accounts"], len(dry["refused"])) == (2, 1, 1)
        assert not OAuthClient.objects.exists()
        assert not ServiceAccount.objects.exists()
        assert Event.objects.count() == before
        assert {**run(), "dry_run": True} == dry

    def test_again_takes_only_what_is_new_and_leaves_changes_alone(self, application):
        application()
        run()
        OAuthClient.objects.update(name="Renamed", is_active=False)
        application(name="New")
        found = run()
        assert (found["read"], found["imported"], found["already_imported"]) == (2, 1, 1)
        assert set(OAuthClient.objects.values_list("name", "is_active")) == {("Renamed", False), ("New", True)}

    def test_dot_is_only_read(self, application):
        application()
        before = list(Application.objects.values())
        run()
        opens(before[0]["client_id"])
        assert list(Application.objects.values()) == before

    def test_each_is_in_the_audit_log(self, application):
        application()
        run()
        event = Event.objects.get(action="oauth_client.imported")
        assert (event.actor_label, event.target_label) == ("import_dot_clients", "Web shop")

    def test_an_unknown_scope_or_owner_is_named_with_the_nearest(self, application, make_user):
        application()
        make_user("mara")
        with pytest.raises(CommandError, match="Did you mean 'docs:read'"):
            run("--scope", "docs:raed")
        with pytest.raises(CommandError, match="Did you mean 'mara'"):
            run("--owner", "marra")
        with pytest.raises(CommandError, match="no entry 'other'"):
            run("--database", "other")
        assert not OAuthClient.objects.exists()

    def test_without_scopes_and_without_the_setting_nothing_is_guessed(self, application):
        application()
        with override_settings(API_ACCESS={**settings.API_ACCESS, "DOT": {}}):
            with pytest.raises(CommandError, match="--scope"):
                run()
            assert run("--scope", "docs:read")["imported"] == 1

    def test_many_cost_a_statement_for_each_batch_of_them(self, application):
        for number in range(7):
            application(name=f"App {number}", client_type="public")
        assert [row.name for row in applications.rows(Application, "default", size=3)] == [f"App {n}" for n in range(7)]


def test_the_table_that_a_removed_dot_left_is_read(application, monkeypatch):
    """As in a project that has uninstalled the package: its app is gone, its table is not."""
    old = application(skip_authorization=True)
    application(client_type="public", name="Everybody")
    installed = apps.is_installed
    monkeypatch.setattr(apps, "is_installed", lambda name: name != "oauth2_provider" and installed(name))
    assert applications.source("", "default") is not Application
    with override_settings(API_ACCESS={**settings.API_ACCESS, "DOT": {}}):
        found = run("--scope", "docs:read")
    assert (found["imported"], found["public"], found["hashed"]) == (2, 1, 1)
    assert opens(old.client_id).trusted


def test_a_model_that_is_not_there_is_named_with_the_nearest(application):
    with pytest.raises(CommandError, match="oauth2_provider"):
        run("--scope", "docs:read", "--model", "oauth2_provider.Aplication")
    assert run("--scope", "docs:read", "--model", "oauth2_provider.Application")["read"] == 0


def test_an_application_with_the_name_of_our_own_log_in_is_not_taken_over(application):
    application(client_id="first-party", client_type="public")
    assert "taken by this app" in reason()
    assert not OAuthClient.objects.exists()
