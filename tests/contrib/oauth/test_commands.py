"""Clients from the shell: the secret is printed once, opens the token endpoint, and what is wrong changes nothing."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from django_apiaccess.contrib.oauth.models import ClientSecret, OAuthClient
from django_apiaccess.keys import service as keys
from django_apiaccess.models import Event
from django_apiaccess.roles import service as roles

from .flow import TOKEN, basic, post

pytestmark = pytest.mark.django_db


def run(*args: Any, **options: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(*args, stdout=out, stderr=err, no_color=True, **options)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def robot(make_user: Any, operator: Any) -> Any:
    account = keys.create_service_account(name="robot", owner=make_user("mara"), purpose="Prints", by=operator)
    roles.grant(user=account.user, scope="docs:read", by=operator)
    return account


def made(*more: str) -> dict[str, Any]:
    args = ("--grant", "client_credentials", "--scope", "docs:read", "--service-account", "robot")
    row: dict[str, Any] = json.loads(run("create_oauth_client", "Printer", *args, *more, "--format", "json")[0])
    return row


def asks_for_a_token(row: dict[str, Any], secret: str | None = None, **more: str) -> Any:
    class Pair:
        client = OAuthClient.objects.get(client_id=row["client_id"])

    Pair.secret = secret or row["client_secret"]
    return post(TOKEN, {"grant_type": "client_credentials", **more}, **basic(Pair))


def test_a_client_of_its_own_gets_tokens_with_the_secret_that_was_printed(robot: Any) -> None:
    row = made()
    assert row.keys() == {"client_id", "client_secret"}
    assert asks_for_a_token(row).status_code == 200


def test_the_secret_is_stored_nowhere(robot: Any) -> None:
    secret = made()["client_secret"]
    stored = [*ClientSecret.objects.values(), *OAuthClient.objects.values(), *Event.objects.values()]
    assert secret not in str(stored)


def test_a_public_client_gets_no_secret() -> None:
    uri = "https://app.example/cb"
    out, _err = run("create_oauth_client", "Phone", "--grant", "authorization_code", "--redirect-uri", uri, "--public")
    client = OAuthClient.objects.get()
    assert client.is_public
    assert not client.secrets.exists()
    assert "client_secret" not in out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--grant", "authorisation_code"], "Did you mean 'authorization_code'"),
        (["--grant", "password"], "Unknown grant"),
        (["--grant", "client_credentials"], "create_service_account"),
        (["--grant", "client_credentials", "--public"], "public client"),
        (["--grant", "authorization_code"], "redirect URI"),
        (["--grant", "authorization_code", "--redirect-uri", "http://app.example/cb"], "https"),
        (["--grant", "authorization_code", "--redirect-uri", "myapp:/cb"], "no dot"),
        (
            ["--grant", "authorization_code", "--redirect-uri", "https://a.example/cb", "--scope", "docs:raed"],
            "docs:read",
        ),
    ],
)
def test_oa_02_oa_06_what_is_wrong_is_an_error_that_says_what_to_write_and_changes_nothing(
    args: list[str], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        run("create_oauth_client", "Odd", *args)
    assert not OAuthClient.objects.exists()


def test_oa_12_a_client_uses_only_the_grants_and_scopes_that_it_was_given(robot: Any) -> None:
    row = made()
    beyond = asks_for_a_token(row, scope="docs:write")
    assert (beyond.status_code, beyond.json()["error"]) == (400, "invalid_scope")
    OAuthClient.objects.update(grant_types="authorization_code")
    other = asks_for_a_token(row)
    assert (other.status_code, other.json()["error"]) == (400, "unauthorized_client")


def test_after_a_rotation_with_grace_both_secrets_work(robot: Any) -> None:
    row = made()
    new = json.loads(run("rotate_client_secret", "Printer", "--grace", "1h", "--format", "json")[0])
    assert new.keys() == {"client_id", "client_secret", "old_secret_valid_until"}
    assert [asks_for_a_token(row, text).status_code for text in (row["client_secret"], new["client_secret"])] == [
        200,
        200,
    ]


def test_after_a_rotation_without_grace_only_the_new_secret_works(robot: Any) -> None:
    row = made()
    text = run("rotate_client_secret", row["client_id"], "--grace", "0")[0].strip()
    assert [asks_for_a_token(row, one).status_code for one in (row["client_secret"], text)] == [401, 200]


def test_rotating_an_unknown_client_names_the_nearest(robot: Any) -> None:
    made()
    with pytest.raises(CommandError, match="Did you mean 'Printer'"):
        run("rotate_client_secret", "Printr")


def test_the_list_shows_clients_and_never_secrets(robot: Any) -> None:
    row = made()
    (listed,) = json.loads(run("list_oauth_clients", "--format", "json")[0])
    assert (listed["client_id"], listed["service_account"], listed["active"]) == (row["client_id"], "robot", True)
    digests = [secret.digest for secret in ClientSecret.objects.all()]
    assert all(text not in json.dumps(listed) for text in [row["client_secret"], *digests])
    assert row["client_id"] in run("list_oauth_clients")[0]
