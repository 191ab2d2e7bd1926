"""Key texts that other packages made: recognised by their form, found by a derived id, verified by their own digest.

The id of an imported secret is `<package>:<identifier>`, so it can never meet an id of ours. A digest of another package is
replaced by ours when the key is first used.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from ..core import digests

DRF_API_KEY: Final = re.compile(r"([A-Za-z0-9]{8})\.[A-Za-z0-9]{32}")
HEX_TOKEN: Final = re.compile(r"[A-Za-z0-9]{0,10}[0-9a-f]{40}|[A-Za-z0-9]{0,10}[0-9a-f]{64}")
DJANGO_HASHER: Final = "django-hasher"
IDENTIFIER_LENGTH: Final = 32


def public_ids(scheme: str, text: str) -> tuple[str, ...]:
    """The ids under which an imported secret with this text would be stored, most likely first; empty: not of such a form."""
    found = DRF_API_KEY.fullmatch(text)
    if found is not None:
        return (drf_api_key_id(found[1]),) if scheme in {"api-key", "bearer"} else ()
    if not HEX_TOKEN.fullmatch(text):
        return ()
    if len(text) == 40 and not text.strip("0123456789abcdef"):
        return (authtoken_id(text), *knox_ids(text))
    return knox_ids(text)


def drf_api_key_id(prefix: str) -> str:
    """djangorestframework-api-key: the prefix is unique and public."""
    return f"drf-api-key:{prefix}"


def authtoken_id(token: str) -> str:
    """DRF's authtoken has no public part: the head of its SHA-256, which tells nothing of a 160-bit secret."""
    return f"drf-authtoken:{hashlib.sha256(token.encode()).hexdigest()[:IDENTIFIER_LENGTH]}"


def knox_ids(token: str) -> tuple[str, ...]:
    """Knox stores a SHA-512 of the text (5) or of the bytes it stands for (4.2): the head of either finds the row."""
    ids = [knox_id(hashlib.sha512(token.encode()).hexdigest())]
    try:
        raw = bytes.fromhex(token)
    except ValueError:
        return tuple(ids)
    return (*ids, knox_id(hashlib.sha512(raw).hexdigest()))


def knox_id(digest: str) -> str:
    return f"knox:{digest[:IDENTIFIER_LENGTH]}"


def _django_hasher(text: str, value: str) -> bool:
    from django.contrib.auth.hashers import check_password

    return check_password(text, value)


digests.FOREIGN[DJANGO_HASHER] = _django_hasher
