"""Coming from simplejwt: its wire format on our sessions, its living tokens, its blacklist. simplejwt itself is not installed here."""

from __future__ import annotations

import base64
import io
import json
import time
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.core.secrets import ALPHABET
from django_apiaccess.events.later import later
from django_apiaccess.models import Event, Grant, RefreshToken, TokenSession
from django_apiaccess.tokens.refreshing import FOREIGN

from .legacy_tokens import ABSENT, KEY, LEGACY, make

URLS = "tests.contrib.simplejwt_urls"
PEPPERS = ["test-pepper-of-the-suite-0123456789abcdef"]
pytestmark = pytest.mark.django_db


def legacy(**changes):
    return override_settings(ROOT_URLCONF=URLS, API_ACCESS={"PEPPERS": PEPPERS, "LEGACY_JWT": {**LEGACY, **changes}})


@pytest.fixture(autouse=True)
def _old_tokens_are_taken():
    with legacy():
        yield


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read")


@pytest.fixture
def api():
    return APIClient()


def read(token, path="/read-only/"):
    return APIClient(headers={"authorization": f"Bearer {token}"}).get(path)


def post(path, **data):
    return APIClient().post(f"/api/token/{path}", data)


def pem(private):
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class TestWireFormat:
    def test_a_log_in_gives_a_pair_that_opens_what_the_user_holds(self, ann):
        answer = post("", username="ann", password="secret")
        assert (answer.status_code, set(answer.json())) == (200, {"access", "refresh"})
        assert answer["Cache-Control"] == "no-store"
        assert read(answer.json()["access"]).status_code == 200

    def test_a_wrong_password_an_unknown_and_an_inactive_user_get_one_answer(self, ann, make_user):
        make_user("gone", is_active=False)
        answers = [
            post("", username="ann", password="wrong"),
            post("", username="nobody", password="secret"),
            post("", username="gone", password="secret"),
        ]
        assert {(answer.status_code, answer.content) for answer in answers} == {
            (401, json.dumps({
                "detail": "No active account found with the given credentials", "code": "no_active_account",
            }, separators=(",", ":")).encode())
        }  # fmt: skip
        assert answers[0]["WWW-Authenticate"] == 'Bearer realm="api"'

    def test_a_missing_field_is_named_as_by_simplejwt(self):
        answer = post("", username="ann")
        assert (answer.status_code, answer.json()) == (400, {"password": ["This field is required."]})
        assert post("refresh/").json() == {"refresh": ["This field is required."]}
        assert post("verify/").json() == {"token": ["This field is required."]}

    def test_a_refresh_gives_a_new_pair_and_a_replay_ends_the_session(self, ann, settings):
        first = post("", username="ann", password="secret").json()
        second = post("refresh/", refresh=first["refresh"]).json()
        third = post("refresh/", refresh=second["refresh"]).json()
        assert len({first["refresh"], second["refresh"], third["refresh"]}) == 3
        answer = post("refresh/", refresh=first["refresh"])
        assert (answer.status_code, answer.json()) == (
            401,
            {"detail": "Token is invalid or expired", "code": "token_not_valid"},
        )
        assert read(third["access"]).status_code == 401

    def test_verify_knows_every_token_of_ours_and_uses_none_up(self, ann):
        pair = post("", username="ann", password="secret").json()
        for token in (pair["access"], pair["refresh"]):
            assert (post("verify/", token=token).status_code, post("verify/", token=token).json()) == (200, {})
            changed = "A" if token[-20] != "A" else "B"
            assert post("verify/", token=token[:-20] + changed + token[-19:]).status_code == 401
        assert post("refresh/", refresh=pair["refresh"]).status_code == 200
        assert post("verify/", token=pair["refresh"]).status_code == 401

    def test_blacklist_ends_the_session_with_its_access_tokens(self, ann):
        pair = post("", username="ann", password="secret").json()
        assert (post("blacklist/", refresh=pair["refresh"]).json(), TokenSession.objects.live().count()) == ({}, 0)
        assert read(pair["access"]).status_code == 401
        assert post("blacklist/", refresh=pair["refresh"]).json()["code"] == "token_not_valid"
        assert post("refresh/", refresh=pair["refresh"]).status_code == 401

    @pytest.mark.parametrize("junk", ["", "x", "a.b.c", "rt_x", "é" * 10, "a" * 9000, "\0", "~" * 12])
    @pytest.mark.parametrize("path", ["refresh/", "verify/", "blacklist/"])
    def test_junk_is_refused_and_never_an_error(self, path, junk):
        field = "token" if path == "verify/" else "refresh"
        assert post(path, **{field: junk}).status_code in {400, 401}

    def test_plain_http_is_refused_before_a_password_is_looked_at(self, ann):
        with override_settings(API_ACCESS={"PEPPERS": PEPPERS, "REQUIRE_TLS": True}):
            assert post("", username="ann", password="secret").status_code == 403
        assert not TokenSession.objects.exists()

    def test_the_exception_handler_speaks_of_refused_bearer_tokens_as_simplejwt_did(self, ann, rf):
        from rest_framework.views import APIView

        from django_apiaccess.authentication import AccessAuthentication
        from django_apiaccess.contrib.simplejwt.handler import exception_handler

        class View(APIView):
            authentication_classes = (AccessAuthentication,)

            def get_exception_handler(self):
                return exception_handler

            def get(self, request):
                raise AssertionError

        answer = View.as_view()(rf.get("/", HTTP_AUTHORIZATION="Bearer " + make(ann, key="x" * 64)))
        assert (answer.status_code, answer.data["code"]) == (401, "token_not_valid")
        assert answer.data["messages"][0]["token_type"] == "access"
        key = View.as_view()(rf.get("/", HTTP_AUTHORIZATION="Api-Key ak_nothing"))
        assert key.data["code"] == "invalid_credential"


class TestOldAccessTokens:
    def test_it_opens_nothing_where_tokens_must_be_bound_to_a_key(self, ann, settings):
        token = make(ann)
        assert read(token).status_code == 200
        settings.API_ACCESS = {**settings.API_ACCESS, "DPOP": {"REQUIRED": True}}
        assert read(token).status_code == 401

    def test_it_opens_what_its_user_holds_and_nothing_else(self, ann):
        token = make(ann)
        assert read(token).status_code == 200
        assert read(token, "/report/").status_code == 403
        me = read(token, "/access/me/").json()
        assert (me["principal"]["username"], me["credential"]["kind"], me["scopes"]) == ("ann", "jwt", ["docs:read"])
        assert (me["acr"], me["amr"], me["auth_time"]) == ("", [], None)

    def test_it_opens_only_the_scopes_that_the_setting_names(self, make_user):
        both = make_user("both", "docs:read", "reports:read")
        with legacy(SCOPES=["reports:read"]):
            assert read(make(both)).status_code == 403
            assert read(make(both), "/report/").status_code == 200

    def test_django_permissions_keep_to_the_scopes_too(self, make_user):
        root = make_user("root", is_superuser=True)
        with legacy(SCOPES=["reports:read"]):
            assert read(make(root), "/model-permissions/").status_code == 403

    def test_the_numbers_that_simplejwt_wrote_before_5_5_name_users_too(self, ann):
        assert read(make(ann, user_id=ann.pk)).status_code == 200

    def test_a_role_that_is_taken_is_felt_at_the_next_request(self, ann):
        token = make(ann)
        assert read(token).status_code == 200
        Grant.objects.filter(user=ann).delete()
        assert read(token).status_code == 403

    def test_an_inactive_user_is_refused(self, ann):
        token = make(ann)
        ann.is_active = False
        ann.save()
        assert read(token).status_code == 401
        assert Event.objects.filter(action="credential.refused", reason="principal_inactive").exists()

    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": ABSENT},
            {"exp": None},
            {"exp": "9999999999"},
            {"exp": True},
            {"exp": 10**15},
            {"exp": 1},
            {"iat": ABSENT},
            {"iat": 10**12},
            {"iat": "1"},
            {"nbf": 10**12},
            {"jti": ABSENT},
            {"jti": 5},
            {"jti": ""},
            {"jti": "a b"},
            {"token_type": ABSENT},
            {"token_type": "refresh"},
            {"token_type": "sliding"},
            {"token_type": ["access"]},
            {"token_type": None},
            {"user_id": ABSENT},
            {"user_id": None},
            {"user_id": True},
            {"user_id": 1.0},
            {"user_id": "1 OR 1=1"},
            {"user_id": [1]},
            {"user_id": "9" * 400},
            {"user_id": 10**18},
            {"user_id": "-1"},
            {"iss": "https://elsewhere.example"},
            {"iss": ABSENT, "aud": "https://elsewhere.example"},
        ],
        ids=str,
    )
    def test_a_claim_that_is_missing_or_odd_refuses_it(self, ann, changes):
        assert read(make(ann, **changes)).status_code == 401

    def test_a_token_that_lives_longer_than_they_did_is_refused(self, ann):
        now = int(time.time())
        with legacy(ACCESS_TOKEN_LIFETIME="5m"):
            assert read(make(ann, exp=now + 300)).status_code == 200
            assert read(make(ann, exp=now + 301)).status_code == 401
            assert read(make(ann, iat=now - 400, exp=now + 100)).status_code == 401

    def test_after_accept_until_nothing_of_it_is_taken(self, ann):
        token, refresh = make(ann), make(ann, "refresh")
        with legacy(ACCEPT_UNTIL=timezone.now() - timedelta(seconds=1)):
            assert read(token).status_code == 401
            assert post("verify/", token=token).status_code == 401
            assert post("refresh/", refresh=refresh).status_code == 401
            assert post("blacklist/", refresh=refresh).status_code == 401
        assert not TokenSession.objects.exists()

    def test_without_the_setting_nothing_of_it_is_taken(self, ann):
        with override_settings(API_ACCESS={"PEPPERS": PEPPERS}):
            assert read(make(ann)).status_code == 401
            assert post("refresh/", refresh=make(ann, "refresh")).status_code == 401

    def test_without_jwt_among_the_credentials_nothing_of_it_is_taken(self, ann):
        access = {"PEPPERS": PEPPERS, "LEGACY_JWT": LEGACY, "CREDENTIALS": ["api_key"]}
        with override_settings(API_ACCESS=access):
            assert read(make(ann)).status_code == 401

    def test_issuer_and_audience_must_be_the_old_ones(self, ann):
        with legacy(ISSUER="https://old.example", AUDIENCE=["a", "b"]):
            assert read(make(ann, iss="https://old.example", aud="b")).status_code == 200
            assert read(make(ann, iss="https://old.example", aud=["x", "a"])).status_code == 200
            for changes in ({}, {"iss": "https://old.example"}, {"aud": "a"}, {"iss": "https://old.example/", "aud": "a"},
                            {"iss": "https://old.example", "aud": "c"}, {"iss": "https://old.example", "aud": []}):  # fmt: skip
                assert read(make(ann, **changes)).status_code == 401, changes

    def test_a_changed_password_ends_it_where_it_holds_the_mark(self, ann):
        import hashlib

        mark = hashlib.md5(ann.password.encode()).hexdigest().upper()
        with legacy(PASSWORD_CLAIM="hash_password"):
            token = make(ann, hash_password=mark)
            assert read(token).status_code == 200
            assert read(make(ann)).status_code == 401
            assert read(make(ann, hash_password=["x"])).status_code == 401
            ann.set_password("another")
            ann.save()
            assert read(token).status_code == 401

    def test_ours_and_old_ones_are_taken_side_by_side(self, ann):
        ours = post("", username="ann", password="secret").json()["access"]
        assert [read(token).status_code for token in (ours, make(ann), ours)] == [200, 200, 200]


class TestForgery:
    @pytest.mark.parametrize(
        "headers",
        [{"kid": "x"}, {"typ": "at+jwt"}, {"typ": None}, {"jku": "https://evil.example"}, {"jwk": {}}, {"crit": ["exp"]},
         {"x5u": "https://evil.example"}, {"cty": "JWT"}, {"extra": 1}],
        ids=str,
    )  # fmt: skip
    def test_a_header_that_simplejwt_never_wrote_refuses_it(self, ann, headers):
        assert read(make(ann, headers=headers)).status_code == 401

    def test_another_key_is_refused(self, ann):
        assert read(make(ann, key=KEY + "x")).status_code == 401
        later.flush()
        assert Event.objects.filter(action="credential.refused", reason="bad_signature").exists()

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
    def test_another_hash_under_the_same_key_is_refused(self, ann, algorithm):
        assert read(make(ann, algorithm=algorithm)).status_code == 401

    def test_no_algorithm_is_refused(self, ann):
        _head, body, _signature = make(ann).split(".")
        for name in ("none", "None", "NONE", ""):
            head = base64.urlsafe_b64encode(json.dumps({"alg": name, "typ": "JWT"}).encode()).rstrip(b"=").decode()
            for signature in ("", "AAAA"):
                assert read(f"{head}.{body}.{signature}").status_code == 401

    def test_the_public_key_as_a_shared_secret_is_refused(self, ann):
        public = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        import hashlib
        import hmac

        with legacy(ALGORITHM="RS256", SIGNING_KEY=None, VERIFYING_KEY=public):
            head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
            body = make(ann).split(".")[1].encode()
            signature = hmac.digest(public.encode(), head + b"." + body, hashlib.sha256)
            forged = b".".join([head, body, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()
            assert read(forged).status_code == 401
            assert read(make(ann)).status_code == 401

    @pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
    def test_asymmetric_tokens_are_taken_under_their_own_algorithm_alone(self, ann, algorithm):
        private = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else (
            rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )  # fmt: skip
        with legacy(ALGORITHM=algorithm, SIGNING_KEY=None, VERIFYING_KEY=pem(private)):
            assert read(make(ann, key=private, algorithm=algorithm)).status_code == 200
            if algorithm != "ES256":
                other = "PS256" if algorithm == "RS256" else "RS256"
                assert read(make(ann, key=private, algorithm=other)).status_code == 401

    def test_the_parts_cannot_be_exchanged_or_padded(self, ann, make_user):
        root = make_user("root", "docs:read", is_superuser=True)
        head, body, signature = make(ann).split(".")
        assert read(f"{head}.{make(root).split('.')[1]}.{signature}").status_code == 401
        assert read(f"{head}.{body}.{signature}=").status_code == 401
        assert read(f"{head}.{body}.{signature}.x").status_code == 401

    def test_repeated_members_are_refused_though_rightly_signed(self, ann):
        import hashlib
        import hmac

        head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
        good = base64.urlsafe_b64decode(make(ann).split(".")[1] + "==")
        twice = good[:-1] + b',"user_id":"1"}'
        body = base64.urlsafe_b64encode(twice).rstrip(b"=")
        signature = base64.urlsafe_b64encode(hmac.digest(KEY.encode(), head + b"." + body, hashlib.sha256)).rstrip(b"=")
        assert read(b".".join([head, body, signature]).decode()).status_code == 401

    def test_a_token_of_ours_signed_by_nobody_is_not_an_old_one(self, ann):
        ours = post("", username="ann", password="secret").json()["access"]
        claims = jwt.decode(ours, options={"verify_signature": False})
        assert read(jwt.encode(claims, KEY, algorithm="HS256", headers={"typ": "at+jwt"})).status_code == 401
        assert read(jwt.encode(claims, KEY, algorithm="HS256")).status_code == 401


class TestOldRefreshTokens:
    def test_it_becomes_a_session_once(self, ann):
        old = make(ann, "refresh")
        pair = post("refresh/", refresh=old).json()
        assert set(pair) == {"access", "refresh"}
        assert read(pair["access"]).status_code == 200
        session = TokenSession.objects.get()
        assert (session.user, session.amr, session.acr) == (ann, "", "")
        assert post("refresh/", refresh=pair["refresh"]).status_code == 200

    def test_nothing_of_it_is_stored_but_a_hash(self, ann):
        old = make(ann, "refresh", jti="an-old-id")
        post("refresh/", refresh=old)
        row = RefreshToken.objects.get(generation=1)
        assert row.public_id[0] == FOREIGN
        assert FOREIGN not in ALPHABET
        assert "an-old-id" not in row.digest
        assert not any(old[:40] in str(vars(event)) for event in Event.objects.all())

    def test_a_client_that_lost_the_answer_may_come_again_at_once(self, ann):
        old = make(ann, "refresh")
        lost, found = (post("refresh/", refresh=old).json() for _ in range(2))
        assert TokenSession.objects.count() == 1
        assert post("refresh/", refresh=found["refresh"]).status_code == 200
        assert post("refresh/", refresh=lost["refresh"]).status_code == 401

    def test_a_retry_replaces_the_answer_that_was_lost_for_good(self, ann):
        old = make(ann, "refresh")
        lost = post("refresh/", refresh=old).json()["refresh"]
        found = post("refresh/", refresh=old).json()["refresh"]
        assert post("refresh/", refresh=lost).status_code == 401  # somebody has what the client said it had not
        assert post("refresh/", refresh=found).status_code == 401

    @pytest.mark.parametrize("log_out", [False, True])
    def test_pruning_never_makes_a_used_one_usable_again(self, ann, log_out):
        now = int(time.time())
        old = make(ann, "refresh", exp=now + 80 * 86400)
        pair = post("refresh/", refresh=old).json()
        if log_out:
            post("blacklist/", refresh=pair["refresh"])
            post("blacklist/", refresh=make(ann, "refresh"))
        long_ago = timezone.now() - timedelta(days=300)
        RefreshToken.objects.exclude(used_at=None).update(used_at=long_ago)
        TokenSession.objects.exclude(revoked_at=None).update(revoked_at=long_ago)
        call_command("prune_access", verbosity=0, stdout=io.StringIO())
        assert post("refresh/", refresh=old).status_code == 401
        TokenSession.objects.update(expires_at=long_ago)
        call_command("prune_access", verbosity=0, stdout=io.StringIO())
        assert not TokenSession.objects.exists()

    def test_used_again_later_it_ends_the_session_and_says_so(self, ann):
        old = make(ann, "refresh")
        pair = post("refresh/", refresh=old).json()
        RefreshToken.objects.filter(generation=1).update(used_at=timezone.now() - timedelta(minutes=1))
        assert post("refresh/", refresh=old).json()["code"] == "token_not_valid"
        assert read(pair["access"]).status_code == 401
        assert Event.objects.filter(action="refresh.replayed").count() == 1

    def test_used_again_after_its_child_it_ends_the_session(self, ann):
        old = make(ann, "refresh")
        pair = post("refresh/", refresh=post("refresh/", refresh=old).json()["refresh"]).json()
        assert post("refresh/", refresh=old).status_code == 401
        assert read(pair["access"]).status_code == 401

    def test_an_access_token_is_no_refresh_token_and_the_other_way_round(self, ann):
        assert post("refresh/", refresh=make(ann)).status_code == 401
        assert read(make(ann, "refresh")).status_code == 401
        assert post("blacklist/", refresh=make(ann)).status_code == 401
        assert not TokenSession.objects.exists()

    def test_an_inactive_user_gets_no_session(self, ann):
        old = make(ann, "refresh")
        ann.is_active = False
        ann.save()
        assert post("refresh/", refresh=old).status_code == 401
        assert Event.objects.filter(action="refresh.refused", reason="principal_inactive").exists()
        assert not TokenSession.objects.exists()

    def test_one_without_an_end_is_refused(self, ann):
        assert post("refresh/", refresh=make(ann, "refresh", exp=ABSENT)).status_code == 401

    def test_one_that_is_older_than_a_session_may_be_is_refused(self, ann):
        old = int(time.time()) - 89 * 86400
        access = {"PEPPERS": PEPPERS, "LEGACY_JWT": {**LEGACY, "REFRESH_TOKEN_LIFETIME": "365d"}}
        token = make(ann, "refresh", iat=old, exp=old + 300 * 86400)
        with override_settings(API_ACCESS={**access, "SESSION_MAX_LIFETIME": "30d"}):
            assert post("refresh/", refresh=token).status_code == 401
        with override_settings(API_ACCESS=access):
            assert post("refresh/", refresh=token).status_code == 200

    def test_the_session_has_only_the_scopes_that_the_setting_names(self, make_user):
        both = make_user("both", "docs:read", "reports:read")
        with legacy(SCOPES=["reports:read"]):
            pair = post("refresh/", refresh=make(both, "refresh")).json()
        assert read(pair["access"]).status_code == 403
        assert read(pair["access"], "/report/").status_code == 200

    def test_blacklisted_before_it_was_used_it_is_dead(self, ann):
        old = make(ann, "refresh")
        assert post("verify/", token=old).status_code == 200
        assert post("blacklist/", refresh=old).json() == {}
        assert post("verify/", token=old).status_code == 401
        assert post("refresh/", refresh=old).status_code == 401
        assert post("blacklist/", refresh=old).status_code == 401
        assert not TokenSession.objects.live().exists()
        assert not Event.objects.filter(action="refresh.replayed").exists()

    def test_blacklisting_one_that_was_exchanged_ends_its_session(self, ann):
        old = make(ann, "refresh")
        pair = post("refresh/", refresh=old).json()
        assert post("blacklist/", refresh=old).json() == {}
        assert read(pair["access"]).status_code == 401

    def test_blacklisting_is_for_those_who_hold_the_token(self, ann):
        assert post("blacklist/", refresh=make(ann, "refresh", key="x" * 64)).status_code == 401
        assert not RefreshToken.objects.exists()

    def test_an_access_token_whose_id_was_blacklisted_is_refused(self, ann):
        post("blacklist/", refresh=make(ann, "refresh", jti="shared"))
        assert read(make(ann, jti="shared")).status_code == 401

    def test_the_log_out_of_one_ends_no_other(self, ann, make_user):
        ben = make_user("ben", "docs:read")
        mine, theirs, second = make(ann, "refresh"), make(ben, "refresh"), make(ann, "refresh")
        post("blacklist/", refresh=mine)
        assert post("refresh/", refresh=theirs).status_code == 200
        assert post("refresh/", refresh=second).status_code == 200

    def test_the_same_id_of_another_user_takes_nobodys_session(self, ann, make_user):
        ben = make_user("ben", "docs:read")
        post("refresh/", refresh=make(ann, "refresh", jti="twice"))
        assert post("refresh/", refresh=make(ben, "refresh", jti="twice")).status_code == 401
        assert TokenSession.objects.live().get().user == ann


class TestSetting:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"ALGORITHM": "none"}, "ALGORITHM"),
            ({"ALGORITHM": None}, "ALGORITHM"),
            ({"SIGNING_KEY": "short"}, "has 5 bytes and HS256 needs 32"),
            ({"ALGORITHM": "HS512", "SIGNING_KEY": "x" * 63}, "needs 64"),
            ({"SIGNING_KEY": "-----BEGIN PUBLIC KEY-----\nabc" + "x" * 64}, "asymmetric"),
            ({"VERIFYING_KEY": "x" * 64}, "VERIFYING_KEY is left out"),
            ({"SIGNING_KEY": None}, "SIGNING_KEY"),
            ({"ALGORITHM": "RS256"}, "SIGNING_KEY is left out"),
            ({"ALGORITHM": "RS256", "SIGNING_KEY": None, "VERIFYING_KEY": "x"}, "no public key in PEM"),
            ({"ACCEPT_UNTIL": None}, "ACCEPT_UNTIL"),
            ({"ACCEPT_UNTIL": "soon"}, "ACCEPT_UNTIL"),
            ({"ACCEPT_UNTIL": "2027-02-31"}, "ACCEPT_UNTIL"),
            ({"SCOPES": None}, "SCOPES"),
            ({"SCOPES": []}, "SCOPES"),
            ({"SCOPES": "docs:read"}, "SCOPES"),
            ({"SCOPES": ["docs:raed"]}, "docs:read"),
            ({"USER_ID_FIELD": "nickname"}, "no field 'nickname'"),
            ({"USER_ID_FIELD": "first_name"}, "not unique"),
            ({"USER_ID_FIELD": "id__gte"}, "no field"),
            ({"JTI_CLAIM": None}, "JTI_CLAIM"),
            ({"LEEWAY": "1d"}, "LEEWAY"),
            ({"ACCESS_TOKEN_LIFETIME": "forever"}, "ACCESS_TOKEN_LIFETIME"),
            ({"REFRESH_TOKEN_LIFETIME": "9y"}, "REFRESH_TOKEN_LIFETIME"),
            ({"ISSUER": 5}, "ISSUER"),
            ({"AUDIENCE": []}, "AUDIENCE"),
        ],
        ids=str,
    )
    def test_a_value_that_cannot_be_used_is_told_by_a_check_and_opens_nothing(self, ann, changes, said):
        from tests.checking import found

        with legacy(**changes):
            message = found()["apiaccess.E040"].msg
            assert said in message
            assert KEY not in message
            with pytest.raises(ImproperlyConfigured):
                read(make(ann))

    def test_a_name_that_does_not_exist_is_told(self):
        from tests.checking import found

        with legacy(SIGNINGKEY="x"):
            assert "SIGNINGKEY" in found()["apiaccess.E003"].msg

    def test_a_setting_whose_time_is_over_is_told(self):
        from tests.checking import ids

        assert "apiaccess.W042" not in ids()
        with legacy(ACCEPT_UNTIL="2020-01-01"):
            assert "apiaccess.W042" in ids()

    def test_a_day_lasts_until_its_end(self):
        from django_apiaccess.contrib.simplejwt.options import moment

        assert moment("2027-01-31").isoformat() == "2027-02-01T00:00:00+00:00"
        assert moment("2027-01-31T12:00:00+01:00").isoformat() == "2027-01-31T12:00:00+01:00"

    def test_neither_the_key_nor_the_setting_shows_in_a_repr(self):
        from django_apiaccess.contrib.simplejwt.legacy import legacy_tokens

        assert KEY not in repr(legacy_tokens())


def test_an_old_access_token_costs_a_bounded_number_of_queries(ann, django_assert_max_num_queries):
    token = make(ann)
    assert read(token).status_code == 200
    with django_assert_max_num_queries(7):
        assert read(token).status_code == 200
    with django_assert_max_num_queries(0):
        assert read(make(ann, key="x" * 64)).status_code == 401
