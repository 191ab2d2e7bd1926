"""Tokens that are bound to a key (RFC 9449), over HTTP: what opens, and what each broken proof is answered."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from joserfc.jwk import OctKey, RSAKey
from rest_framework.test import APIClient

from django_apiaccess.authn import responses
from django_apiaccess.core import nonces
from django_apiaccess.core.compact import parse
from django_apiaccess.models import Event, TokenSession, UsedProof
from tests.authn.challenges import read_challenges
from tests.test_budgets import statements
from tests.tokens import people

from .proofs import GONE, Holder, b64, send

PATH = "/read-only/"
URL = f"http://testserver{PATH}"


def with_settings(settings, **changes):
    settings.API_ACCESS = {**settings.API_ACCESS, **changes}


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read", "docs:write")


@pytest.fixture
def holder():
    return Holder()


@pytest.fixture
def tokens(ann, holder):
    """The answer to a log-in with a proof."""
    answer = holder.log_in()
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.fixture
def token(tokens):
    return tokens["access_token"]


def dpop_challenge(answer):
    """The DPoP challenge of a 401. Only one scheme says what is wrong."""
    assert answer.status_code == 401, answer.content
    found = {one.scheme: one.parameters for one in read_challenges(answer["WWW-Authenticate"])}
    assert [scheme for scheme, parameters in found.items() if "error" in parameters] == ["dpop"]
    assert found["dpop"]["algs"] == "ES256 EdDSA PS256 RS256"
    return found["dpop"]


def is_bad_proof(answer):
    parameters = dpop_challenge(answer)
    assert parameters["error"] == "invalid_dpop_proof"
    assert answer.json()["code"] == "invalid_dpop_proof"
    return parameters["error_description"]


def is_invalid_token(answer):
    assert dpop_challenge(answer)["error"] == "invalid_token"


class TestOpens:
    @pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256", "RS256"])
    def test_a_token_of_a_log_in_with_a_proof_opens_with_proofs_of_that_key(self, ann, algorithm):
        holder = Holder(algorithm)
        answer = holder.log_in()
        assert answer.status_code == 200, answer.content
        tokens = answer.json()
        assert tokens["token_type"] == "DPoP"
        assert parse(tokens["access_token"]).claims["cnf"] == {"jkt": holder.jkt}
        for _request in range(2):
            assert holder.get(tokens["access_token"]).status_code == 200

    def test_an_rsa_key_of_4096_bits_fits(self, ann):
        holder = Holder("PS256", RSAKey.generate_key(4096, private=True))
        assert holder.get(holder.log_in().json()["access_token"]).status_code == 200

    @pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP", "dPoP"])
    def test_RS06_the_scheme_is_of_any_case(self, holder, token, scheme):
        assert send(token, holder.proof(token=token), scheme=scheme).status_code == 200

    @pytest.mark.parametrize(
        "htu",
        ["HTTP://TESTSERVER/read-only/", "http://testserver:80/read-only/", "http://testserver/%72ead-only/"],
    )
    def test_another_spelling_of_the_url_is_the_same_url(self, holder, token, htu):
        assert holder.get(token, htu=htu).status_code == 200

    def test_the_query_of_the_request_does_not_count(self, holder, token):
        assert send(token, holder.proof(token=token), path=f"{PATH}?page=2").status_code == 200

    @pytest.mark.parametrize("seconds", [-59, -1, 1, 59])
    def test_a_clock_that_is_less_than_a_minute_off_does_not_matter(self, holder, token, seconds):
        assert holder.get(token, iat=int(time.time()) + seconds).status_code == 200

    def test_a_fraction_of_a_second_is_a_moment_too(self, holder, token):
        assert holder.get(token, iat=time.time()).status_code == 200

    def test_it_costs_the_statement_of_a_bearer_token_and_one_write(self, holder, token):
        holder.get(token)
        client = holder.client(token)
        with statements() as seen:
            assert client.get(PATH).status_code == 200
        assert [sql.split()[0] for sql in seen] == ["SELECT", "INSERT"]

    def test_a_bearer_token_costs_what_it_did(self, ann):
        client = people.bearer(people.log_in().access)
        client.get(PATH)
        with statements() as seen:
            assert client.get(PATH).status_code == 200
        assert [sql.split()[0] for sql in seen] == ["SELECT"]

    def test_with_a_shared_cache_nothing_is_written(self, settings, holder, token):
        with_settings(settings, SHARED_CACHE="default")
        holder.get(token)
        client = holder.client(token)
        with statements() as seen:
            assert client.get(PATH).status_code == 200
            assert client.get(PATH).status_code == 401  # the same proof again
        assert [sql.split()[0] for sql in seen if "event" not in sql.lower()] == ["SELECT", "SELECT"]

    @pytest.mark.parametrize("proof", ["", "x", "a.b.c"])
    def test_a_bearer_token_does_not_mind_a_dpop_header(self, ann, proof):
        assert send(people.log_in().access, proof, scheme="Bearer").status_code == 200


def resigned(proof, change):
    """The proof with `change(head, body, signature)` for its parts."""
    return ".".join(change(*proof.split(".")))


EC_PRIVATE = "the private key"
BROKEN = {
    "1-no-header": lambda holder, token: None,
    "1-empty-header": lambda holder, token: "",
    "1-two-headers": lambda holder, token: f"{holder.proof(token=token)},{holder.proof(token=token)}",
    "1-two-headers-spaced": lambda holder, token: f"{holder.proof(token=token)}, {holder.proof(token=token)}",
    "2-no-jwt": lambda holder, token: "proof",
    "2-two-parts": lambda holder, token: holder.proof(token=token).rpartition(".")[0],
    "2-four-parts": lambda holder, token: holder.proof(token=token) + ".x",
    "2-padded": lambda holder, token: holder.proof(token=token) + "=",
    "2-space": lambda holder, token: holder.proof(token=token) + " ",
    "2-garbage": lambda holder, token: "\x7f\xff" * 50,
    "2-huge": lambda holder, token: "a" * 100_000,
    "2-huge-jwt": lambda holder, token: holder.proof(token=token, padding="x" * 4000),
    "2-deep": lambda holder, token: holder.proof(token=token, deep=[[[[[[1]]]]]]),
    "2-claims-are-a-list": lambda holder, token: holder.sign(
        {"typ": "dpop+jwt", "alg": "ES256", "jwk": holder.public}, ["jti"]
    ),
    "3-no-jti": lambda holder, token: holder.proof(token=token, jti=GONE),
    "3-no-htm": lambda holder, token: holder.proof(token=token, htm=GONE),
    "3-no-htu": lambda holder, token: holder.proof(token=token, htu=GONE),
    "3-no-iat": lambda holder, token: holder.proof(token=token, iat=GONE),
    "3-no-ath": lambda holder, token: holder.proof(token=None),
    "3-empty-jti": lambda holder, token: holder.proof(token=token, jti=""),
    "3-long-jti": lambda holder, token: holder.proof(token=token, jti="j" * 129),
    "3-jti-number": lambda holder, token: holder.proof(token=token, jti=7),
    "3-jti-nul": lambda holder, token: holder.proof(token=token, jti="a\0b"),
    "4-typ-jwt": lambda holder, token: holder.proof(token=token, header={"typ": "JWT"}),
    "4-typ-missing": lambda holder, token: holder.proof(token=token, header={"typ": GONE}),
    "4-typ-case": lambda holder, token: holder.proof(token=token, header={"typ": "DPoP+JWT"}),
    "4-typ-prefixed": lambda holder, token: holder.proof(token=token, header={"typ": "application/dpop+jwt"}),
    "4-typ-at": lambda holder, token: holder.proof(token=token, header={"typ": "at+jwt"}),
    "5-alg-none": lambda holder, token: holder.proof(token=token, header={"alg": "none"}),
    "5-alg-None": lambda holder, token: holder.proof(token=token, header={"alg": "None"}),
    "5-alg-hs256-oct": lambda holder, token: symmetric(token),
    "5-alg-hs256-ec": lambda holder, token: holder.proof(token=token, header={"alg": "HS256"}),
    "5-alg-es384": lambda holder, token: holder.proof(token=token, header={"alg": "ES384"}),
    "5-alg-of-another-type": lambda holder, token: holder.proof(token=token, header={"alg": "RS256"}),
    "5-alg-list": lambda holder, token: holder.proof(token=token, header={"alg": ["ES256"]}),
    "5-alg-missing": lambda holder, token: holder.proof(token=token, header={"alg": GONE}),
    "6-signature-of-another-key": lambda holder, token: Holder().proof(token=token, header={"jwk": holder.public}),
    "6-signature-empty": lambda holder, token: resigned(holder.proof(token=token), lambda h, b, s: (h, b, "")),
    "6-signature-truncated": lambda holder, token: resigned(holder.proof(token=token), lambda h, b, s: (h, b, s[:-4])),
    "6-signature-zero": lambda holder, token: resigned(
        holder.proof(token=token), lambda h, b, s: (h, b, b64(bytes(64)))
    ),
    "6-claims-of-another": lambda holder, token: resigned(
        holder.proof(token=token), lambda h, b, s: (h, holder.proof(token=token).split(".")[1], s)
    ),
    "7-jwk-private": lambda holder, token: holder.proof(
        token=token, header={"jwk": {**holder.key.as_dict(private=True)}}
    ),
    "7-jwk-missing": lambda holder, token: holder.proof(token=token, header={"jwk": GONE}),
    "7-jwk-text": lambda holder, token: holder.proof(token=token, header={"jwk": json.dumps(holder.public)}),
    "7-jwk-empty": lambda holder, token: holder.proof(token=token, header={"jwk": {}}),
    "7-jwk-padded": lambda holder, token: holder.proof(
        token=token, header={"jwk": {**holder.public, "x": holder.public["x"] + "="}}
    ),
    "7-jwk-off-the-curve": lambda holder, token: holder.proof(
        token=token, header={"jwk": {**holder.public, "y": holder.public["x"]}}
    ),
    "7-jku": lambda holder, token: holder.proof(token=token, header={"jku": "https://evil.example/keys"}),
    "7-crit": lambda holder, token: holder.proof(token=token, header={"crit": ["x"], "x": 1}),
    "8-htm-other": lambda holder, token: holder.proof("POST", token=token),
    "8-htm-lower": lambda holder, token: holder.proof("get", token=token),
    "8-htm-list": lambda holder, token: holder.proof(token=token, htm=["GET"]),
    "9-htu-other-path": lambda holder, token: holder.proof(url="http://testserver/report/", token=token),
    "9-htu-no-slash": lambda holder, token: holder.proof(url="http://testserver/read-only", token=token),
    "9-htu-other-host": lambda holder, token: holder.proof(url="http://evil.example/read-only/", token=token),
    "9-htu-other-port": lambda holder, token: holder.proof(url="http://testserver:8080/read-only/", token=token),
    "9-htu-other-scheme": lambda holder, token: holder.proof(url="https://testserver/read-only/", token=token),
    "9-htu-query": lambda holder, token: holder.proof(url=f"{URL}?page=2", token=token),
    "9-htu-fragment": lambda holder, token: holder.proof(url=f"{URL}#top", token=token),
    "9-htu-relative": lambda holder, token: holder.proof(url=PATH, token=token),
    "9-htu-dots": lambda holder, token: holder.proof(url="http://testserver/report/../read-only/", token=token),
    "9-htu-user": lambda holder, token: holder.proof(url="http://ann@testserver/read-only/", token=token),
    "9-htu-null": lambda holder, token: holder.proof(token=token, htu=None),
    "9-htu-port-of-letters": lambda holder, token: holder.proof(url="http://testserver:port/read-only/", token=token),
    "10-nonce-is-tested-apart": lambda holder, token: holder.proof(token=token, jti=None),
    "11-iat-old": lambda holder, token: holder.proof(token=token, iat=int(time.time()) - 62),
    "11-iat-ahead": lambda holder, token: holder.proof(token=token, iat=int(time.time()) + 63),
    "11-iat-text": lambda holder, token: holder.proof(token=token, iat=str(int(time.time()))),
    "11-iat-true": lambda holder, token: holder.proof(token=token, iat=True),
    "11-iat-milliseconds": lambda holder, token: holder.proof(token=token, iat=int(time.time() * 1000)),
    "12-ath-of-another-token": lambda holder, token: holder.proof(token=token + "x"),
    "12-ath-in-hex": lambda holder, token: holder.proof(token=token, ath="0" * 64),
    "12-ath-padded": lambda holder, token: holder.proof(
        token=token, ath=parse(holder.proof(token=token), allowed=frozenset({"jwk"})).claims["ath"] + "="
    ),
    "12-ath-list": lambda holder, token: holder.proof(token=token, ath=["x"]),
    "12-ath-unicode": lambda holder, token: holder.proof(token=token, ath="é" * 43),
    "12-ath-surrogate": lambda holder, token: holder.proof(token=token, ath="\ud800"),
    "9-htu-surrogate": lambda holder, token: holder.proof(url="http://testserver/\ud800", token=token),
    "3-jti-surrogate": lambda holder, token: holder.proof(token=token, jti="\ud800"),
    "7-jwk-surrogate": lambda holder, token: holder.proof(
        token=token, header={"jwk": {**holder.public, "x": "\ud800" * 43}}
    ),
}


def symmetric(token):
    """A proof whose key in the header is the secret that signs it."""
    key = OctKey.generate_key(256)
    holder = Holder("HS256", key)
    return holder.proof(token=token, header={"jwk": key.as_dict()})


class TestRS08:
    @pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
    def test_RS08_each_broken_check_is_a_401_that_names_it(self, holder, token, broken):
        description = is_bad_proof(send(token, broken(holder, token)))
        assert description.isascii()
        assert len(description) < 160
        assert not UsedProof.objects.filter(expires_at__gt=timezone.now() + timedelta(hours=1)).exists()

    def test_RS08_the_same_proof_twice_opens_once(self, holder, token):
        client = holder.client(token)
        assert client.get(PATH).status_code == 200
        assert "used before" in is_bad_proof(client.get(PATH))

    def test_RS08_a_jti_counts_for_its_key_alone(self, ann, holder, token):
        other = Holder()
        others = other.log_in().json()["access_token"]
        assert holder.get(token, jti="one").status_code == 200
        assert other.get(others, jti="one").status_code == 200
        assert holder.get(token, jti="one").status_code == 401

    def test_RS08_a_proof_of_the_log_in_opens_nothing(self, holder, token):
        is_bad_proof(send(token, holder.proof("POST", "http://testserver/access/token/")))

    def test_RS08_the_key_must_be_that_of_the_token(self, holder, token):
        answer = Holder().get(token)
        assert dpop_challenge(answer) == {
            "realm": "api",
            "algs": "ES256 EdDSA PS256 RS256",
            "error": "invalid_token",
            "error_description": "Invalid DPoP key binding",
        }
        assert Event.objects.filter(reason="other_key").count() == 1

    def test_a_proof_of_another_key_is_not_remembered(self, holder, token):
        before = UsedProof.objects.count()
        Holder().get(token)
        assert UsedProof.objects.count() == before

    def test_RS08_other_methods_need_their_own_proofs(self, holder, token):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"DPoP {token}", HTTP_DPOP=holder.proof("GET", token=token))
        is_bad_proof(client.post(PATH, {}))
        assert client.head(PATH).status_code == 401
        assert holder.client(token, method="HEAD").head(PATH).status_code == 200

    def test_the_event_says_which_check_failed_and_whose_token_it_was(self, ann, holder, token):
        send(token, holder.proof("POST", token=token))
        event = Event.objects.get(reason="bad_proof")
        assert "htm" in str(vars(event))
        assert token not in str(vars(event))

    def test_RS02_a_bad_token_is_one_answer_whatever_its_proof_says(self, holder, token):
        TokenSession.objects.update(revoked_at=timezone.now())
        answers = [send(token, proof) for proof in (holder.proof(token=token), None, "x", Holder().proof(token=token))]
        for answer in answers:
            is_invalid_token(answer)
        assert len({(answer.content, answer["WWW-Authenticate"]) for answer in answers}) == 1


class TestRS09:
    def test_RS09_a_bound_token_is_no_bearer_token(self, holder, token):
        for proof in (None, holder.proof(token=token)):
            answer = send(token, proof, scheme="Bearer")
            assert answer.status_code == 401
            assert answer["WWW-Authenticate"].split(", resource_metadata")[0].startswith("Api-Key")
            found = {one.scheme: one.parameters for one in read_challenges(answer["WWW-Authenticate"])}
            assert found["bearer"]["error"] == "invalid_token"
            assert "error" not in found["dpop"]
        assert Event.objects.filter(reason="proof_missing").count() == 2

    def test_RS09_a_bound_token_that_is_remembered_is_none_either(self, settings, holder, token):
        with_settings(settings, CACHE_SECONDS=30, GENERATION_SECONDS=30, MAX_REVOCATION_LAG=60)
        for _request in range(2):
            assert holder.get(token).status_code == 200
            assert send(token, None, scheme="Bearer").status_code == 401
        client = holder.client(token)
        assert [client.get(PATH).status_code for _request in range(2)] == [200, 401]

    def test_an_unbound_token_is_no_dpop_token(self, ann, holder):
        token = people.log_in().access
        is_invalid_token(send(token, holder.proof(token=token)))
        assert Event.objects.filter(reason="not_bound").count() == 1

    def test_B8_whoever_sends_another_scheme_is_refused(self, holder, token):
        for scheme in ("Token", "Api-Key", "Basic"):
            assert send(token, holder.proof(token=token), scheme=scheme).status_code == 401


class TestAnswers:
    def test_RS01_without_a_credential_all_schemes_are_offered_and_none_is_in_error(self, db):
        answer = APIClient().get(PATH)
        found = read_challenges(answer["WWW-Authenticate"])
        assert [one.scheme for one in found] == ["api-key", "bearer", "dpop"]
        assert not any("error" in one.parameters for one in found)
        assert found[2].parameters == {"realm": "api", "algs": "ES256 EdDSA PS256 RS256"}

    def test_dpop_is_offered_only_where_something_can_be_bound(self, settings):
        with_settings(settings, CREDENTIALS=["basic", "session"])
        assert "DPoP" not in responses.challenges_of(responses.NOT_AUTHENTICATED)

    def test_RS03_too_little_scope_is_said_in_the_challenge_of_the_scheme(self, holder, token):
        answer = holder.get(token, "/report/")
        assert answer.status_code == 403
        (found,) = read_challenges(answer["WWW-Authenticate"])
        assert found.scheme == "dpop"
        assert found.parameters["error"] == "insufficient_scope"

    def test_RS04_a_dpop_credential_beside_another_is_a_400(self, holder, token):
        answer = send(token, holder.proof(token=token), HTTP_X_API_KEY="ak_x")
        assert answer.status_code == 400

    @pytest.mark.parametrize("value", ["", " ", "a b", "a\tb", '"x"', "x" * 9000, "é"])
    def test_RS06_what_is_no_credential_is_a_401(self, db, value):
        assert APIClient().get(PATH, HTTP_AUTHORIZATION=f"DPoP {value}").status_code in {400, 401}

    def test_the_document_says_what_is_taken(self, settings, client):
        document = client.get("/.well-known/oauth-protected-resource").json()
        assert document["dpop_signing_alg_values_supported"] == ["ES256", "EdDSA", "PS256", "RS256"]
        assert "dpop_bound_access_tokens_required" not in document
        with_settings(settings, DPOP={"REQUIRED": True})
        assert client.get("/.well-known/oauth-protected-resource").json()["dpop_bound_access_tokens_required"] is True


class TestExternalURL:
    PROXY = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_PROTO": "https", "HTTP_HOST": "api.example"}
    INNER, OUTER = "http://api.example/read-only/", "https://api.example/read-only/"

    def test_RS08_behind_a_trusted_proxy_that_ends_tls_the_url_is_the_clients(self, settings, holder, token):
        with_settings(settings, TRUSTED_PROXIES=["10.0.0.0/8"])
        assert send(token, holder.proof(url=self.OUTER, token=token), **self.PROXY).status_code == 200
        is_bad_proof(send(token, holder.proof(url=self.INNER, token=token), **self.PROXY))

    def test_RS08_what_a_client_says_of_tls_counts_for_nothing(self, settings, holder, token):
        with_settings(settings, TRUSTED_PROXIES=["192.0.2.0/24"])
        is_bad_proof(send(token, holder.proof(url=self.OUTER, token=token), **self.PROXY))
        assert send(token, holder.proof(url=self.INNER, token=token), **self.PROXY).status_code == 200

    def test_the_host_is_the_one_that_django_believes(self, settings, holder, token):
        settings.USE_X_FORWARDED_HOST = True
        with_settings(settings, TRUSTED_PROXIES=["10.0.0.0/8"])
        proxied = {**self.PROXY, "HTTP_HOST": "inner:8000", "HTTP_X_FORWARDED_HOST": "api.example"}
        assert send(token, holder.proof(url=self.OUTER, token=token), **proxied).status_code == 200

    def test_a_prefix_that_the_server_takes_off_belongs_to_the_url(self, holder, token):
        prefixed = "http://testserver/shop/read-only/"
        assert send(token, holder.proof(url=prefixed, token=token), SCRIPT_NAME="/shop").status_code == 200

    def test_over_plain_http_nothing_is_looked_at_where_tls_is_required(self, settings, holder, token):
        with_settings(settings, REQUIRE_TLS=True)
        assert holder.get(token).status_code == 403


class TestNonce:
    @pytest.fixture(autouse=True)
    def _demanded(self, settings, ann):
        with_settings(settings, DPOP={"NONCE": True})

    @pytest.fixture
    def token(self, holder):
        answer = holder.log_in(nonce=self.nonce(holder.log_in(), 400))
        assert answer.status_code == 200, answer.content
        assert answer["DPoP-Nonce"]
        return answer.json()["access_token"]

    @staticmethod
    def nonce(answer, status=401):
        """The nonce that an answer which demands one hands out."""
        assert answer.status_code == status, answer.content
        assert answer.json()["code"] == "use_dpop_nonce"
        assert len(answer["DPoP-Nonce"]) >= 22
        return answer["DPoP-Nonce"]

    def test_OA20_the_log_in_demands_it_and_says_which(self, holder, token):
        assert parse(token).claims["cnf"]["jkt"] == holder.jkt

    def test_RS08_a_request_without_it_learns_it_and_then_passes(self, holder, token):
        answer = holder.get(token)
        assert dpop_challenge(answer)["error"] == "use_dpop_nonce"
        passed = holder.get(token, nonce=self.nonce(answer))
        assert passed.status_code == 200
        assert passed["DPoP-Nonce"]

    @pytest.mark.parametrize("nonce", ["", "x", None, 7, ["x"], "é", "\ud800", "x" * 2000])
    def test_RS08_a_nonce_of_somebody_else_is_none(self, holder, token, nonce):
        assert holder.get(token, nonce=nonce).json()["code"] == "use_dpop_nonce"

    def test_it_lives_for_two_windows(self, settings, holder, token):
        now, peppers = time.time(), settings.API_ACCESS["PEPPERS"]
        assert holder.get(token, nonce=nonces.make(peppers, now - nonces.WINDOW)).status_code == 200
        for moment in (now - 2 * nonces.WINDOW, now + nonces.WINDOW):
            assert holder.get(token, nonce=nonces.make(peppers, moment)).json()["code"] == "use_dpop_nonce"

    def test_one_of_a_pepper_that_was_replaced_still_holds(self, settings, holder, token):
        nonce = self.nonce(holder.get(token))
        with_settings(settings, PEPPERS=["another-pepper-0123456789abcdef-0123456789", *settings.API_ACCESS["PEPPERS"]])
        answer = holder.get(token, nonce=nonce)
        assert answer.status_code == 200
        assert answer["DPoP-Nonce"] != nonce

    def test_one_nonce_serves_many_proofs(self, holder, token):
        nonce = self.nonce(holder.get(token))
        assert [holder.get(token, nonce=nonce).status_code for _request in range(3)] == [200] * 3

    def test_bearer_tokens_hear_nothing_of_it(self):
        answer = send(people.log_in().access, None, scheme="Bearer")
        assert answer.status_code == 200
        assert "DPoP-Nonce" not in answer


class TestRequired:
    @pytest.fixture(autouse=True)
    def _demanded(self, settings, ann):
        self.before = people.log_in()
        with_settings(settings, DPOP={"REQUIRED": True})

    def test_OA20_no_token_is_given_without_a_proof(self, holder):
        answer = APIClient().post("/access/token/", {"username": "ann", "password": "secret"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_dpop_proof")
        assert people.refreshed(self.before.refresh).json()["code"] == "invalid_dpop_proof"
        assert holder.log_in().status_code == 200

    def test_an_unbound_token_opens_nothing_any_more(self, holder):
        assert self.before.opens == 401
        assert holder.get(holder.log_in().json()["access_token"]).status_code == 200

    def test_a_refresh_with_a_proof_binds_the_token_of_an_unbound_session(self, holder):
        answer = holder.refresh(self.before.refresh)
        assert answer.json()["token_type"] == "DPoP"
        assert holder.get(answer.json()["access_token"]).status_code == 200


class TestTokenEndpoint:
    def test_OA20_a_refresh_needs_the_same_key(self, holder, tokens):
        other = Holder().refresh(tokens["refresh_token"])
        assert (other.status_code, other.json()["code"]) == (400, "invalid_grant")
        without = people.refreshed(tokens["refresh_token"])
        assert (without.status_code, without.json()["code"]) == (400, "invalid_grant")
        answer = holder.refresh(tokens["refresh_token"])
        assert answer.status_code == 200, "a refused refresh uses nothing up"
        assert answer.json()["token_type"] == "DPoP"
        assert holder.get(answer.json()["access_token"]).status_code == 200
        reasons = Event.objects.filter(action="refresh.refused").values_list("reason", flat=True)
        assert sorted(reasons) == ["other_key", "proof_missing"]

    def test_OA20_a_used_refresh_token_with_another_key_ends_nothing(self, settings, holder, tokens):
        with_settings(settings, REFRESH_GRACE="0s")
        holder.refresh(tokens["refresh_token"])
        assert Holder().refresh(tokens["refresh_token"]).status_code == 400
        assert TokenSession.objects.get().revoked_at is None
        assert holder.refresh(tokens["refresh_token"]).status_code == 400
        assert TokenSession.objects.get().revoked_at is not None

    @pytest.mark.parametrize(
        "broken",
        [
            {"htm": "GET"},
            {"htu": "http://testserver/access/token/refresh/"},
            {"iat": 1},
            {"jti": ""},
            {"header": {"typ": "JWT"}},
            {"header": {"alg": "none"}},
        ],
    )
    def test_OA20_a_bad_proof_is_a_400_and_no_session(self, ann, holder, broken):
        answer = holder.log_in(**broken)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_dpop_proof")
        assert answer["Cache-Control"] == "no-store"
        assert not TokenSession.objects.exists()

    def test_OA20_a_proof_gives_one_session(self, ann, holder):
        proof = holder.proof("POST", "http://testserver/access/token/")
        data = {"username": "ann", "password": "secret"}
        answers = [holder.post("/access/token/", data, proof=proof) for _request in range(2)]
        assert [answer.status_code for answer in answers] == [200, 400]
        assert answers[1].json()["code"] == "invalid_dpop_proof"

    def test_introspection_shows_the_key(self, make_user, make_key, client_of, holder, tokens):
        asking = client_of(make_key(make_user("gate", "tokens:introspect"), "tokens:introspect"))
        for text in (tokens["access_token"], tokens["refresh_token"]):
            told = asking.post("/access/token/introspect/", {"token": text}).json()
            assert told["active"] is True
            assert told["cnf"] == {"jkt": holder.jkt}
        unbound = asking.post("/access/token/introspect/", {"token": people.log_in().access}).json()
        assert "cnf" not in unbound
        assert unbound["token_type"] == "Bearer"

    def test_a_stolen_access_token_can_still_be_ended_by_who_finds_it(self, holder, token):
        assert APIClient().post("/access/token/revoke/", {"token": token}).status_code == 200
        is_invalid_token(holder.get(token))
