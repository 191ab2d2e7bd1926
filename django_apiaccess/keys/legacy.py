"""Key texts that other packages made: recognised by their form, found by a derived id, verified by their own digest.

The id of an imported secret is `<package>:<identifier>`, so it can never meet an id of ours. A digest of another package is
replaced by ours when the key is first used.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from typing import Final

from ..core import digests

DRF_API_KEY: Final = re.compile(r"([A-Za-z0-9]{1,8})\.[A-Za-z0-9]{16,128}")
"""djangorestframework-api-key: 8 and 32 characters, or what a project's own KeyGenerator makes."""
HEX_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{0,10}?[0-9a-f]{32,128}")
"""authtoken: 40 digits. knox: TOKEN_PREFIX and 64 digits, or as many as AUTH_TOKEN_CHARACTER_LENGTH says."""
USUAL: Final = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}|[A-Za-z0-9._~+/=-]{0,10}?(?:[0-9a-f]{40}|[0-9a-f]{64})")
"""What is taken for an imported key behind `Bearer`, where other packages' tokens may come too."""
DJANGO_HASHER: Final = "django-hasher"
KNOX: Final = "knox-sha512"
IDENTIFIER_LENGTH: Final = 32
_DOTTED: Final = re.compile(r"[A-Za-z0-9]{1,8}\.[A-Za-z0-9]{16,128}(?![A-Za-z0-9])")
_HEX: Final = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{0,10}?([0-9a-f]{32,128})(?![A-Za-z0-9])")


def public_ids(scheme: str, text: str) -> tuple[str, ...]:
    """The ids under which an imported secret with this text would be stored, most likely first; empty: not of such a form."""
    if scheme == "bearer" and not USUAL.fullmatch(text):
        return ()
    found = DRF_API_KEY.fullmatch(text)
    if found is not None:
        return (drf_api_key_id(found[1]),) if scheme in {"api-key", "bearer"} else ()
    if scheme not in {"token", "bearer"} or not HEX_TOKEN.fullmatch(text):
        return ()
    if len(text) == 40 and not text.strip("0123456789abcdef"):
        return (authtoken_id(text), *knox_ids(text))
    return knox_ids(text)


def every_id(text: str) -> tuple[str, ...]:
    """The ids for a text whose header is not known."""
    return tuple(dict.fromkeys((*public_ids("api-key", text), *public_ids("token", text))))


def candidates(window: str) -> Iterator[tuple[str, int]]:
    """What may be an imported key's text somewhere in `window`, with where it ends. For texts that nobody wrote for us to read."""
    for found in _DOTTED.finditer(window):
        yield found[0], found.end()
    for found in _HEX.finditer(window):
        digits = found[1]
        glued = (found[0][start:] for start in range(len(found[0]) - len(digits)))  # as 20 in "Token%20..."
        for text in dict.fromkeys((*glued, digits, digits[-64:], digits[-40:])):
            yield text, found.end()


def drf_api_key_id(prefix: str) -> str:
    """djangorestframework-api-key: the prefix is unique and public."""
    return f"drf-api-key:{prefix}"


def authtoken_id(token: str) -> str:
    """DRF's authtoken has no public part: the head of its SHA-256, which tells nothing of a 160-bit secret."""
    return f"drf-authtoken:{hashlib.sha256(token.encode()).hexdigest()[:IDENTIFIER_LENGTH]}"


def knox_ids(token: str) -> tuple[str, ...]:
    """By knox a SHA-512 is stored, of the text (5) or of the bytes it stands for (4.2): the head of either finds the row."""
    return tuple(knox_id(digest) for digest in _knox_digests(token))


def knox_id(digest: str) -> str:
    """The head of the stored digest: 128 bits of a hash of a 256-bit secret tell nothing of it."""
    return f"knox:{digest[:IDENTIFIER_LENGTH]}"


def _knox_digests(token: str) -> Iterator[str]:
    yield hashlib.sha512(token.encode()).hexdigest()
    try:
        raw = bytes.fromhex(token)
    except ValueError:
        return
    yield hashlib.sha512(raw).hexdigest()


def _knox(text: str, value: str) -> bool:
    """Both of knox's formats: its table does not say which one a row has, and a token's bytes never hash to another's."""
    return any(hmac.compare_digest(digest, value) for digest in _knox_digests(text))


def _django_hasher(text: str, value: str) -> bool:
    from django.contrib.auth.hashers import check_password

    return check_password(text, value)


digests.FOREIGN[DJANGO_HASHER] = _django_hasher
digests.FOREIGN[KNOX] = _knox
