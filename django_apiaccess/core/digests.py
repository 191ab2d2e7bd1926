"""Stored digests of secrets: self-describing text `algorithm$version$value`, so that formats can change without a flag day.

Ours is `hmac-sha256$<pepper fingerprint>$<base64url>`: HMAC-SHA-256 of the whole presented text under a pepper that lives
outside the database. A 256-bit secret needs no salt and no slow hash (ASVS 6.5.2); the pepper makes a stolen table
worthless. The fingerprint says which pepper made the digest, so verifying never tries them all.
The other algorithms are those of packages that keys are imported from; they are only ever verified, never made.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from typing import Final

NATIVE: Final = "hmac-sha256"


class Verdict(Enum):
    """The outcome of comparing a presented secret with a stored digest."""

    MATCH = "match"
    MATCH_OUTDATED = "match_outdated"
    """Right, but under an old pepper or a foreign format: store `make()` of it."""
    WRONG = "wrong"
    UNVERIFIABLE = "unverifiable"
    """The pepper or the format is not known here any more."""


@lru_cache(maxsize=64)
def fingerprint(pepper: str) -> str:
    """8 hex digits that name a pepper and tell nothing of it."""
    return hashlib.sha256(b"django_apiaccess.pepper\0" + pepper.encode()).hexdigest()[:8]


def _mac(pepper: str, text: str) -> bytes:
    return hmac.digest(pepper.encode(), text.encode(), "sha256")


def make(text: str, peppers: Sequence[str]) -> str:
    """The digest to store for `text`, under the first of `peppers`."""
    value = base64.urlsafe_b64encode(_mac(peppers[0], text)).rstrip(b"=").decode()
    return f"{NATIVE}${fingerprint(peppers[0])}${value}"


def verify(text: str, stored: str, peppers: Sequence[str]) -> Verdict:
    """Compare `text` with `stored` in constant time. One MAC, whatever the outcome."""
    algorithm, _, rest = stored.partition("$")
    version, _, value = rest.partition("$")
    if algorithm != NATIVE:
        check = FOREIGN.get(algorithm)
        if check is None:
            return Verdict.UNVERIFIABLE
        return Verdict.MATCH_OUTDATED if check(text, value) else Verdict.WRONG
    for position, pepper in enumerate(peppers):
        if fingerprint(pepper) == version:
            expected = _decode(value)
            if not hmac.compare_digest(_mac(pepper, text), expected):
                return Verdict.WRONG
            return Verdict.MATCH if position == 0 else Verdict.MATCH_OUTDATED
    return Verdict.UNVERIFIABLE


def verify_nothing(text: str, peppers: Sequence[str]) -> None:
    """The work of `verify` for a key that does not exist, so that the two cannot be told apart by time."""
    hmac.compare_digest(_mac(peppers[0], text), b"\0" * 32)


def is_native(stored: str) -> bool:
    return stored.startswith(NATIVE + "$")


def _decode(value: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        return b""


def _sha512_hex(text: str, value: str) -> bool:
    return hmac.compare_digest(hashlib.sha512(text.encode()).hexdigest().encode(), value.encode())


def _sha512_unhexlified(text: str, value: str) -> bool:
    try:
        raw = binascii.unhexlify(text)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hashlib.sha512(raw).hexdigest().encode(), value.encode())


FOREIGN: Final[dict[str, Callable[[str, str], bool]]] = {
    "sha512": _sha512_hex,  # djangorestframework-api-key >= 3 and knox 5: SHA-512 of the whole text, in hex
    "sha512-unhex": _sha512_unhexlified,  # knox 4.2: SHA-512 of the bytes that the hex text stands for
}
"""Verifiers of imported digests by algorithm: `(presented text, stored value) -> right`. `keys.legacy` adds Django's hashers."""
