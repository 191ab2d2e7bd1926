"""An authenticator in software, which signs whatever a test wants, and the flows that it is used in."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from rest_framework.test import APIClient
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

ORIGIN = "http://localhost:8000"
UP, UV, BE, BS, AT = 1, 4, 8, 16, 64
ES256, RS256 = -7, -257
HASH = {ES256: hashes.SHA256, RS256: hashes.SHA256}


@dataclass
class Authenticator:
    """One key of one authenticator. `count` is its counter; `synced` makes it a passkey that is on several devices."""

    algorithm: int = ES256
    synced: bool = False
    rp_id: str = "localhost"
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0
    handle: str | None = None

    def __post_init__(self) -> None:
        rsa_wanted = self.algorithm == RS256
        self.key: Any = rsa.generate_private_key(65537, 2048) if rsa_wanted else ec.generate_private_key(ec.SECP256R1())

    def create(self, options: dict[str, Any], *, fmt: str = "none", **changes: Any) -> dict[str, Any]:
        """The answer of `navigator.credentials.create`; `changes` as for `_parts`."""
        self.handle = options["user"]["id"]
        attested = b"\0" * 16 + len(self.id).to_bytes(2) + self.id + self._cose()
        client, data = self._parts("webauthn.create", options["challenge"], flags=AT, more=attested, **changes)
        statement: dict[str, Any] = {}
        if fmt == "packed":  # self-attestation: signed by the new key itself
            statement = {"alg": self.algorithm, "sig": self.sign(data + hashlib.sha256(client).digest())}
        attestation = cbor2.dumps({"fmt": fmt, "attStmt": statement, "authData": data})
        return self._answer({"attestationObject": bytes_to_base64url(attestation), "transports": ["internal"]}, client)

    def get(self, options: dict[str, Any], *, handle: str | None = "own", **changes: Any) -> dict[str, Any]:
        """The answer of `navigator.credentials.get`; `handle`: the user handle to claim, None for none."""
        client, data = self._parts("webauthn.get", options["challenge"], **changes)
        response: dict[str, Any] = {
            "authenticatorData": bytes_to_base64url(data),
            "signature": bytes_to_base64url(self.sign(data + hashlib.sha256(client).digest())),
        }
        claimed = self.handle if handle == "own" else handle
        return self._answer(response if claimed is None else response | {"userHandle": claimed}, client)

    def sign(self, data: bytes) -> bytes:
        """With the private key."""
        if self.algorithm == RS256:
            return bytes(self.key.sign(data, PKCS1v15(), hashes.SHA256()))
        return bytes(self.key.sign(data, ec.ECDSA(hashes.SHA256())))

    def _parts(
        self,
        kind: str,
        challenge: str,
        *,
        origin: str = ORIGIN,
        verified: bool = True,
        present: bool = True,
        cross_origin: bool = False,
        counts: bool = True,
        rp_id: str = "",
        synced: bool | None = None,
        flags: int = 0,
        more: bytes = b"",
    ) -> tuple[bytes, bytes]:
        told = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": cross_origin}
        self.count += counts
        flags |= (UP if present else 0) | (UV if verified else 0)
        flags |= BE | BS if (self.synced if synced is None else synced) else 0
        rp_hash = hashlib.sha256((rp_id or self.rp_id).encode()).digest()
        return json.dumps(told).encode(), rp_hash + bytes([flags]) + self.count.to_bytes(4) + more

    def _cose(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        if self.algorithm == RS256:
            return cbor2.dumps({1: 3, 3: RS256, -1: numbers.n.to_bytes(256), -2: numbers.e.to_bytes(3)})
        return cbor2.dumps({1: 2, 3: ES256, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})

    def _answer(self, response: dict[str, Any], client: bytes) -> dict[str, Any]:
        encoded = bytes_to_base64url(self.id)
        response = response | {"clientDataJSON": bytes_to_base64url(client)}
        return {
            "id": encoded,
            "rawId": encoded,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {"credProps": {"rk": True}},
            "authenticatorAttachment": "platform",
        }


def changed_bytes(encoded: str, place: int = -1) -> str:
    """The same with one bit of one byte turned."""
    data = bytearray(base64url_to_bytes(encoded))
    data[place] ^= 1
    return bytes_to_base64url(bytes(data))


class Client:
    """A client of the API that knows the flows. Every answer must be JSON and no server error."""

    def __init__(self) -> None:
        self.api = APIClient()

    def post(self, path: str, body: Any, token: str = "") -> Any:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        text = json.dumps(body)  # in ASCII, so that half a surrogate arrives too
        answer = self.api.post(f"/access/{path}", text, content_type="application/json", headers=headers)
        assert answer.status_code < 500
        assert answer.headers["Cache-Control"] == "no-store"
        return answer

    def log_in(self, name: str = "ann", password: str = "secret") -> Any:
        return self.post("token/", {"username": name, "password": password})

    def begin(self, name: str = "ann") -> tuple[str, dict[str, Any]]:
        """A log-in by password up to the options for the passkey."""
        token = self.log_in(name).json()["mfa_token"]
        return token, self.options(token)

    def options(self, token: str) -> dict[str, Any]:
        answer = self.post("token/mfa/challenge/", {"mfa_token": token, "method": "webauthn"})
        assert answer.status_code == 200, answer.content
        return answer.json()["options"]

    def alone(self) -> tuple[str, dict[str, Any]]:
        """A log-in by passkey alone up to its options."""
        answer = self.post("token/passkey/", {})
        assert answer.status_code == 200, answer.content
        return answer.json()["mfa_token"], answer.json()["options"]

    def verify(self, token: str, credential: Any, **more: Any) -> Any:
        body = {"mfa_token": token, "method": "webauthn", "credential": credential, **more}
        return self.post("token/mfa/verify/", body)

    def registration(self, access_token: str) -> tuple[str, dict[str, Any]]:
        answer = self.post("mfa/webauthn/", {}, access_token)
        assert answer.status_code == 201, answer.content
        return answer.json()["id"], answer.json()["options"]

    def confirm(self, registration: str, credential: Any, access_token: str, name: str = "laptop") -> Any:
        body = {"credential": credential, "name": name}
        return self.post(f"mfa/webauthn/{registration}/confirm/", body, access_token)

    def enrol(self, access_token: str, key: Authenticator, name: str = "laptop", **changes: Any) -> Any:
        registration, options = self.registration(access_token)
        answer = self.confirm(registration, key.create(options, **changes), access_token, name)
        assert answer.status_code == 201, answer.content
        return answer.json()
