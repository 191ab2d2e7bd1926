"""A client that holds a key and makes DPoP proofs (RFC 9449), by joserfc: not by what verifies them. It makes bad ones as well."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
import warnings
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey
from rest_framework.test import APIClient

GONE: Any = object()
"""As a value: the member is left out."""


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Holder:
    """Somebody with a key pair."""

    def __init__(self, algorithm: str = "ES256", key: Any = None) -> None:
        self.algorithm = algorithm
        make = {
            "ES256": lambda: ECKey.generate_key("P-256", private=True),
            "EdDSA": lambda: OKPKey.generate_key("Ed25519", private=True),
        }
        self.key = key or make.get(algorithm, lambda: RSAKey.generate_key(2048, private=True))()
        self.public = {name: value for name, value in self.key.as_dict(private=False).items() if name != "kid"}

    @property
    def jkt(self) -> str:
        return str(self.key.thumbprint())

    def proof(
        self,
        method: str = "GET",
        url: str = "http://testserver/read-only/",
        token: str | None = None,
        *,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A good proof, or one with these members instead."""
        body = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url, "iat": int(time.time())}
        if token is not None:
            body["ath"] = b64(hashlib.sha256(token.encode()).digest())
        body = {name: value for name, value in {**body, **claims}.items() if value is not GONE}
        return self.sign({"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.public, **(header or {})}, body)

    def sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """Any header over any claims, rightly signed by the key."""
        head = b64(json.dumps({name: value for name, value in header.items() if value is not GONE}).encode())
        body = b64(json.dumps(claims).encode())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # RFC 9864 would name the curve in place of EdDSA
            model = jws.JWSRegistry(algorithms=[self.algorithm]).get_alg(self.algorithm)
        signature = model.sign(f"{head}.{body}".encode(), self.key)
        return f"{head}.{body}.{b64(signature)}"

    def client(
        self, token: str, url: str = "http://testserver/read-only/", method: str = "GET", **claims: Any
    ) -> APIClient:
        """A client for one request with the token and a new proof."""
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"DPoP {token}", HTTP_DPOP=self.proof(method, url, token, **claims))
        return client

    def get(self, token: str, path: str = "/read-only/", **claims: Any) -> Any:
        """The answer to one request with the token and a new proof."""
        return self.client(token, f"http://testserver{path}", **claims).get(path)

    def post(self, path: str, data: dict[str, Any], *, proof: str | None = None, **claims: Any) -> Any:
        """The answer of an endpoint that gives tokens."""
        proof = proof or self.proof("POST", f"http://testserver{path}", **claims)
        return APIClient().post(path, data, HTTP_DPOP=proof)

    def log_in(self, username: str = "ann", password: str = "secret", **claims: Any) -> Any:
        return self.post("/access/token/", {"username": username, "password": password}, **claims)

    def refresh(self, text: str, **claims: Any) -> Any:
        return self.post("/access/token/refresh/", {"refresh_token": text}, **claims)


def send(token: str, proof: str | None, *, scheme: str = "DPoP", path: str = "/read-only/", **extra: Any) -> Any:
    """The answer to one request with these headers."""
    headers = {"HTTP_AUTHORIZATION": f"{scheme} {token}", **extra}
    if proof is not None:
        headers["HTTP_DPOP"] = proof
    return APIClient().get(path, **headers)
