"""Secrets that must be read again (signing keys, TOTP seeds), sealed for the database: AES-256-GCM under a key outside of it.

`v1$<key fingerprint>$<base64url of nonce and ciphertext>`. The newest key seals, all open. The purpose and the row are bound in as
associated data, so a sealed value moved to another row or use does not open (ASVS 13.3.1).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

VERSION: Final = "v1"
NONCE_LENGTH: Final = 12


class SealError(ValueError):
    """A sealed value that does not open: another row's, changed, or sealed under a key that is not known here."""


@lru_cache(maxsize=64)
def _key(secret: str, purpose: str) -> tuple[str, bytes]:
    """Fingerprint and 32-byte key for one purpose (HKDF-Expand with one block, RFC 5869 section 2.3)."""
    extracted = hmac.new(b"django_apiaccess.sealing", secret.encode(), hashlib.sha256).digest()
    key = hmac.new(extracted, purpose.encode() + b"\x01", hashlib.sha256).digest()
    return hashlib.sha256(b"fingerprint\0" + key).hexdigest()[:8], key


def seal(plain: bytes, *, secrets: Sequence[str], purpose: str, row: str) -> str:
    """`plain` sealed under the first of `secrets`, for one purpose and row."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    fingerprint, key = _key(secrets[0], purpose)
    nonce = os.urandom(NONCE_LENGTH)
    sealed = nonce + AESGCM(key).encrypt(nonce, plain, f"{purpose}|{row}".encode())
    return f"{VERSION}${fingerprint}${base64.urlsafe_b64encode(sealed).decode()}"


def unseal(text: str, *, secrets: Sequence[str], purpose: str, row: str) -> bytes:
    """What was sealed. Raises `SealError`."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    version, _, rest = text.partition("$")
    fingerprint, _, value = rest.partition("$")
    if version != VERSION:
        raise SealError(f"unknown sealing format {version!r}")
    for secret in secrets:
        name, key = _key(secret, purpose)
        if name == fingerprint:
            try:
                sealed = base64.urlsafe_b64decode(value)
                return AESGCM(key).decrypt(sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], f"{purpose}|{row}".encode())
            except (InvalidTag, binascii.Error, ValueError):
                raise SealError("the sealed value was changed, or belongs to another row or purpose") from None
    raise SealError("sealed under a key that is not among the present ones")


def is_newest(text: str, *, secrets: Sequence[str], purpose: str) -> bool:
    """Whether `text` is sealed under the first of `secrets`; else seal it anew."""
    return text.startswith(f"{VERSION}${_key(secrets[0], purpose)[0]}$")
