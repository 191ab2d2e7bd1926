"""create_service_account and create_api_key."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from django_apiaccess.core import secrets
from django_apiaccess.models import APIKey, Event, Grant, ServiceAccount
from tests.tokens.proofs import Holder


@pytest.fixture
def ann(make_user):
    return make_user("ann", "docs:write", "reports:read")


class TestServiceAccount:
    def test_it_is_made_with_its_grants(self, run, ann, make_role):
        make_role("editor", "docs:write")
        made = run(
            "create_service_account", "robot", "--owner", "ann", "--purpose", "Prints", "--role", "editor", "--scope", "reports:read",
            "--format", "json",
        )  # fmt: skip
        account = ServiceAccount.objects.get(name="robot")
        assert made.json == {
            "id": account.pk,
            "name": "robot",
            "owner": "ann",
            "purpose": "Prints",
            "roles": ["editor"],
            "scopes": ["reports:read"],
        }
        assert {grant.right for grant in Grant.objects.filter(user=account.user)} == {
            "role editor",
            "scope reports:read",
        }
        assert not account.user.has_usable_password()

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["robot", "--owner", "ana", "--purpose", "x"], "Unknown user 'ana'. Did you mean 'ann'?"),
            (
                ["robot", "--owner", "ann", "--purpose", "x", "--role", "editr"],
                "Unknown role 'editr'. Did you mean 'editor'?",
            ),
            (["robot", "--owner", "ann", "--purpose", "x", "--scope", "docs:reed"], "Did you mean 'docs:read'?"),
            (["ann", "--owner", "ann", "--purpose", "x"], "There is a user or service account named 'ann' already"),
            (["robot", "--owner", "ann", "--purpose", " "], "needs a name and a purpose"),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_is_made(self, refused, ann, make_role, arguments, said):
        make_role("editor", "docs:write")
        events, grants = Event.objects.count(), Grant.objects.count()
        assert said in refused("create_service_account", *arguments)
        assert not ServiceAccount.objects.exists()
        assert (Event.objects.count(), Grant.objects.count()) == (events, grants)


class TestAPIKey:
    def test_it_is_bound_to_a_public_key_given_as_json_as_a_file_or_by_its_thumbprint(self, run, ann, tmp_path):
        holder = Holder()
        text = json.dumps(holder.public)
        (tmp_path / "till.jwk").write_text(text)
        for option in (
            ["--dpop-jwk", text],
            ["--dpop-jwk", str(tmp_path / "till.jwk")],
            ["--dpop-thumbprint", holder.jkt],
        ):
            made = run(
                "create_api_key", "--user", "ann", "--name", "till", "--scope", "docs:read", *option, "--format", "json"
            )
            assert made.json["dpop_jkt"] == APIKey.objects.get(pk=made.json["id"]).dpop_jkt == holder.jkt
            assert "DPoP" in made.err
            assert holder.get(made.json["key"]).status_code == 200
        listed = run("list_api_keys", "--format", "json").json
        assert {row["dpop_jkt"] for row in listed} == {holder.jkt}

    @pytest.mark.parametrize(
        ("option", "said"),
        [
            (["--dpop-thumbprint", "short"], "43 characters"),
            (["--dpop-jwk", "/nowhere/key.jwk"], "cannot be read"),
            (["--dpop-jwk", "{}"], "kty must be"),
        ],
    )
    def test_what_is_no_public_key_makes_no_key(self, refused, ann, option, said):
        assert said in refused("create_api_key", "--user", "ann", "--name", "x", "--scope", "docs:read", *option)
        assert not APIKey.objects.exists()

    def test_json_has_the_promised_names(self, run, ann):
        made = run("create_api_key", "--user", "ann", "--name", "ci", "--scope", "docs:read", "--format", "json").json
        key = APIKey.objects.get()
        assert made.keys() == {"id", "key", "name", "principal", "scopes", "expires_at"}
        assert made["id"] == key.pk
        assert (made["name"], made["principal"], made["scopes"]) == ("ci", "ann", ["docs:read"])
        assert datetime.fromisoformat(made["expires_at"]) == key.expires_at

    def test_the_key_alone_is_on_stdout_and_works(self, run, ann, client_of):
        ran = run("create_api_key", "--user", "ann", "--name", "ci", "--scope", "docs:read")
        text = ran.out.strip()
        assert secrets.split(text, "ak")
        assert text not in ran.err
        assert client_of(text).get("/read-only/").status_code == 200

    def test_the_key_stands_in_no_event(self, run, ann):
        text = run("create_api_key", "--user", "ann", "--name", "ci", "--scope", "docs:read").out.strip()
        event = Event.objects.get(action="key.created")
        assert (event.actor_kind, event.actor_label) == ("command", "create_api_key")
        assert text[20:] not in str(vars(event))

    def test_several_scopes_networks_and_origins_come_repeated_or_together(self, run, ann):
        run(
            "create_api_key", "--user", "ann", "--name", "ci", "--scope", "docs:read", "reports:read", "--scope", "docs:write",
            "--network", "203.0.113.0/24", "--network", "2001:db8::/32", "--origin", "https://shop.example", "--rate", "100/min",
        )  # fmt: skip
        key = APIKey.objects.get()
        assert key.scopes == {"docs:read", "docs:write", "reports:read"}
        assert (key.networks, key.origins, key.rate) == (
            "203.0.113.0/24 2001:db8::/32",
            "https://shop.example",
            "100/min",
        )

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("2090-12-31", datetime(2090, 12, 31, 23, tzinfo=UTC)),
            ("2090-12-31T18:00", datetime(2090, 12, 31, 17, tzinfo=UTC)),
            ("2090-12-31T18:00+02:00", datetime(2090, 12, 31, 16, tzinfo=UTC)),
            ("never", None),
        ],
    )
    def test_an_expiry_is_a_date_a_time_or_never(self, run, ann, given, expected, settings):
        settings.TIME_ZONE = "Etc/GMT-1"  # an hour east of Greenwich
        run("create_api_key", "--user", "ann", "--name", "ci", "--scope", "docs:read", "--expires", given)
        assert APIKey.objects.get().expires_at == expected

    def test_an_expiry_is_a_duration(self, run, ann):
        run("create_api_key", "--user", "ann", "--name", "ci", "--scope", "docs:read", "--expires", "90d")
        assert abs(APIKey.objects.get().expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)

    @pytest.mark.parametrize(
        ("option", "value", "said"),
        [
            ("--expires", "2090-02-30", "Did you mean '2090-02-28'?"),
            ("--expires", "2090-13-01", "Did you mean '2090-12-01'?"),
            ("--expires", "31.12.2090", "Did you mean '2090-12-31'?"),
            ("--expires", "2090/1/5", "Did you mean '2090-01-05'?"),
            ("--expires", "90 days", "Did you mean '90d'?"),
            ("--expires", "3 months", "Did you mean '90d'?"),
            ("--expires", "tomorrow", "write a duration (90d), a date"),
            ("--expires", "9999-12-31", "no date that exists"),
            ("--expires", "99999999y", "no date that exists"),
            ("--expires", "2001-01-01", "must lie in the future"),
            ("--expires", "0", "must lie in the future"),
            ("--scope", "docs:raed", "Did you mean 'docs:read'?"),
            ("--scope", "docs:delete", "ann does not hold docs:delete"),
            ("--network", "10.0.0.300", "is not a network"),
            ("--origin", "shop.example", "is not an origin"),
            ("--rate", "100 per minute", "is not a rate"),
            ("--name", "x" * 101, "100"),
            ("--name", "", "name: This field cannot be blank"),
        ],
    )
    def test_what_is_wrong_is_named_and_no_key_is_made(self, refused, ann, option, value, said):
        arguments = {"--user": "ann", "--name": "ci", "--scope": "docs:read", option: value}
        assert said in refused("create_api_key", *(word for pair in arguments.items() for word in pair))
        assert not APIKey.objects.exists()

    def test_a_key_needs_exactly_one_principal(self, refused, ann):
        assert "not allowed with" in refused(
            "create_api_key", "--user", "ann", "--service-account", "robot", "--name", "ci", "--scope", "docs:read"
        )
        assert "Unknown service account 'robot'" in refused(
            "create_api_key", "--service-account", "robot", "--name", "ci", "--scope", "docs:read"
        )
