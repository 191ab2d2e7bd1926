"""GitHub's public keys for the alerts of its secret scanning: fetched when needed, kept for a while, never fetched in a storm.

https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program
"""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ..conf import access_settings
from ..core.outbound import FetchError, fetch_json

logger: Final = logging.getLogger("django_apiaccess")
FRESH_SECONDS: Final = 1800.0
TIMEOUT: Final = 5.0
"""Seconds for one fetch as a whole."""
STALE_SECONDS: Final = 86_400.0
"""How long keys are used that could not be fetched anew: whoever keeps us from GitHub keeps a withdrawn key alive no longer."""
COOLDOWN_SECONDS: Final = 60.0
"""Between two fetches for unknown key ids, and after one that failed. GitHub allows 60 an hour to who does not log in there."""
MAX_KEYS: Final = 50
MAX_SIGNATURE: Final = 256


class KeysUnavailable(Exception):
    """There is no list of keys, and none can be had now."""


@dataclass(slots=True)
class KeyList:
    """The keys by their identifiers. A key that is no more current (`is_current: false`) still verifies, as in GitHub's own samples: alerts
    that it signed may be under way. One that GitHub takes from the list does not.
    """

    keys: dict[str, ec.EllipticCurvePublicKey] = field(default_factory=dict)
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, identifier: str) -> ec.EllipticCurvePublicKey | None:
        """The key of that identifier. Raises `KeysUnavailable`."""
        now = time.monotonic()
        if now - self.fetched_at >= FRESH_SECONDS or identifier not in self.keys:
            self._fetch(now)
        if time.monotonic() - self.fetched_at >= STALE_SECONDS:
            raise KeysUnavailable
        return self.keys.get(identifier)

    def _fetch(self, now: float) -> None:
        if not self.lock.acquire(blocking=not self.keys):  # who has no keys waits for who is asking
            return
        try:
            if now - self.tried_at < COOLDOWN_SECONDS:
                return
            self.tried_at = now
            entries = access_settings.LEAKS
            document = fetch_json(
                entries["GITHUB_KEYS_URL"],
                allow_http=entries["GITHUB_ALLOW_HTTP"],
                allow_private=entries["GITHUB_ALLOW_PRIVATE"],
                timeout=TIMEOUT,
            )
            self.keys = read_keys(document)
            self.fetched_at = now
        except (FetchError, ValueError) as error:  # older keys stay good: an outage there is not one of ours
            logger.warning("GitHub's keys of secret scanning could not be fetched: %s", error)
        finally:
            self.lock.release()


def read_keys(document: Mapping[str, Any]) -> dict[str, ec.EllipticCurvePublicKey]:
    """The usable keys of the list. Raises `ValueError` where it is none, or has none that is usable."""
    entries = document.get("public_keys")
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_KEYS:
        raise ValueError("no list of public keys")
    found: dict[str, ec.EllipticCurvePublicKey] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        identifier, pem = entry.get("key_identifier"), entry.get("key")
        if not isinstance(identifier, str) or not isinstance(pem, str) or identifier in found:
            continue
        try:
            key = load_pem_public_key(pem.encode())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            found[identifier] = key
    if not found:
        raise ValueError("no usable key (ECDSA on P-256) in the list")
    return found


def is_signed(body: bytes, signature: str, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether `signature` (base64 of DER) is the key's over the very bytes of `body` (ECDSA with SHA-256)."""
    if not 0 < len(signature) <= MAX_SIGNATURE:
        return False
    try:
        key.verify(base64.b64decode(signature, validate=True), body, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


_lists: Final[dict[str, KeyList]] = {}


def key_list() -> KeyList:
    """The list at the address that the settings name."""
    return _lists.setdefault(str(access_settings.LEAKS["GITHUB_KEYS_URL"]), KeyList())


def forget() -> None:
    """Fetch anew next time."""
    _lists.clear()
