"""The commands about clients: secrets once, digests only, and errors that say what to do."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from django_apiaccess.contrib.oauth.models import ClientSecret, OAuthClient

pytestmark = pytest.mark.django_db


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def token(client_id: str, secret: str, **data: str) -> Any:
    body = urlencode({"client_id": client_id, "client_secret": secret, **data})
    return Client().post("/oauth/token/", body, content_type="application/x-www-form-urlencoded")


def test_a_client_of_client_credentials_gets_what_its_service_account_is_granted(make_user: Any) -> None:
    make_user("boss", is_superuser=True)
    text = run(
        "create_oauth_client",
        "robot",
        "--grant",
        "client_credentials",
        "--scope",
        "docs:read",
        "--secret-in-body",
        format="json",
    )
    made = json.loads(text)
    assert set(made) == {"client_id", "client_secret"}
    refused = token(made["client_id"], made["client_secret"], grant_type="client_credentials")
    assert refused.status_code == 400  # it holds nothing yet
    call_command("grant", service_account="robot", scope="docs:read", stdout=StringIO(), stderr=StringIO())
    given = token(made["client_id"], made["client_secret"], grant_type="client_credentials")
    assert given.status_code == 200, given.content
    assert given.json()["scope"] == "docs:read"


def test_without_anybody_who_answers_for_it_no_service_account_is_made() -> None:
    with pytest.raises(CommandError, match="--owner"):
        run("create_oauth_client", "robot", "--grant", "client_credentials", "--scope", "docs:read")
    assert not OAuthClient.objects.exists()


def test_a_service_account_has_one_client_and_a_second_one_is_told_of_it(make_user: Any) -> None:
    make_user("boss", is_superuser=True)
    run("create_oauth_client", "robot", "--grant", "client_credentials", "--scope", "docs:read")
    with pytest.raises(CommandError, match=r"The client 'robot' .* speaks for that service account already"):
        run("create_oauth_client", "second", "--grant", "client_credentials", "--service-account", "robot")
    assert OAuthClient.objects.count() == 1
    run("update_oauth_client", OAuthClient.objects.get().client_id, "--scope", "docs:read", "docs:write")


def test_a_public_client_has_no_secret() -> None:
    made = json.loads(
        run(
            "create_oauth_client",
            "app",
            "--grant",
            "authorization_code",
            "refresh_token",
            "--public",
            "--redirect-uri",
            "https://app.example/cb",
            "--scope",
            "docs:read",
            format="json",
        )
    )
    assert made["client_secret"] is None
    assert OAuthClient.objects.get().is_public


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--grant", "password"], "password"),
        (["--grant", "authorization_code"], "redirect URI"),
        (["--grant", "authorization_code", "--redirect-uri", "http://evil.example/cb"], "http"),
        (["--grant", "authorization_code", "--redirect-uri", "https://app.example/*"], r"\*|wildcard"),
        (["--grant", "client_credentials", "--public", "--owner", "ann"], "public client"),
        (["--grant", "client_credentials", "--owner", "nobody"], "nobody"),
        (["--grant", "client_credentials", "--owner", "ann", "--scope", "docs:raed"], "docs:read"),
        (
            ["--grant", "authorization_code", "--redirect-uri", "https://a.example/", "--jwks", "/nonexistent"],
            "cannot be read",
        ),
    ],
)
def test_OA_02_what_does_not_fit_is_refused_and_makes_nothing(make_user: Any, arguments: list[str], told: str) -> None:
    make_user("ann")
    with pytest.raises(CommandError, match=told):
        run("create_oauth_client", "app", *arguments)
    assert not OAuthClient.objects.exists()


def test_a_key_set_from_a_file_makes_a_client_of_private_key_jwt(tmp_path: Path) -> None:
    from joserfc.jwk import ECKey

    keys = tmp_path / "keys.json"
    keys.write_text(
        json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=False, kid="a", alg="ES256", use="sig")]})
    )
    arguments = ["--grant", "authorization_code", "--redirect-uri", "https://a.example/", "--jwks", str(keys)]
    made = json.loads(run("create_oauth_client", "app", *arguments, format="json"))
    assert made["client_secret"] is None
    assert OAuthClient.objects.get().auth_method == "private_key_jwt"


def test_a_rotated_secret_overlaps_for_its_grace(make_user: Any) -> None:
    make_user("boss", "docs:read", is_superuser=True)
    made = json.loads(
        run(
            "create_oauth_client",
            "robot",
            "--grant",
            "client_credentials",
            "--scope",
            "docs:read",
            "--secret-in-body",
            format="json",
        )
    )
    call_command("grant", service_account="robot", scope="docs:read", stdout=StringIO(), stderr=StringIO())
    rotated = json.loads(run("rotate_client_secret", "robot", grace="1h", format="json"))
    for secret in (made["client_secret"], rotated["client_secret"]):
        assert token(made["client_id"], secret, grant_type="client_credentials").status_code == 200
    last = run("rotate_client_secret", made["client_id"], grace="0").strip()
    assert token(made["client_id"], rotated["client_secret"], grant_type="client_credentials").status_code == 401
    assert token(made["client_id"], last, grant_type="client_credentials").status_code == 200
    assert not ClientSecret.objects.filter(digest__contains=last[-20:]).exists()


def test_the_list_has_no_secret(make_user: Any) -> None:
    make_user("boss", is_superuser=True)
    secret = json.loads(run("create_oauth_client", "robot", "--grant", "client_credentials", format="json"))[
        "client_secret"
    ]
    listed = run("list_oauth_clients", format="json")
    assert json.loads(listed)[0]["name"] == "robot"
    assert secret not in listed
    assert "robot" in run("list_oauth_clients")
