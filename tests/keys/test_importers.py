"""Importing from tables alone: none of the packages is installed in this project."""

from __future__ import annotations

import hashlib
import io
import json
import secrets as random
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from django_apiaccess.core import digests
from django_apiaccess.keys import leaked, legacy, service
from django_apiaccess.models import APIKey, APIKeySecret, Event, Grant, ServiceAccount

DRF_API_KEY = """CREATE TABLE {} (id varchar(150) PRIMARY KEY, prefix varchar(8) UNIQUE, hashed_key varchar(150),
    created {time}, name varchar(50), revoked {boolean}, expiry_date {time} NULL)"""
AUTHTOKEN = 'CREATE TABLE authtoken_token ("key" varchar(40) PRIMARY KEY, created {time}, user_id integer)'
KNOX = """CREATE TABLE knox_authtoken (digest varchar(128) PRIMARY KEY, token_key varchar(25), created {time},
    expiry {time} NULL, user_id integer{more})"""


def execute(sql, *values):
    postgres = connection.vendor == "postgresql"
    names = {"time": "timestamptz" if postgres else "datetime", "boolean": "boolean" if postgres else "bool"}
    adapted = [
        connection.ops.adapt_datetimefield_value(value) if hasattr(value, "tzinfo") else value for value in values
    ]
    with connection.cursor() as cursor:
        for name, type_ in names.items():
            sql = sql.replace(f"{{{name}}}", type_)
        cursor.execute(sql, adapted or None)


def imported(*arguments):
    out = io.StringIO()
    call_command("import_api_keys", *arguments, "--format", "json", stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue())


def refused(*arguments):
    with pytest.raises(CommandError) as error:
        imported(*arguments)
    return str(error.value)


@pytest.fixture
def drf_keys(db):
    """`drf_keys("name")`: a row as djangorestframework-api-key writes it, and the text that its client has."""

    def add(name="mobile", *, table="rest_framework_api_key_apikey", revoked=False, expires=None, hasher=None):
        text = f"{random.token_hex(4)}.{random.token_hex(16)}"
        digest = (
            "sha512$$" + hashlib.sha512(text.encode()).hexdigest()
            if hasher is None
            else make_password(text, hasher=hasher)
        )
        prefix = text[:8]
        execute(
            f"INSERT INTO {table} VALUES (%s, %s, %s, %s, %s, %s, %s)",
            f"{prefix}.{digest}"[:150], prefix, digest, timezone.now(), name, revoked, expires,
        )  # fmt: skip
        return text

    execute(DRF_API_KEY.format("rest_framework_api_key_apikey", time="{time}", boolean="{boolean}"))
    return add


@pytest.fixture
def knox_tokens(db):
    """`knox_tokens(user)`: a row as knox writes it; `version=4` as knox 4.2 did."""

    def add(user_id, *, version=5, prefix="", expires=None, digits=64):
        text = prefix + random.token_hex(digits // 2)
        hashed = text.encode() if version == 5 else bytes.fromhex(text)
        digest = hashlib.sha512(hashed).hexdigest()
        head = text[:15] if version == 5 else text[:8]
        execute(
            "INSERT INTO knox_authtoken VALUES (%s, %s, %s, %s, %s)", digest, head, timezone.now(), expires, user_id
        )
        return text

    execute(KNOX.format(time="{time}", more=""))
    return add


@pytest.fixture
def auth_tokens(db):
    """`auth_tokens(user)`: a row of DRF's authtoken."""

    def add(user_id, text=None):
        text = text or random.token_hex(20)
        execute("INSERT INTO authtoken_token VALUES (%s, %s, %s)", text, timezone.now(), user_id)
        return text

    execute(AUTHTOKEN)
    return add


def test_the_packages_are_not_installed_here():
    assert not any(apps.is_installed(name) for name in ("rest_framework_api_key", "knox", "rest_framework.authtoken"))


class TestDRFAPIKey:
    def test_each_name_gets_a_service_account_with_the_scopes_asked_for(self, drf_keys, make_user, client_of):
        ann = make_user("ann")
        mobile, mobile_too, partner = drf_keys("Mobile App"), drf_keys("Mobile App"), drf_keys("Partner & Co")
        report = imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        assert (report["read"], report["imported"], report["service_accounts"], report["skipped"]) == (3, 3, 2, [])
        assert set(ServiceAccount.objects.values_list("name", "owner")) == {
            ("mobile-app", ann.pk),
            ("partner-co", ann.pk),
        }
        for text in (mobile, mobile_too, partner):
            client = client_of(text)
            assert client.get("/read-only/").status_code == 200
            assert client.get("/report/").status_code == 403
            assert client_of(text, "api-key").get("/read-only/").status_code == 200
        assert {frozenset(key.scopes) for key in APIKey.objects.all()} == {frozenset({"docs:read"})}

    def test_the_first_use_replaces_the_foreign_digest_and_the_key_stays_legacy(self, drf_keys, make_user, client_of):
        make_user("ann")
        text = drf_keys()
        imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        secret = APIKeySecret.objects.get()
        assert secret.digest.startswith("sha512$$")
        for _ in range(2):
            assert client_of(text).get("/read-only/").status_code == 200
        secret.refresh_from_db()
        assert digests.is_native(secret.digest)
        assert APIKey.objects.legacy().exists()

    def test_keys_of_the_time_before_version_3_go_on_too(self, drf_keys, make_user, client_of):
        make_user("ann")
        text = drf_keys(hasher="md5")
        imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        assert APIKeySecret.objects.get().digest.startswith("django-hasher$$md5$")
        assert client_of(text[:-1] + "?").get("/read-only/").status_code == 401
        wrong = text[:9] + "0" * 32
        assert client_of(wrong).get("/read-only/").status_code == 401
        assert client_of(text).get("/read-only/").status_code == 200
        assert digests.is_native(APIKeySecret.objects.get().digest)
        assert client_of(text).get("/read-only/").status_code == 200

    def test_a_hasher_that_the_project_does_not_have_is_told(self, drf_keys, make_user):
        make_user("ann")
        drf_keys()
        execute("UPDATE rest_framework_api_key_apikey SET hashed_key = %s", "bcrypt_sha256$$2b$12$abc")
        report = imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        assert report["imported"] == 0
        assert "PASSWORD_HASHERS" in report["skipped"][0]["reason"]

    def test_one_account_for_all(self, drf_keys, make_user, client_of, operator):
        robot = service.create_service_account(name="robot", owner=make_user("ann"), purpose="x", by=operator)
        text = drf_keys()
        assert "robot does not hold docs:read" in refused(
            "--from", "drf-api-key", "--service-account", "robot", "--scope", "docs:read"
        )
        assert not APIKey.objects.exists()
        call_command("grant", "--service-account", "robot", "--scope", "docs:write", stdout=io.StringIO())
        imported("--from", "drf-api-key", "--service-account", "robot", "--scope", "docs:read")
        assert APIKey.objects.get().principal == robot.user
        client = client_of(text)
        assert client.get("/documents/").status_code == 200
        assert client.post("/documents/", {"title": "x"}).status_code == 403, "the key got more than was asked for"

    def test_the_header_that_the_project_chose_goes_on(self, drf_keys, make_user, settings, client):
        settings.API_KEY_CUSTOM_HEADER = "HTTP_X_PARTNER_KEY"
        make_user("ann")
        text = drf_keys()
        imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        assert client.get("/read-only/", HTTP_X_PARTNER_KEY=text).status_code == 200
        assert client.get("/read-only/", HTTP_X_PARTNER_KEY=text[:-1] + "?").status_code == 401
        for more in ({"HTTP_X_API_KEY": text}, {"HTTP_AUTHORIZATION": f"Api-Key {text}"}):
            answer = client.get("/read-only/", HTTP_X_PARTNER_KEY=text, **more)
            assert answer.json()["code"] == "ambiguous_credentials"
        settings.API_KEY_CUSTOM_HEADER = None
        assert client.get("/read-only/", HTTP_X_PARTNER_KEY=text).status_code == 401

    def test_revoked_and_expired_keys_stay_so(self, drf_keys, make_user, client_of):
        make_user("ann")
        texts = [drf_keys("a", revoked=True), drf_keys("b", expires=timezone.now() - timedelta(days=1)), drf_keys("c")]
        report = imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        assert (report["imported"], report["revoked"], report["expired"]) == (3, 1, 1)
        assert [client_of(text).get("/read-only/").status_code for text in texts] == [401, 401, 200]
        assert {key.name: key.status for key in APIKey.objects.all()} == {"a": "revoked", "b": "expired", "c": "active"}

    def test_importing_again_takes_only_what_is_new_and_revives_nothing(self, drf_keys, make_user, client_of, operator):
        make_user("ann")
        old, rotated = drf_keys("old"), drf_keys("rotated")
        imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        service.revoke(APIKey.objects.get(name="old"), reason="x", by=operator)
        service.rotate(APIKey.objects.get(name="rotated"), by=operator, grace=timedelta(0))
        APIKey.objects.filter(name="old").update(revoked_at=timezone.now() - timedelta(days=400))
        call_command("prune_access", stdout=io.StringIO(), stderr=io.StringIO())
        new = drf_keys("new")
        report = imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        assert (report["imported"], report["already_imported"]) == (1, 2)
        assert [client_of(text).get("/read-only/").status_code for text in (old, rotated, new)] == [401, 401, 200]

    def test_a_dry_run_counts_the_same_and_changes_nothing(self, drf_keys, make_user):
        make_user("ann")
        drf_keys("a", revoked=True)
        drf_keys("b")
        events = Event.objects.count()
        counted = imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read", "--dry-run")
        assert [model.objects.count() for model in (APIKey, ServiceAccount, Grant)] == [0, 0, 0]
        assert Event.objects.count() == events
        done = imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        same = ("read", "imported", "revoked", "expired", "service_accounts", "skipped")
        assert {name: counted[name] for name in same} == {name: done[name] for name in same}

    def test_a_subclass_is_named_by_its_model_also_when_its_app_is_gone(self, drf_keys, make_user, client_of):
        make_user("ann")
        execute(DRF_API_KEY.format("shop_partnerkey", time="{time}", boolean="{boolean}"))
        text = drf_keys("partner", table="shop_partnerkey")
        assert "no model 'shop.Partner'" in refused(
            "--from", "drf-api-key", "--model", "shop.Partner", "--owner", "ann", "--scope", "docs:read"
        )
        imported("--from", "drf-api-key", "--model", "shop.PartnerKey", "--owner", "ann", "--scope", "docs:read")
        assert client_of(text).get("/read-only/").status_code == 200

    def test_a_foreign_service_account_of_that_name_is_not_taken(self, drf_keys, make_user, operator, client_of):
        make_user("ann")
        powerful = service.create_service_account(
            name="mobile", owner=make_user("bob"), purpose="Everything", by=operator
        )
        make_user("partner")
        drf_keys("mobile")
        drf_keys("partner")
        report = imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        assert report["imported"] == 0
        assert len(report["skipped"]) == 2
        assert not APIKey.objects.filter(principal=powerful.user).exists()

    def test_events_tell_of_each_key_without_its_digest(self, drf_keys, make_user):
        make_user("ann")
        text = drf_keys("mobile")
        imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        event = Event.objects.get(action="key.imported")
        assert (event.actor_label, event.details["public_id"]) == ("import_api_keys", f"drf-api-key:{text[:8]}")
        assert hashlib.sha512(text.encode()).hexdigest()[:20] not in str(vars(event))

    def test_an_imported_key_leaks_as_any_other(self, drf_keys, make_user, client_of):
        make_user("ann")
        text = drf_keys()
        imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        noise = f"Api-Key%20{text}; commit {random.token_hex(20)} {random.token_hex(4)}.{random.token_hex(16)}"
        (group,) = leaked.findings(io.BytesIO(noise.encode()))
        assert [(found.public_id, found.state) for found in group] == [(f"drf-api-key:{text[:8]}", leaked.State.USABLE)]

    def test_the_whole_text_is_refused_as_an_id(self, drf_keys, make_user):
        make_user("ann")
        text = drf_keys()
        imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        with pytest.raises(CommandError, match=f"the id {APIKey.objects.get().pk}"):
            call_command("rotate_api_keys", text)

    def test_no_imported_key_outlives_what_the_project_allows(self, drf_keys, make_user, settings):
        settings.API_ACCESS = {**settings.API_ACCESS, "KEY_MAX_LIFETIME": "30d"}
        make_user("ann")
        drf_keys()
        imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")
        assert APIKey.objects.get().expires_at <= timezone.now() + timedelta(days=30)

    def test_large_tables_are_read_in_batches(self, drf_keys, make_user, monkeypatch):
        from django_apiaccess.keys.importers import run

        monkeypatch.setattr(run.Import.run, "__defaults__", (3,))
        make_user("ann")
        for number in range(10):
            drf_keys(f"key {number}")
        assert imported("--from", "drf-api-key", "--owner", "ann", "--scope", "docs:read")["imported"] == 10


class TestAuthToken:
    def test_users_keep_their_tokens_within_what_they_hold(self, auth_tokens, make_user, client_of):
        ann, bob = make_user("ann", "docs:read", "reports:read"), make_user("bob", "docs:write")
        texts = {"ann": auth_tokens(ann.pk), "bob": auth_tokens(bob.pk), "eve": auth_tokens(make_user("eve").pk)}
        report = imported("--from", "drf-authtoken", "--scope", "docs:read", "--scope", "docs:write")
        assert (report["imported"], report["narrowed"]) == (2, 1)
        assert "does not hold" in report["skipped"][0]["reason"]
        assert {key.principal.username: set(key.scopes) for key in APIKey.objects.all()} == {
            "ann": {"docs:read"},
            "bob": {"docs:read", "docs:write"},
        }
        assert client_of(texts["ann"], "Token").get("/read-only/").json() == {"user": "ann", "kind": "api_key"}
        assert client_of(texts["ann"], "Token").get("/report/").status_code == 403
        assert client_of(texts["eve"], "Token").get("/read-only/").status_code == 401

    def test_scopes_from_the_principal_are_all_that_it_holds_now(self, auth_tokens, make_user, client_of):
        ann = make_user("ann", "docs:write", "reports:read")
        text = auth_tokens(ann.pk)
        imported("--from", "drf-authtoken", "--scopes-from-principal")
        assert APIKey.objects.get().scopes == {"docs:write", "reports:read"}
        assert client_of(text, "Token").get("/report/").status_code == 200

    def test_nothing_in_the_database_tells_the_token(self, auth_tokens, make_user):
        text = auth_tokens(make_user("ann", "docs:read").pk)
        imported("--from", "drf-authtoken", "--scope", "docs:read")
        secret = APIKeySecret.objects.get()
        assert digests.is_native(secret.digest)
        stored = str(vars(secret)) + str(vars(APIKey.objects.get())) + str(list(Event.objects.values()))
        assert text[:10] not in stored

    def test_orphans_and_odd_tokens_are_told(self, auth_tokens, make_user):
        auth_tokens(99999)
        auth_tokens(make_user("ann", "docs:read").pk, "not hexadecimal")
        report = imported("--from", "drf-authtoken", "--scope", "docs:read")
        assert report["imported"] == 0
        assert {row["reason"] for row in report["skipped"]} == {
            "its user does not exist any more",
            "it is not of the form that this app reads (40 hexadecimal digits)",
        }

    def test_an_inactive_users_token_stays_closed(self, auth_tokens, make_user, client_of):
        ann = make_user("ann", "docs:read")
        text = auth_tokens(ann.pk)
        imported("--from", "drf-authtoken", "--scope", "docs:read")
        ann.is_active = False
        ann.save()
        assert client_of(text, "Token").get("/read-only/").status_code == 401


class TestKnox:
    @pytest.mark.parametrize("form", [{}, {"version": 4}, {"prefix": "kx_"}, {"digits": 128}, {"digits": 40}])
    def test_tokens_of_every_form_go_on(self, knox_tokens, make_user, client_of, form):
        ann = make_user("ann", "docs:read")
        text = knox_tokens(ann.pk, **form)
        imported("--from", "knox", "--scope", "docs:read")
        for _ in range(2):
            assert client_of(text, "Token").get("/read-only/").json() == {"user": "ann", "kind": "api_key"}
        assert digests.is_native(APIKeySecret.objects.get().digest)
        wrong = text[:-1] + ("0" if text[-1] != "0" else "1")
        assert client_of(wrong, "Token").get("/read-only/").status_code == 401

    def test_the_expiry_is_kept_and_can_be_shortened(self, knox_tokens, make_user):
        ann = make_user("ann", "docs:read")
        end = timezone.now() + timedelta(hours=10)
        knox_tokens(ann.pk, expires=end)
        knox_tokens(ann.pk)
        imported("--from", "knox", "--scope", "docs:read", "--expires", "30d")
        short, long = APIKey.objects.order_by("expires_at")
        assert abs(short.expires_at - end) < timedelta(seconds=1)
        assert abs(long.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)

    def test_another_hash_is_told(self, knox_tokens, make_user):
        execute(
            "INSERT INTO knox_authtoken VALUES (%s, %s, %s, %s, %s)",
            "a" * 64, "aaaaaaaaaaaaaaa", timezone.now(), None, make_user("ann", "docs:read").pk,
        )  # fmt: skip
        report = imported("--from", "knox", "--scope", "docs:read")
        assert "SHA-512" in report["skipped"][0]["reason"]

    def test_salted_tokens_of_knox_4_1_are_refused_with_the_way_out(self, db):
        execute(KNOX.format(time="{time}", more=", salt varchar(16)"))
        assert "Update knox" in refused("--from", "knox", "--scope", "docs:read")

    def test_rotation_ends_the_old_text_after_its_grace(self, knox_tokens, make_user, client_of, operator):
        text = knox_tokens(make_user("ann", "docs:read").pk)
        imported("--from", "knox", "--scope", "docs:read")
        new = service.rotate(APIKey.objects.get(), by=operator)
        assert client_of(text, "Token").get("/read-only/").status_code == 200
        assert APIKey.objects.legacy().exists()
        APIKeySecret.objects.filter(public_id__contains=":").update(expires_at=timezone.now())
        assert client_of(text, "Token").get("/read-only/").status_code == 401
        assert client_of(new).get("/read-only/").status_code == 200
        assert not APIKey.objects.legacy().exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "knox"], "--scope --scopes-from-principal"),
        (["--from", "knoks", "--scope", "docs:read"], "invalid choice"),
        (["--from", "knox", "--scope", "docs:read"], "no table 'knox_authtoken'"),
        (["--from", "drf-api-key", "--scope", "docs:read"], "Say whose they become"),
        (["--from", "drf-api-key", "--scope", "docs:read", "--owner", "ann", "--user", "ann"], "Say whose they become"),
        (["--from", "drf-api-key", "--scopes-from-principal", "--owner", "ann"], "name the scopes with --scope"),
        (["--from", "drf-api-key", "--scope", "docs:reed", "--owner", "ann"], "Did you mean 'docs:read'?"),
        (["--from", "drf-api-key", "--scope", " ", "--owner", "ann"], "without scopes they open nothing"),
        (["--from", "drf-api-key", "--scope", "docs:read", "--owner", "anna"], "Did you mean 'ann'?"),
        (["--from", "drf-api-key", "--scope", "docs:read", "--owner", "ann", "--model", "auth.User"], "has no column"),
        (
            ["--from", "drf-api-key", "--scope", "docs:read", "--owner", "ann", "--model", "auth.Usr"],
            "Did you mean 'auth.User'?",
        ),
        (
            ["--from", "drf-api-key", "--scope", "docs:read", "--owner", "ann", "--database", "defalt"],
            "Did you mean 'default'?",
        ),
        (
            ["--from", "drf-api-key", "--scope", "docs:read", "--owner", "ann", "--expires", "2090-02-30"],
            "Did you mean '2090-02-28'?",
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_imported(drf_keys, make_user, arguments, said):
    make_user("ann", "docs:read")
    drf_keys()
    assert said in refused(*arguments)
    assert not APIKey.objects.exists()
    assert not ServiceAccount.objects.exists()


def test_keys_with_users_take_no_other_principal(knox_tokens, make_user):
    make_user("ann", "docs:read")
    assert "leave out --user" in refused("--from", "knox", "--scope", "docs:read", "--user", "ann")


def test_ids_of_imported_secrets_never_meet_ours():
    for public_id in (legacy.drf_api_key_id("abcdefgh"), legacy.authtoken_id("a" * 40), *legacy.knox_ids("a" * 64)):
        assert ":" in public_id
        assert len(public_id) <= APIKeySecret._meta.get_field("public_id").max_length


def test_a_table_of_ours_is_no_suggestion_for_one_that_is_missing(make_user):
    make_user("ann", "docs:read")
    said = refused("--from", "drf-api-key", "--scope", "docs:read", "--owner", "ann")
    assert "no table 'rest_framework_api_key_apikey'" in said
    assert "django_apiaccess_apikey" not in said
