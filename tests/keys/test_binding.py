"""API keys that are bound to a public key: their text alone is useless."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from django_apiaccess.authn.kinds import Presented
from django_apiaccess.events.source import Actor, Where
from django_apiaccess.exceptions import InvalidChange, NotHeld
from django_apiaccess.keys import service
from django_apiaccess.keys.binding import thumbprint_of
from django_apiaccess.keys.credential import APIKeyKind, access_of_row
from django_apiaccess.models import APIKey, Event
from tests.authn.challenges import read_challenges
from tests.test_budgets import statements
from tests.tokens.proofs import Holder, send

pytestmark = pytest.mark.django_db
KEYS = "/access/keys/"


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:read", "docs:write")


@pytest.fixture
def holder():
    return Holder()


@pytest.fixture
def bound(ann, make_key, holder):
    return make_key(ann, "docs:read", dpop_jkt=holder.jkt)


@pytest.fixture
def session(ann):
    client = APIClient()
    client.force_login(ann, backend="django.contrib.auth.backends.ModelBackend")
    return client


class TestUse:
    def test_it_opens_with_a_proof(self, holder, bound):
        assert holder.get(bound.text).status_code == 200
        assert holder.get(bound.text).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"HTTP_AUTHORIZATION": "Api-Key {}"},
            {"HTTP_AUTHORIZATION": "Bearer {}"},
            {"HTTP_AUTHORIZATION": "Token {}"},
            {"HTTP_X_API_KEY": "{}"},
            {"HTTP_AUTHORIZATION": "DPoP {}"},
        ],
    )
    @pytest.mark.parametrize("with_proof", [False, True])
    def test_RS09_its_text_alone_opens_nothing_whatever_the_header(self, holder, bound, headers, with_proof):
        filled = {name: value.format(bound.text) for name, value in headers.items()}
        if with_proof:
            filled["HTTP_DPOP"] = holder.proof(token="another")
        answer = APIClient().get("/read-only/", **filled)
        assert answer.status_code == 401
        assert APIKey.objects.get(pk=bound.key.pk).use_count == 0

    def test_RS08_a_proof_counts_once(self, holder, bound):
        client = holder.client(bound.text)
        assert [client.get("/read-only/").status_code for _request in range(2)] == [200, 401]

    def test_RS08_a_proof_of_another_key_or_for_another_token_is_none(self, holder, bound, ann, make_key):
        assert Holder().get(bound.text).status_code == 401
        other = make_key(ann, "docs:read", dpop_jkt=holder.jkt)
        assert send(bound.text, holder.proof(token=other.text)).status_code == 401

    def test_the_answer_to_the_leaked_text_is_that_to_an_unknown_key(self, bound):
        unknown = send("ak_x", None, scheme="Api-Key")
        leaked = send(bound.text, None, scheme="Bearer")
        assert leaked.json()["code"] == unknown.json()["code"] == "invalid_credential"
        assert Event.objects.get(reason="proof_missing").credential_id == str(bound.key.pk)

    def test_an_unbound_key_is_not_sent_as_dpop(self, ann, make_key, holder):
        key = make_key(ann, "docs:read")
        answer = holder.get(key.text)
        assert answer.status_code == 401
        found = {one.scheme: one.parameters for one in read_challenges(answer["WWW-Authenticate"])}
        assert found["dpop"]["error"] == "invalid_token"

    def test_what_else_binds_it_still_does(self, ann, make_key, holder):
        key = make_key(ann, "docs:read", dpop_jkt=holder.jkt, networks="203.0.113.0/24")
        assert holder.get(key.text).status_code == 403

    def test_it_costs_one_statement_and_one_write(self, holder, bound):
        holder.get(bound.text)
        client = holder.client(bound.text)
        with statements() as seen:
            assert client.get("/read-only/").status_code == 200
        assert [sql.split()[0] for sql in seen] == ["SELECT", "INSERT"]

    def test_a_key_that_is_remembered_needs_a_new_proof_too(self, settings, holder, bound):
        settings.API_ACCESS = {
            **settings.API_ACCESS, "CACHE_SECONDS": 30, "GENERATION_SECONDS": 30, "MAX_REVOCATION_LAG": 60,
        }  # fmt: skip
        for _request in range(2):
            client = holder.client(bound.text)
            assert [client.get("/read-only/").status_code for _again in range(2)] == [200, 401]
            assert send(bound.text, None, scheme="Api-Key").status_code == 401


class TestLife:
    def test_a_rotation_keeps_the_binding(self, holder, bound, operator):
        new = service.rotate(bound.key, by=operator, grace=timedelta(0))
        assert holder.get(new.text).status_code == 200
        assert send(new.text, None, scheme="Api-Key").status_code == 401
        assert holder.get(bound.text).status_code == 401

    def test_it_cannot_be_changed(self, bound, operator):
        with pytest.raises(TypeError):
            service.change(bound.key, by=operator, dpop_jkt="")

    def test_other_changes_leave_it(self, holder, bound, operator):
        service.change(bound.key, by=operator, name="other", scopes=["docs:read"])
        assert APIKey.objects.get(pk=bound.key.pk).dpop_jkt == holder.jkt

    @pytest.mark.parametrize("text", ["x", "x" * 42, "x" * 44, "!" * 43, "é" * 43, "A" * 42 + "B"])
    def test_what_is_no_thumbprint_makes_no_key(self, ann, make_key, text):
        with pytest.raises(InvalidChange) as error:
            make_key(ann, "docs:read", dpop_jkt=text)
        assert error.value.field == "dpop_jkt"
        assert not APIKey.objects.exists()

    def test_the_event_of_its_making_names_the_key(self, holder, bound):
        assert Event.objects.get(action="key.created").details["dpop_jkt"] == holder.jkt


class TestIssuedByIt:
    def by(self, ann, bound):
        row = APIKeyKind().verify(Presented("dpop", bound.text))
        return Actor.of_access(access_of_row(row, timezone.now()), Where())

    def test_a_key_that_it_makes_is_bound_as_it_is(self, ann, bound, holder):
        child = service.issue(principal=ann, name="child", scopes=["docs:read"], by=self.by(ann, bound))
        assert child.key.dpop_jkt == holder.jkt
        assert send(child.text, None, scheme="Api-Key").status_code == 401

    def test_it_makes_none_that_is_bound_to_another(self, ann, bound):
        with pytest.raises(NotHeld):
            service.issue(principal=ann, name="x", scopes=["docs:read"], dpop_jkt=Holder().jkt, by=self.by(ann, bound))

    def test_it_reaches_no_unbound_key(self, ann, bound, make_key, holder):
        other = make_key(ann, "docs:read", name="unbound")
        path = f"{KEYS}{other.key.pk}/"
        assert holder.get(bound.text, path).status_code == 404
        assert holder.get(bound.text, f"{KEYS}{bound.key.pk}/").status_code == 200
        with pytest.raises(NotHeld):
            service.rotate(other.key, by=self.by(ann, bound))

    def test_over_http_it_makes_one_with_a_proof(self, bound, holder):
        client = holder.client(bound.text, f"http://testserver{KEYS}", "POST")
        made = client.post(KEYS, {"name": "child", "scopes": ["docs:read"]})
        assert made.status_code == 201, made.content
        assert made.json()["dpop_jkt"] == holder.jkt


class TestOverHTTP:
    def test_its_owner_binds_it_when_it_is_made(self, session, holder):
        made = session.post(KEYS, {"name": "till", "scopes": ["docs:read"], "dpop_jkt": holder.jkt})
        assert made.status_code == 201, made.content
        assert made.json()["dpop_jkt"] == holder.jkt
        assert holder.get(made.json()["key"]).status_code == 200
        assert session.get(f"{KEYS}{made.json()['id']}/").json()["dpop_jkt"] == holder.jkt

    def test_and_never_unbinds_it(self, session, holder):
        made = session.post(KEYS, {"name": "till", "scopes": ["docs:read"], "dpop_jkt": holder.jkt}).json()
        path = f"{KEYS}{made['id']}/"
        for value in ("", Holder().jkt):
            assert session.patch(path, {"dpop_jkt": value}).status_code == 400
        assert session.patch(path, {"dpop_jkt": holder.jkt, "name": "same"}).status_code == 200
        assert session.get(path).json()["dpop_jkt"] == holder.jkt

    @pytest.mark.parametrize("value", ["x", "x" * 43, "x" * 100, 7, None, ["x"]])
    def test_a_bad_thumbprint_is_a_400(self, session, value):
        assert session.post(KEYS, {"name": "till", "scopes": ["docs:read"], "dpop_jkt": value}).status_code == 400
        assert not APIKey.objects.exists()


class TestThumbprintOf:
    def test_it_reads_a_jwk_and_a_file_with_one(self, holder, tmp_path):
        text = json.dumps(holder.public)
        (tmp_path / "key.jwk").write_text(text)
        assert thumbprint_of(text) == thumbprint_of(str(tmp_path / "key.jwk")) == holder.jkt

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("/nowhere/key.jwk", "cannot be read"),
            ("{", "must be a JWK"),
            ("{}", "kty must be"),
            ('{"kty": "oct", "k": "c2VjcmV0"}', "private or symmetric"),
            ('{"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}', "must be P-256"),
            ('{"kty": "EC", "crv": "P-256", "x": "AA"}', "y is missing"),
            ('{"kty": "RSA", "n": "AA", "e": "AQAB"}', "2048"),
        ],
    )
    def test_it_says_what_is_wrong(self, text, said):
        with pytest.raises(InvalidChange, match=said):
            thumbprint_of(text)

    def test_a_private_key_is_refused_and_not_repeated(self, holder):
        private = holder.key.as_dict(private=True)
        with pytest.raises(InvalidChange) as error:
            thumbprint_of(json.dumps(private))
        assert private["d"] not in str(error.value)
