"""JSON Web Keys (RFC 7517) as plain data: which are public and written canonically, and the thumbprint that names them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "OKP": ("crv", "kty", "x"),
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
}
"""The members that make a public key, by `kty`, in the order of RFC 7638 section 3.2."""
THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
"""A SHA-256 in canonical base64url."""
COORDINATE_BYTES: Final = 32
RSA_BYTES: Final = range(256, 513)
RSA_EXPONENTS: Final = frozenset({"AQAB", "Aw"})
"""65537 and 3, which is all that anybody uses; a long exponent is a way to make verifying slow."""


class JWKError(ValueError):
    """A JWK that is no public key for signatures, or is not written in the one canonical way; the message says why."""


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638: SHA-256 over the required members in order, in base64url."""
    text = json.dumps({name: jwk[name] for name in REQUIRED[jwk["kty"]]}, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def check_public(jwk: Any) -> None:
    """Raise `JWKError` unless it is a public P-256, Ed25519 or RSA (2048 to 4096 bits) key.

    One key has one spelling here, so it has one thumbprint.
    """
    if not isinstance(jwk, Mapping):
        raise JWKError("the key is no JSON object")
    if PRIVATE_MEMBERS & jwk.keys():
        raise JWKError("the key holds private or symmetric members: send the public key alone")
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in REQUIRED:
        raise JWKError("kty must be EC, OKP or RSA")
    missing = [name for name in REQUIRED[kty] if not isinstance(jwk.get(name), str)]
    if missing:
        raise JWKError(f"the member {missing[0]} is missing or no text")
    if kty == "RSA":
        if len(_decoded(jwk["n"], "n")) not in RSA_BYTES or _decoded(jwk["n"], "n")[0] == 0:
            raise JWKError("an RSA key must have 2048 to 4096 bits")
        if jwk["e"] not in RSA_EXPONENTS:
            raise JWKError("the exponent of an RSA key must be 65537 (AQAB) or 3 (Aw)")
        return
    curve = {"EC": "P-256", "OKP": "Ed25519"}[kty]
    if jwk["crv"] != curve:
        raise JWKError(f"the curve of a key of type {kty} must be {curve}")
    for name in ("x", "y") if kty == "EC" else ("x",):
        if len(_decoded(jwk[name], name)) != COORDINATE_BYTES:
            raise JWKError(f"{name} must have {COORDINATE_BYTES} bytes")


def _decoded(text: str, name: str) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if not raw or base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise JWKError(f"{name} is not in canonical base64url")
    return raw
