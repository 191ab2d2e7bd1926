"""One DPoP proof (RFC 9449): a small JWT that its sender signed for this very request, with a key that the access token names.

Pure: who verifies the signature, what URL the request really had and whether the proof was seen before is told or asked by the caller.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal
from urllib.parse import quote, unquote_to_bytes, urlsplit

from . import compact
from .claims import number
from .compact import CompactToken, TokenFormatError
from .jwk import JWKError, check_public, thumbprint

TYP: Final = "dpop+jwt"
ALGORITHMS: Final = ("ES256", "EdDSA", "PS256", "RS256")
"""Asymmetric only: the proof carries the key that verifies it."""
MAX_PROOF: Final = 4096
MAX_HEADER: Final = 2048
"""Room for an RSA key of 4096 bits, which the header of an access token never holds."""
MAX_URL: Final = 2048
JTI: Final = re.compile(r"[!-~]{1,128}")
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
SAFE_IN_PATH: Final = "/:@!$&'()*+,;=-._~"
Code = Literal["invalid_dpop_proof", "use_dpop_nonce"]


class ProofError(ValueError):
    """A proof that does not hold. `code` is that of RFC 9449; the message is plain ASCII and says which check failed."""

    def __init__(self, message: str, code: Code = "invalid_dpop_proof") -> None:
        super().__init__(message)
        self.code: Code = code


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds: the thumbprint of its key (RFC 7638), its id and when it was made (seconds since 1970)."""

    jkt: str
    jti: str
    iat: float

    @property
    def digest(self) -> str:
        """By what it is remembered: of fixed length, and one key cannot spend the ids of another."""
        raw = hashlib.sha256(f"{self.jkt}.{self.jti}".encode()).digest()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def check_proof(
    text: str,
    *,
    method: str,
    url: str,
    access_token: str | None,
    now: float,
    leeway: timedelta,
    verifies: Callable[[CompactToken, Mapping[str, Any]], bool],
    nonce_accepted: Callable[[str], bool] | None = None,
) -> Proof:
    """Every check of RFC 9449 section 4.3 but two: that the token is bound to this key, and that the proof is new. Raises `ProofError`.

    `url`: of the request, as the client sees it. `access_token`: what `ath` must be the hash of; None at the token endpoint.
    `verifies(proof, jwk)`: whether the signature is right under the key in its header. `nonce_accepted`: given where a nonce is demanded.
    """
    token = parsed(text)
    jwk = token.header["jwk"]
    if not verifies(token, jwk):
        raise ProofError("the signature of the DPoP proof is wrong")
    claims = token.claims
    jti = claims.get("jti")
    if not (isinstance(jti, str) and JTI.fullmatch(jti)):
        raise ProofError("jti must be a printable text of 1 to 128 characters")
    if claims.get("htm") != method:
        raise ProofError("htm is not the method of this request")
    htu = claims.get("htu")
    if not isinstance(htu, str) or normalised(htu) is None or normalised(htu) != normalised(url):
        raise ProofError("htu is not the URL of this request, without query and fragment")
    iat = _issued_at(claims)
    if abs(now - iat) > leeway.total_seconds():
        raise ProofError("iat is too far from the present: check the clock, and make a new proof for each request")
    if access_token is not None:
        ath = claims.get("ath")
        known = isinstance(ath, str) and ath.isascii()  # a lone surrogate, which JSON can spell, has no bytes
        if not (known and hmac.compare_digest(str(ath), token_hash(access_token))):
            raise ProofError("ath is not the hash of the access token")
    if nonce_accepted is not None:
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not nonce_accepted(nonce):
            raise ProofError("the server demands its nonce in the DPoP proof", "use_dpop_nonce")
    return Proof(thumbprint(jwk), jti, iat)


def parsed(text: str) -> CompactToken:
    """The proof taken apart, its header checked, nothing verified. Raises `ProofError`."""
    if "," in text:
        raise ProofError("more than one DPoP proof was sent")
    if len(text) > MAX_PROOF:
        raise ProofError(f"the DPoP proof is longer than {MAX_PROOF} characters")
    try:
        token = compact.parse(text, allowed=frozenset({"jwk"}), max_header=MAX_HEADER)
    except TokenFormatError as error:
        raise ProofError(f"the DPoP proof is malformed: {error}") from None
    if token.header.get("typ") != TYP:
        raise ProofError(f"typ must be {TYP}")
    if token.algorithm not in ALGORITHMS:
        raise ProofError(f"alg must be one of {', '.join(ALGORITHMS)}")
    try:
        check_public(token.header.get("jwk"))
    except JWKError as error:
        raise ProofError(f"jwk: {error}") from None
    return token


def _issued_at(claims: dict[str, Any]) -> float:
    try:
        iat = number(claims, "iat")
    except TokenFormatError as error:
        raise ProofError(str(error)) from None
    if iat is None:
        raise ProofError("iat is missing")
    return iat


def token_hash(access_token: str) -> str:
    """`ath`: base64url of the SHA-256 of the token's text."""
    raw = hashlib.sha256(access_token.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def normalised(url: str) -> str | None:
    """An http(s) URL in the one spelling in which two are compared (RFC 3986 sections 6.2.2 and 6.2.3); None when it is none for `htu`.

    Letters of scheme and host, the default port, the empty path and percent-encoding do not count. Segments `.` and `..` stay: to whom a
    path leads is for the server's routing to say, and a proof for one path must not hold for another.
    """
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or any(char in url for char in ' ?#\\"<>^`{|}'):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if scheme not in DEFAULT_PORTS or not host or "@" in parts.netloc or "%" in host:
        return None
    if ":" in host:
        host = f"[{host}]"
    where = host if port in {None, DEFAULT_PORTS[scheme]} else f"{host}:{port}"
    return f"{scheme}://{where}{quote(unquote_to_bytes(parts.path or '/'), safe=SAFE_IN_PATH)}"
