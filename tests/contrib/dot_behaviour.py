"""Access tokens that the real django-oauth-toolkit issues, presented to our views. Run by `test_dot.py`."""

from __future__ import annotations

import base64
import hashlib
import logging
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from oauth2_provider.models import get_access_token_model, get_application_model, get_refresh_token_model
from oauth2_provider.settings import oauth2_settings
from rest_framework.test import APIClient

from django_apiaccess.authn.kinds import enabled_kinds
from django_apiaccess.contrib.dot import lookup
from django_apiaccess.events.later import later
from django_apiaccess.keys.accounts import create_service_account
from django_apiaccess.models import Event, Grant
from django_apiaccess.roles import service as roles
from tests.checking import found as checks_found
from tests.testapp.models import Document

pytestmark = pytest.mark.django_db
AccessToken, Application, RefreshToken = get_access_token_model(), get_application_model(), get_refresh_token_model()
CALLBACK = "https://client.example/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
HASHED = oauth2_settings.COMPLIANT_BCP_RFC9700_TOKEN_STORAGE


def accepting(**changes):
    return override_settings(API_ACCESS={**settings.API_ACCESS, "DOT": {**settings.API_ACCESS["DOT"], **changes}})


def read(token, path="/read-only/", **headers):
    return APIClient(headers={"authorization": f"Bearer {token}", **headers}).get(path)


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read", "docs:write")


@pytest.fixture
def web(db):
    return Application.objects.create(
        name="Web shop",
        client_type="confidential",
        authorization_grant_type="authorization-code",
        redirect_uris=CALLBACK,
        client_secret="web-secret",
    )


@pytest.fixture
def robot(db):
    return Application.objects.create(
        name="Robot",
        client_type="confidential",
        authorization_grant_type="client-credentials",
        client_secret="robot-secret",
    )


def code_flow(user, application, scope="read write"):
    """What DOT answers at the end of its code flow with PKCE."""
    browser = Client()
    browser.force_login(user)
    asked = {
        "response_type": "code",
        "client_id": application.client_id,
        "redirect_uri": CALLBACK,
        "scope": scope,
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    sent = browser.post("/o/authorize/", {**asked, "allow": "Authorize"})
    assert sent.status_code == 302, sent.content
    return exchange(
        application,
        "web-secret",
        grant_type="authorization_code",
        code=parse_qs(urlsplit(sent["Location"]).query)["code"][0],
        redirect_uri=CALLBACK,
        code_verifier=VERIFIER,
    )


def exchange(application, secret, **data):
    answer = Client().post("/o/token/", {**data, "client_id": application.client_id, "client_secret": secret})
    assert answer.status_code == 200, answer.content
    return answer.json()


def robot_token(robot, scope="read"):
    return exchange(robot, "robot-secret", grant_type="client_credentials", scope=scope)["access_token"]


def row_of(token):
    return AccessToken.objects.get(token_checksum=hashlib.sha256(token.encode()).hexdigest())


@pytest.fixture
def token(ann, web):
    return code_flow(ann, web)["access_token"]


class TestAToken:
    def test_opens_what_its_scope_and_its_user_open(self, token, web):
        answer = read(token)
        assert (answer.status_code, answer.json()) == (200, {"user": "ann", "kind": "dot"})
        assert read(token, "/only-dot/").status_code == 200
        me = read(token, "/access/me/").json()
        assert set(me["scopes"]) == {"docs:read", "docs:write"}

    def test_is_stored_as_the_project_stores_tokens(self, token):
        assert row_of(token).token == ("" if HASHED else token)

    def test_costs_one_query(self, token):
        read(token)
        for _time in range(3):
            with CaptureQueriesContext(connection) as queries:
                assert read(token).status_code == 200
            assert len(queries) == 1

    def test_is_only_read(self, token, web):
        before = [list(model.objects.order_by("pk").values()) for model in (AccessToken, RefreshToken, Application)]
        read(token)
        after = [list(model.objects.order_by("pk").values()) for model in (AccessToken, RefreshToken, Application)]
        assert before == after

    def test_gives_no_more_than_its_scope(self, ann, web):
        token = code_flow(ann, web, scope="read")["access_token"]
        assert read(token, "/access/me/").json()["scopes"] == ["docs:read"]

    def test_gives_no_more_than_its_user_holds(self, make_user, web):
        token = code_flow(make_user("ben", "docs:read"), web)["access_token"]
        assert read(token, "/access/me/").json()["scopes"] == ["docs:read"]
        assert read(code_flow(make_user("cleo"), web)["access_token"]).status_code == 403

    def test_gives_a_superuser_only_what_its_scope_says(self, make_user, web):
        root = make_user("root", is_superuser=True, is_staff=True)
        token = code_flow(root, web, scope="read")["access_token"]
        assert read(token, "/access/me/").json()["scopes"] == ["docs:read"]
        assert read(token, "/report/").status_code == 403

    def test_a_lost_grant_is_felt_at_the_next_request(self, token, ann, operator):
        assert read(token).status_code == 200
        roles.ungrant(Grant.objects.filter(user=ann), by=operator)
        assert read(token).status_code == 403

    def test_scopes_that_are_not_mapped_give_nothing(self, ann, web):
        token = code_flow(ann, web, scope="docs:read")["access_token"]
        assert read(token).status_code == 403
        with accepting(SCOPES="same"):
            assert read(token).status_code == 200
            assert read(code_flow(ann, web, scope="read")["access_token"]).status_code == 403

    def test_proves_no_second_factor(self, token):
        document = Document.objects.create(title="a")
        answer = APIClient(headers={"authorization": f"Bearer {token}"}).post(f"/documents/{document.pk}/publish/")
        assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")

    def test_that_the_project_made_of_another_form_works_as_well(self, ann, web):
        for text in (
            "0123456789abcdef0123456789abcdef01234567",
            "ab" * 32,
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJtZSJ9.c2ln",
            "x",
        ):
            AccessToken.objects.create(
                user=ann,
                application=web,
                token=text,
                expires=timezone.now() + timedelta(hours=1),
                scope="read",
            )
            assert read(text).status_code == 200, text
            assert read(text, "/only-dot/").status_code == 200, text


class TestRefused:
    def refused(self, token, reason):
        answer = read(token)
        assert answer.status_code == 401
        later.flush()
        event = Event.objects.filter(action="credential.refused").latest("pk")
        assert event.reason == reason
        assert token not in repr(vars(event))
        return answer

    def test_revoked_at_dot_is_felt_at_the_next_request(self, token, web):
        assert read(token).status_code == 200
        data = {"token": token, "client_id": web.client_id, "client_secret": "web-secret"}
        assert Client().post("/o/revoke_token/", data).status_code == 200
        self.refused(token, "unknown")

    def test_rotated_away(self, ann, web):
        pair = code_flow(ann, web)
        new = exchange(web, "web-secret", grant_type="refresh_token", refresh_token=pair["refresh_token"])
        self.refused(pair["access_token"], "unknown")
        assert read(new["access_token"]).status_code == 200

    def test_expired(self, token):
        AccessToken.objects.update(expires=timezone.now())
        self.refused(token, "expired")

    def test_of_an_inactive_user_se_09(self, token, ann):
        ann.is_active = False
        ann.save()
        self.refused(token, "principal_inactive")

    def test_of_a_deleted_user(self, token, ann):
        ann.delete()
        self.refused(token, "unknown")

    def test_of_a_deleted_application(self, token, web):
        web.delete()
        self.refused(token, "unknown")

    def test_of_an_application_that_calls_itself_our_own_log_in(self, token, web):
        type(web).objects.filter(pk=web.pk).update(client_id="first-party")
        self.refused(token, "other_client")

    def test_of_no_application_at_all(self, token):
        AccessToken.objects.update(application=None)
        self.refused(token, "untrusted_issuer")

    def test_for_another_resource(self, token):
        AccessToken.objects.update(resource=["https://other.example"])
        self.refused(token, "bad_claims")
        with accepting(RESOURCES=["https://other.example"]):
            assert read(token).status_code == 200

    def test_for_this_resource_among_others(self, token):
        AccessToken.objects.update(resource=["https://other.example", "urn:django-apiaccess"])
        assert read(token).status_code == 200

    def test_that_manages_a_registration(self, token):
        AccessToken.objects.update(scope="read oauth2_provider:registration")
        self.refused(token, "bad_claims")

    def test_after_the_last_day(self, token):
        with accepting(ACCEPT_UNTIL="2026-01-01"):
            assert read(token).status_code == 401
            assert read(token, "/only-dot/").status_code == 401

    def test_without_the_setting(self, token):
        with override_settings(API_ACCESS={**settings.API_ACCESS, "DOT": {}}):
            assert "dot" not in {kind.name for kind in enabled_kinds()}
            assert read(token).status_code == 401
            assert read(token, "/only-dot/").status_code == 401

    def test_where_every_token_must_be_bound_to_a_key(self, token):
        with override_settings(API_ACCESS={**settings.API_ACCESS, "DPOP": {"REQUIRED": True}}):
            answer = read(token)
        assert answer.status_code == 401
        assert Event.objects.latest("pk").reason == "not_bound"

    @pytest.mark.parametrize(
        "change",
        [lambda text: text[:-1], lambda text: text + "a", str.swapcase, lambda text: "", lambda text: text * 200],
    )
    def test_a_text_that_is_nearly_the_token(self, token, change):
        assert read(change(token)).status_code == 401

    def test_the_checksum_that_is_stored_is_no_token(self, token):
        assert read(row_of(token).token_checksum).status_code == 401

    def test_a_refresh_token_and_a_code_are_no_access_tokens(self, ann, web):
        assert read(code_flow(ann, web)["refresh_token"]).status_code == 401

    def test_another_scheme(self, token):
        for scheme in ("Token", "Api-Key", "Basic", "DPoP"):
            assert APIClient(headers={"authorization": f"{scheme} {token}"}).get("/read-only/").status_code == 401
        assert APIClient(headers={"x-api-key": token}).get("/read-only/").status_code == 401

    def test_in_the_query_string_rs_05(self, token):
        assert APIClient().get(f"/read-only/?access_token={token}").status_code == 401
        assert APIClient().post("/read-only/", {"access_token": token}).status_code == 401

    def test_every_refusal_is_one_answer_rs_02(self, ann, web, make_user):
        unknown = read("u" * 30)
        tokens = [code_flow(ann, web)["access_token"] for _number in range(4)]
        first, second, third, fourth = (AccessToken.objects.filter(pk=row_of(token).pk) for token in tokens)
        first.update(expires=timezone.now() - timedelta(days=1))
        second.delete()
        third.update(application=None)
        fourth.update(user=make_user("gone", is_active=False))
        for token in tokens:
            answer = read(token)
            assert (answer.status_code, answer.content) == (unknown.status_code, unknown.content)
            assert answer["WWW-Authenticate"] == unknown["WWW-Authenticate"]
        assert 'error="invalid_token"' in unknown["WWW-Authenticate"]

    def test_noise_costs_one_query_and_is_written_later(self):
        read("n" * 30)
        with CaptureQueriesContext(connection) as queries:
            read("m" * 30)
        assert len(queries) == 1
        assert queries[0]["sql"].startswith("SELECT")


class TestWithoutAUser:
    @pytest.fixture
    def account(self, make_user, operator):
        made = create_service_account(name="stock-robot", owner=make_user("mara"), purpose="stock", by=operator)
        roles.grant(user=made.user, scope="docs:read", by=operator)
        return made

    def test_a_token_of_nobody_opens_nothing(self, robot, account):
        token = robot_token(robot)
        assert row_of(token).user is None
        assert read(token).status_code == 401
        assert Event.objects.latest("pk").reason == "no_linked_user"

    def test_it_acts_as_the_service_account_that_is_named_within_its_grants(self, robot, account):
        token = robot_token(robot, "read write")
        with accepting(SERVICE_ACCOUNTS={robot.client_id: "stock-robot"}):
            read(token)
            with CaptureQueriesContext(connection) as queries:
                answer = read(token)
            assert (answer.json(), len(queries)) == ({"user": "stock-robot", "kind": "dot"}, 1)
            assert read(token, "/access/me/").json()["scopes"] == ["docs:read"]

    def test_an_account_that_is_named_for_another_client_does_not_help(self, robot, account):
        with accepting(SERVICE_ACCOUNTS={"another": "stock-robot", robot.client_id: "no-such-account"}):
            assert read(robot_token(robot)).status_code == 401

    def test_a_user_is_no_service_account(self, robot, ann):
        with accepting(SERVICE_ACCOUNTS={robot.client_id: "ann"}):
            assert read(robot_token(robot)).status_code == 401

    def test_an_inactive_account_opens_nothing(self, robot, account):
        account.user.is_active = False
        account.user.save()
        with accepting(SERVICE_ACCOUNTS={robot.client_id: "stock-robot"}):
            assert read(robot_token(robot)).status_code == 401

    def test_a_user_of_the_same_application_stays_themselves(self, ann, web, account):
        token = code_flow(ann, web)["access_token"]
        with accepting(SERVICE_ACCOUNTS={web.client_id: "stock-robot"}):
            assert read(token).json()["user"] == "ann"

    def test_names_with_quotes_are_values(self, robot, account):
        with accepting(SERVICE_ACCOUNTS={"' OR 1=1 --": "stock-robot", "%s %% {}": "stock-robot"}):
            assert read(robot_token(robot)).status_code == 401


class TestBesideTheOthers:
    def test_our_keys_and_tokens_work_as_ever(self, ann, make_key, client_of):
        issued = make_key(ann, "docs:read")
        assert client_of(issued).get("/read-only/").json()["kind"] == "api_key"
        assert client_of(issued, "Bearer").get("/read-only/").json()["kind"] == "api_key"
        assert client_of(issued).get("/only-dot/").status_code == 401
        assert client_of(issued, "Bearer").get("/only-dot/").status_code == 401

    def test_a_broken_key_or_jwt_of_ours_is_not_looked_for_among_tokens(self, ann, make_key):
        broken = make_key(ann, "docs:read").text[:-1] + "0"
        with CaptureQueriesContext(connection) as queries:
            read(broken)
        assert not [query for query in queries if "token_checksum" in query["sql"]]


def test_the_compiled_statement_reads_as_the_orm_does(token, robot, operator, make_user):
    made = create_service_account(name="stock-robot", owner=make_user("mara"), purpose="stock", by=operator)
    roles.grant(user=made.user, scope="docs:read", by=operator)
    for accounts in ((), ((robot.client_id, "stock-robot"),)):
        for text in (token, robot_token(robot), "nothing"):
            plain = lookup.token_query(hashlib.sha256(text.encode()).hexdigest(), accounts).first()
            for _time in range(4):
                row = lookup.load(text, dict(accounts))
                flat = None if row is None else (*row[: len(lookup.OWN_COLUMNS)], *row.principal_values)
                assert flat == plain


def test_the_text_of_a_token_is_in_no_log_event_or_repr(token, caplog):
    caplog.set_level(logging.DEBUG)
    with CaptureQueriesContext(connection) as queries:
        read(token)
        AccessToken.objects.update(expires=timezone.now())
        read(token)
        read(token[:-1] + "~")
        later.flush()
    written = [str(vars(record)) for record in caplog.records] + [repr(vars(event)) for event in Event.objects.all()]
    written += [query["sql"] for query in queries if not query["sql"].startswith("UPDATE")]
    assert not [line for line in written if token[:-1] in line]


class TestChecks:
    def test_a_sound_setting_is_silent(self):
        assert not {"apiaccess.E045", "apiaccess.W046", "apiaccess.W047"} & set(checks_found())

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"ACCEPT_UNTIL": "soon"}, "ACCEPT_UNTIL"),
            ({"ACCEPT_UNTIL": None}, "ACCEPT_UNTIL"),
            ({"SCOPES": "all"}, "SCOPES"),
            ({"SCOPES": {"read": "docs:raed"}}, "Did you mean 'docs:read'?"),
            ({"SERVICE_ACCOUNTS": ["x"]}, "SERVICE_ACCOUNTS"),
            ({"RESOURCES": "https://api.example"}, "RESOURCES"),
        ],
    )
    def test_a_bad_entry_is_an_error_and_opens_nothing(self, token, changes, said):
        with accepting(**changes):
            assert said in checks_found()["apiaccess.E045"].msg
            with pytest.raises(Exception, match="API_ACCESS"):
                read(token)

    def test_an_unknown_entry_names_those_there_are(self):
        with accepting(SCOPE="same"):
            assert "did you mean 'SCOPES'?" in checks_found()["apiaccess.E003"].msg

    def test_a_scope_that_dot_does_not_have_is_named_with_the_nearest(self):
        with accepting(SCOPES={"raed": "docs:read"}):
            assert "Did you mean 'read'?" in checks_found()["apiaccess.W046"].msg

    def test_the_end_is_told(self):
        with accepting(ACCEPT_UNTIL="2026-01-01"):
            assert "apiaccess.W047" in checks_found()

    def test_every_line_to_paste_ends_its_own_warning(self):
        from django.core.checks import run_checks

        mended = {**settings.OAUTH2_PROVIDER, "ALLOW_URI_WILDCARDS": True, "PKCE_REQUIRED": False}
        before = set()
        for _time in range(2):
            with override_settings(OAUTH2_PROVIDER=mended):
                warned = [message for message in run_checks(tags=["apiaccess"]) if message.id == "apiaccess.W045"]
            before = before or {message.msg.split("'")[1] for message in warned}
            for message in warned:
                exec(message.hint.removeprefix("Write: "), {"OAUTH2_PROVIDER": mended})
        assert not warned
        assert before >= {
            "REFRESH_TOKEN_REUSE_PROTECTION",
            "REFRESH_TOKEN_EXPIRE_SECONDS",
            "ACCESS_TOKEN_EXPIRE_SECONDS",
            "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT",
            "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT",
            "COMPLIANT_BCP_RFC9700_PKCE_METHOD",
            "PKCE_REQUIRED",
            "ALLOWED_REDIRECT_URI_SCHEMES",
            "ALLOW_URI_WILDCARDS",
        } | (set() if HASHED else {"COMPLIANT_BCP_RFC9700_TOKEN_STORAGE"})
