"""What an attacker tried while reading the code, each with what becomes of it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from django_apiaccess.contrib.oauth import devices, public_keys, redirects
from django_apiaccess.contrib.oauth.models import DeviceCode
from django_apiaccess.core.outbound import FetchError
from django_apiaccess.core.proof import Proof
from django_apiaccess.events.source import Where
from django_apiaccess.models import TokenSession

from .flow import TOKEN, Pkce, code_for, exchange, post, refresh, tokens_for

pytestmark = pytest.mark.django_db


def changes_password(user: Any) -> None:
    user.set_password("after the theft")
    user.save()


def test_oa_05_a_code_given_before_the_password_changed_is_worth_nothing_after(ann: Any, public: Any) -> None:
    """Whoever was in the account keeps no foot in the door: the session would be marked with the new password."""
    pkce = Pkce()
    code = code_for(ann, public, pkce)
    changes_password(ann)
    assert exchange(public, code, pkce).status_code == 400
    assert not TokenSession.objects.exists()


def test_a_device_approved_before_the_password_changed_gets_nothing_after(ann: Any, register: Any) -> None:
    made = register(grant_types=["device_code", "refresh_token"], redirect_uris=[], auth_method="none")
    started = devices.start(made.client, scope="docs:read", resources=[], jkt="")
    device = DeviceCode.objects.get()
    proof = Proof(("pwd",), "aal1", timezone.now())
    assert devices.approve(device, ann, scopes=frozenset({"docs:read"}), proof=proof, where=Where())
    changes_password(ann)
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    answer = post(TOKEN, {"grant_type": grant, "device_code": started["device_code"]}, made)
    assert answer.status_code == 400
    assert not TokenSession.objects.exists()


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example;sandbox/cb",
        "https://app.example,other.example/cb",
        "https://app.example%2f.evil.example/cb",
        "https://app_example'/cb",
        "https://(app)/cb",
        "https://app.example&x/cb",
        "https://-/cb",
        "https://[::1/cb",
        "https://app..example/cb",
    ],
)
def test_oa_14_a_redirect_uri_whose_host_is_none_is_refused(uri: str) -> None:
    """It would become part of a Content-Security-Policy."""
    assert redirects.complaint(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/cb", "https://xn--bcher-kva.example/cb", "https://[2001:db8::1]:8443/cb", "https://10.0.0.1/",
        "http://localhost:3000/cb", "http://[::1]/cb", "com.example.app:/cb", "com.example.app://callback", "https://a_b.example/x",
    ],
)  # fmt: skip
def test_oa_02_what_is_a_place_to_return_to_still_is(uri: str) -> None:
    assert redirects.complaint(uri) is None


def test_userinfo_tells_no_more_than_the_access_token_was_given(ann: Any, confidential: Any) -> None:
    """A client that hands a narrower token on hands on what that one may know."""
    tokens = tokens_for(ann, confidential, scope="openid profile email docs:read")

    def asked(token: str) -> Any:
        return Client().get("/oauth/userinfo/", HTTP_AUTHORIZATION=f"Bearer {token}")

    assert asked(tokens["access_token"]).json()["email"] == "ann@example.org"
    narrowed = refresh(confidential, tokens["refresh_token"], scope="openid docs:read").json()
    assert set(asked(narrowed["access_token"]).json()) == {"sub"}
    without = refresh(confidential, narrowed["refresh_token"], scope="docs:read").json()
    assert asked(without["access_token"]).status_code == 403


def test_keys_of_a_client_whose_address_is_silent_are_not_believed_for_ever(
    register: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a key that leaked, and was taken out, lives on for whoever keeps the address from answering."""
    from cryptography.hazmat.primitives.asymmetric import ec

    from django_apiaccess.tokens import jws

    jwk = jws.public_jwk(ec.generate_private_key(ec.SECP256R1()), "ES256")
    made = register(auth_method="private_key_jwt", jwks_uri="https://silent.example/jwks").client
    clock = {"now": time.monotonic()}
    answers: list[Any] = [{"keys": [jwk]}]

    def fetch(_uri: str) -> Any:
        if not answers:
            raise FetchError("silent")
        return answers.pop()

    monkeypatch.setattr(public_keys, "fetch_json", fetch)
    monkeypatch.setattr(public_keys.time, "monotonic", lambda: clock["now"])
    assert public_keys.find(made, jwk["kid"], "ES256") is not None
    clock["now"] += timedelta(hours=2).total_seconds()
    assert public_keys.find(made, jwk["kid"], "ES256") is not None  # an outage of theirs is not one of ours
    clock["now"] += timedelta(hours=23).total_seconds()
    assert public_keys.find(made, jwk["kid"], "ES256") is None
