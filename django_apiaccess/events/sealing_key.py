"""The Ed25519 key that signs checkpoints. It lives outside the database: in a file, or derived from the newest pepper."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from ..conf import access_settings

PURPOSE: Final = b"django_apiaccess.checkpoints"


def signing_key() -> Any:
    """The private key that signs now. Raises `ImproperlyConfigured` when the file of `SEAL_KEY` holds none."""
    return next(_keys())


def sign(said: bytes) -> tuple[str, str]:
    """The id of the key, and its signature in base64."""
    key = signing_key()
    return key_id(key.public_key()), base64.b64encode(key.sign(said)).decode()


def is_signed(said: bytes, key: str, signature: str) -> bool:
    """Whether one of the present keys (older peppers' too) made this signature."""
    from cryptography.exceptions import InvalidSignature

    for private in _keys():
        public = private.public_key()
        if key_id(public) == key:
            try:
                public.verify(base64.b64decode(signature), said)
            except (InvalidSignature, ValueError):
                return False
            return True
    return False


def key_id(public: Any) -> str:
    """16 hex digits that name a public key."""
    return hashlib.sha256(raw(public)).hexdigest()[:16]


def raw(public: Any) -> bytes:
    """The 32 bytes of a public key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return bytes(public.public_bytes(Encoding.Raw, PublicFormat.Raw))


def public_pem() -> str:
    """The public key in PEM, for whoever verifies checkpoints elsewhere."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return str(signing_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def _keys() -> Iterator[Any]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = access_settings.EVENTS_SEAL_KEY
    if path is not None:
        yield _from_file(Path(path))
    for pepper in access_settings.PEPPERS:
        yield Ed25519PrivateKey.from_private_bytes(hmac.digest(pepper.encode(), PURPOSE, "sha256"))


def _from_file(path: Path) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    how = "Make one with: openssl genpkey -algorithm ed25519 -out FILE"
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ImproperlyConfigured(
            f"EVENTS['SEAL_KEY']: {path} cannot be read: {type(error).__name__}. {how}"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"EVENTS['SEAL_KEY']: {path} holds no Ed25519 private key. {how}")
    return key
