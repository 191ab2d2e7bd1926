"""Signing and verifying, by PyJWT's algorithms. One key, one algorithm; what chooses a key is ours, never the token's.

PyJWT's `decode` parses leniently (repeated members, other encodings, numbers in texts); `core.compact` parses strictly instead, and only
the signature is left to PyJWT and cryptography.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from ..core.compact import CompactToken
from ..core.jwk import PRIVATE_MEMBERS, thumbprint

ALGORITHMS: Final = ("EdDSA", "ES256", "RS256", "PS256")
"""What we make keys for. Asymmetric only: whoever verifies must not be able to sign."""
VERIFIABLE: Final = frozenset({*ALGORITHMS, "ES384", "RS384", "RS512", "PS384", "PS512"})
RSA_BITS: Final = 3072
SMALLEST_RSA: Final = 2048
KEY_TYPES: Final = {"EdDSA": "OKP", "ES256": "EC", "ES384": "EC"} | dict.fromkeys(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"
)
CURVES: Final = {"EdDSA": "Ed25519", "ES256": "P-256", "ES384": "P-384"}
ROCA_PRIMES: Final = (
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137,
    139, 149, 151, 157, 163, 167,
)  # fmt: skip


class UnusableKey(ValueError):
    """A JWK that no token may be verified with; the message says why."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key bound to its one algorithm."""

    kid: str | None
    algorithm: str
    key: Any = field(repr=False)

    def verifies(self, token: CompactToken) -> bool:
        """Whether the signature is right, under this key and algorithm."""
        if token.algorithm != self.algorithm:
            return False
        try:
            return bool(
                jwt.get_algorithm_by_name(self.algorithm).verify(token.signing_input, self.key, token.signature)
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            return False


def public_key(jwk: dict[str, Any], algorithm: str | None = None) -> VerifyingKey:
    """A verifying key from a JWK. `algorithm` is what the caller expects; the JWK's own `alg` must agree. Raises `UnusableKey`."""
    if PRIVATE_MEMBERS & jwk.keys():
        raise UnusableKey("the key holds private or symmetric members")
    alg = jwk.get("alg", algorithm)
    if not isinstance(alg, str) or alg not in VERIFIABLE or (algorithm is not None and alg != algorithm):
        raise UnusableKey(f"algorithm {alg!r} is not accepted")
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise UnusableKey("the key is not for signatures")
    if jwk.get("kty") != KEY_TYPES[alg]:
        raise UnusableKey(f"a key of type {jwk.get('kty')!r} does not fit {alg}")
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise UnusableKey("kid is no text")
    try:
        key = jwt.get_algorithm_by_name(alg).from_jwk(jwk)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnusableKey(str(error)) from None
    if KEY_TYPES[alg] == "RSA":
        _check_rsa(key)
    elif jwk["crv"] != CURVES[alg]:
        raise UnusableKey(f"the curve {jwk['crv']} does not fit {alg}")
    return VerifyingKey(kid, alg, key)


def _check_rsa(key: Any) -> None:
    """Refuse keys that are short, or that Infineon's faulty generator made (CVE-2017-15361, ROCA): their modulus is a power of 65537 modulo
    each small prime, which of other keys one in a hundred million is.
    """
    if key.key_size < SMALLEST_RSA:
        raise UnusableKey(f"an RSA key of {key.key_size} bits is too short")
    modulus = key.public_numbers().n
    if all(modulus % prime in {pow(65537, power, prime) for power in range(prime)} for prime in ROCA_PRIMES):
        raise UnusableKey("the RSA key can be factored (ROCA)")


def generate(algorithm: str) -> Any:
    """A new private key for `algorithm`."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm in {"RS256", "PS256"}:
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    raise ValueError(f"{algorithm!r} is not an algorithm for signing keys: choose one of {', '.join(ALGORITHMS)}.")


def public_jwk(private: Any, algorithm: str) -> dict[str, Any]:
    """The public half as a JWK with `alg`, `use` and its RFC 7638 thumbprint as `kid`."""
    converter: Any = {"EdDSA": OKPAlgorithm, "ES256": ECAlgorithm}.get(algorithm, RSAAlgorithm)
    jwk: dict[str, Any] = {
        name: value for name, value in converter.to_jwk(private.public_key(), as_dict=True).items() if name != "key_ops"
    }
    return {**jwk, "alg": algorithm, "use": "sig", "kid": thumbprint(jwk)}


def private_pem(private: Any) -> bytes:
    """PKCS 8 in the clear: to be sealed at once."""
    from cryptography.hazmat.primitives import serialization

    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return private.private_bytes(encoding, form, serialization.NoEncryption())  # type: ignore[no-any-return]


def load_private(pem: bytes) -> Any:
    from cryptography.hazmat.primitives import serialization

    return serialization.load_pem_private_key(pem, password=None)


def sign(claims: dict[str, Any], private: Any, *, algorithm: str, kid: str, typ: str) -> str:
    """A compact JWS of `claims`."""
    return jwt.encode(claims, private, algorithm=algorithm, headers={"typ": typ, "kid": kid})
