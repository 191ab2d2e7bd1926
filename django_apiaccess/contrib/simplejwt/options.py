"""Reading `API_ACCESS["LEGACY_JWT"]`: every entry checked, with what to write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.utils.dateparse import parse_date, parse_datetime

from ...core.durations import duration
from ...core.scopes import registry
from ...exceptions import InvalidChange
from ...roles import names

HASHES: Final = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
LENGTHS: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Bytes that a key must have at least (RFC 7518 section 3.2)."""
CURVES: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
ALGORITHMS: Final = frozenset({*HASHES, *CURVES, *RSA, "EdDSA"})
SMALLEST_RSA: Final = 2048
LONGEST: Final = timedelta(days=400)
"""How long a token may live at most: beyond, nobody means a move from one package to another."""
ALL: Final = "all"


def read(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `LegacyTokens`. `given` has every entry. Raises `ValueError` with the entry and the way to mend it."""
    algorithm = given["ALGORITHM"]
    if algorithm not in ALGORITHMS:
        raise ValueError(f"ALGORITHM must be that of SIMPLE_JWT, one of {', '.join(sorted(ALGORITHMS))}.")
    for name in ("USER_ID_CLAIM", "USER_ID_FIELD", "TOKEN_TYPE_CLAIM", "JTI_CLAIM"):
        if not isinstance(given[name], str) or not given[name]:
            raise ValueError(f"{name} must be a text: tokens without it cannot be accepted.")
    for name in ("ISSUER", "PASSWORD_CLAIM"):
        if given[name] is not None and not (isinstance(given[name], str) and given[name]):
            raise ValueError(f"{name} must be a text, or None.")
    return {
        "algorithm": algorithm,
        "key": secret_key(given) if algorithm in HASHES else public_key(given),
        "issuer": given["ISSUER"],
        "audiences": _audiences(given["AUDIENCE"]),
        "user_id_claim": given["USER_ID_CLAIM"],
        "user_id_field": _field(given["USER_ID_FIELD"]),
        "token_type_claim": given["TOKEN_TYPE_CLAIM"],
        "jti_claim": given["JTI_CLAIM"],
        "password_claim": given["PASSWORD_CLAIM"],
        "accept_until": moment(given["ACCEPT_UNTIL"]),
        "scopes": _scopes(given["SCOPES"]),
        "lifetimes": {
            "access": _lifetime(given, "ACCESS_TOKEN_LIFETIME"),
            "refresh": _lifetime(given, "REFRESH_TOKEN_LIFETIME"),
        },
        "leeway": _lifetime(given, "LEEWAY", longest=timedelta(minutes=2)),
    }


def secret_key(given: Mapping[str, Any]) -> bytes:
    """The shared secret of an HS* algorithm."""
    key = given["SIGNING_KEY"]
    if not isinstance(key, str | bytes) or given["VERIFYING_KEY"]:
        raise ValueError(
            f"With {given['ALGORITHM']}, SIGNING_KEY must be the old secret, and VERIFYING_KEY is left out."
        )
    raw = key.encode() if isinstance(key, str) else key
    if b"-----BEGIN" in raw or raw.startswith((b"ssh-", b"ecdsa-")):
        raise ValueError(
            f"SIGNING_KEY is a key of an asymmetric algorithm: with {given['ALGORITHM']} everybody who knows its public half could sign."
        )
    least = LENGTHS[given["ALGORITHM"]]
    if len(raw) < least:
        raise ValueError(
            f"SIGNING_KEY has {len(raw)} bytes and {given['ALGORITHM']} needs {least}: tokens under it can be forged, so none is accepted. "
            "Let those clients log in anew."
        )
    return raw


def public_key(given: Mapping[str, Any]) -> Any:
    """The public key of an asymmetric algorithm, from PEM."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    algorithm, pem = given["ALGORITHM"], given["VERIFYING_KEY"]
    if not isinstance(pem, str | bytes) or given["SIGNING_KEY"]:
        raise ValueError(
            f"With {algorithm}, VERIFYING_KEY must be the public key as PEM, and SIGNING_KEY is left out: it signs nothing any more."
        )
    try:
        key = load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("VERIFYING_KEY is no public key in PEM (-----BEGIN PUBLIC KEY-----).") from None
    if algorithm in RSA:
        fits = isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA
    elif algorithm in CURVES:
        fits = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == CURVES[algorithm]
    else:
        fits = isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)
    if not fits:
        raise ValueError(f"VERIFYING_KEY does not fit {algorithm}, or is an RSA key of fewer than {SMALLEST_RSA} bits.")
    return key


def moment(value: Any) -> datetime:
    """`ACCEPT_UNTIL` as an aware moment; of a day, its end in UTC."""
    if isinstance(value, str):
        try:
            value = parse_datetime(value) if len(value) > len("2027-01-31") else parse_date(value)
        except ValueError:
            value = None
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value + timedelta(days=1), time(), UTC)
    raise ValueError(
        "ACCEPT_UNTIL must be the day when the last old token is dead, as '2027-01-31': the day of the switch and the longest "
        "REFRESH_TOKEN_LIFETIME after it."
    )


def _audiences(value: Any) -> tuple[str, ...]:
    given = (value,) if isinstance(value, str) else value
    if given is None:
        return ()
    if isinstance(given, Sequence) and given and all(isinstance(item, str) and item for item in given):
        return tuple(given)
    raise ValueError("AUDIENCE must be a text or a list of texts, or None.")


def _field(name: str) -> str:
    try:
        field: Any = get_user_model()._meta.get_field(name)
    except FieldDoesNotExist:
        raise ValueError(f"USER_ID_FIELD: the user model has no field {name!r}.") from None
    if not field.concrete or not field.unique:
        raise ValueError(f"USER_ID_FIELD: {name!r} is not unique, so it does not say who the user is.")
    return name


def _scopes(value: Any) -> frozenset[str] | None:
    if value == ALL:
        return None
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        try:
            return registry.expand(names.scope_names(value))
        except (InvalidChange, TypeError) as error:
            raise ValueError(f"SCOPES: {error}") from None
    raise ValueError(
        "SCOPES must say what an old token may be used for: a list of scopes, or 'all' for everything that its user holds."
    )


def _lifetime(given: Mapping[str, Any], name: str, longest: timedelta = LONGEST) -> timedelta:
    try:
        length = duration(given[name])
    except (ValueError, TypeError, AttributeError):
        raise ValueError(f"{name} must be a timedelta or a text as '24h'.") from None
    if not timedelta(0) <= length <= longest:
        raise ValueError(f"{name} must lie between 0 and {longest}.")
    return length
