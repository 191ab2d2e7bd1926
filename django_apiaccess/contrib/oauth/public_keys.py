"""The public keys with which a client signs its assertions (RFC 7523): given as a set, or fetched from the client's own address."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Final

from ...core.outbound import FetchError, fetch_json
from ...exceptions import InvalidChange
from ...tokens import jws
from ...tokens.issuers import read_key_set
from .models import OAuthClient

ALGORITHMS: Final = ("EdDSA", "ES256", "RS256", "PS256")
FRESH_SECONDS: Final = 300.0
COOLDOWN_SECONDS: Final = 10.0
STALE_SECONDS: Final = 24 * 3600.0
"""How long keys are believed whose address does not answer: an outage is not the end of a client, a silenced address no way to keep a
leaked key alive.
"""
MOST: Final = 500
MAX_JWKS: Final = 32 * 1024

KeySet = dict[str | None, list[jws.VerifyingKey]]
_fetched: dict[str, tuple[float, KeySet]] = {}
_tried: dict[str, float] = {}
_lock = threading.Lock()


def check(client: OAuthClient) -> None:
    """Raise `InvalidChange` for a client of `private_key_jwt` without usable keys."""
    if bool(client.jwks) == bool(client.jwks_uri):
        raise InvalidChange(
            "A client of private_key_jwt has either a set of public keys or the address of one.", field="jwks"
        )
    if client.jwks:
        try:
            if len(json.dumps(client.jwks)) > MAX_JWKS or not isinstance(client.jwks, dict):
                raise ValueError("no JWK set of a reasonable size")
            keys = read_key_set(client.jwks, ALGORITHMS)
        except ValueError as error:
            raise InvalidChange(f"The public keys cannot be used: {error}.", field="jwks") from None
        if not any(keys.values()):
            raise InvalidChange(f"No key of the set can be used. Algorithms: {', '.join(ALGORITHMS)}.", field="jwks")


def find(client: OAuthClient, kid: str | None, algorithm: str) -> jws.VerifyingKey | None:
    """The client's key for a signature: by its id, or without one where one alone fits."""
    keys = _keys(client, kid, algorithm)
    return None if keys is None else _pick(keys, kid, algorithm)


def _pick(keys: KeySet, kid: str | None, algorithm: str) -> jws.VerifyingKey | None:
    entries = keys.get(kid, []) if kid is not None else [key for group in keys.values() for key in group]
    fitting = [key for key in entries if key.algorithm == algorithm]
    return fitting[0] if len(fitting) == 1 else None


def _keys(client: OAuthClient, kid: str | None, algorithm: str) -> KeySet | None:
    if client.jwks:
        try:
            return read_key_set(client.jwks, ALGORITHMS)
        except ValueError:
            return None
    return _from_address(client.jwks_uri, kid, algorithm) if client.jwks_uri else None


def _from_address(uri: str, kid: str | None, algorithm: str) -> KeySet | None:
    """Fetched at most every ten seconds, however many keys somebody invents; older keys serve while the address is silent."""
    now = time.monotonic()
    known = _fetched.get(uri)
    fresh = known is not None and now - known[0] < FRESH_SECONDS
    if known is not None and fresh and _pick(known[1], kid, algorithm) is not None:
        return known[1]
    with _lock:
        if now - _tried.get(uri, float("-inf")) < COOLDOWN_SECONDS:
            return _not_stale(known, now)
        if len(_tried) >= MOST:
            _tried.clear()
            _fetched.clear()
        _tried[uri] = now
    try:
        document: dict[str, Any] = fetch_json(uri)
        keys = read_key_set(document, ALGORITHMS)
    except (FetchError, ValueError):
        return _not_stale(known, now)
    _fetched[uri] = (now, keys)
    return keys


def _not_stale(known: tuple[float, KeySet] | None, now: float) -> KeySet | None:
    return known[1] if known is not None and now - known[0] < STALE_SECONDS else None
