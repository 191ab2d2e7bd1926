"""Making tokens that no issuer would make: malformed but signed, or well-formed and signed by somebody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from django.utils import timezone

from django_apiaccess.events.source import Where
from django_apiaccess.tokens import service
from django_apiaccess.tokens.ring import ring

GONE: Any = ...
"""As a value: leave this member out."""


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(token: str, part: int = 1) -> dict[str, Any]:
    text = token.split(".")[part]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def signed(header: Any, payload: Any, key: Any, alg: str) -> str:
    """A compact JWS over any bytes, or over a dict as JSON."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signing_input = ".".join(map(b64, parts)).encode()
    algorithm = jwt.get_algorithm_by_name(alg)
    return f"{signing_input.decode()}.{b64(algorithm.sign(signing_input, algorithm.prepare_key(key)))}"


def hmac_signed(secret: bytes, header: dict[str, Any], payload: dict[str, Any]) -> str:
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(payload).encode())}"
    return f"{signing_input}.{b64(hmac.new(secret, signing_input.encode(), hashlib.sha256).digest())}"


@dataclass
class Forger:
    """Holds what it takes to sign as the server does, and a token session to speak of."""

    good: str
    key: Any
    alg: str
    session: Any
    header: dict[str, Any] = field(init=False)
    claims: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.header, self.claims = decoded(self.good, 0), decoded(self.good)

    @property
    def parts(self) -> list[str]:
        return self.good.split(".")

    def with_claims(self, **changes: Any) -> dict[str, Any]:
        return {name: value for name, value in {**self.claims, **changes}.items() if value is not GONE}

    def with_header(self, **changes: Any) -> dict[str, Any]:
        return {name: value for name, value in {**self.header, **changes}.items() if value is not GONE}

    def token(self, header: Any = None, payload: Any = None, *, key: Any = None, alg: str | None = None) -> str:
        """Signed with the server's own key unless another is given."""
        header = self.header if header is None else header
        payload = self.claims if payload is None else payload
        return signed(header, payload, key or self.key, alg or self.alg)

    def says(self, **changes: Any) -> str:
        """The good token with other claims, rightly signed."""
        return self.token(payload=self.with_claims(**changes))

    def heads(self, **changes: Any) -> str:
        """The good token with other header members, rightly signed."""
        return self.token(self.with_header(**changes))


def forger_for(user: Any, *scopes: str) -> Forger:
    """A session of the user, begun now, and the server's signing key."""
    proof = service.Proof(("pwd",), "aal1", timezone.now())
    tokens = service.begin(user, proof=proof, where=Where(), scopes=frozenset(scopes))
    held = ring._signing_key()
    return Forger(tokens.access_token, held.unseal(), held.verifying.algorithm, tokens.session)


def now() -> int:
    return int(time.time())
