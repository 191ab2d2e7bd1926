"""The signature of a DPoP proof, by PyJWT. What else makes a proof is in `core.dpop`, and what it is good for in `authn.possession`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from ..core.compact import CompactToken
from ..core.jwk import REQUIRED
from .jws import UnusableKey, VerifyingKey, public_key

KEYS: Final = 256
"""Clients sign many proofs with one key, so the latest keys are kept ready."""


def verifies(proof: CompactToken, jwk: Mapping[str, Any]) -> bool:
    """Whether the proof is signed by the key in its header."""
    members = {name: jwk[name] for name in REQUIRED[jwk["kty"]]}
    key = _key(json.dumps(members, sort_keys=True), proof.algorithm)
    return key is not None and key.verifies(proof)


@lru_cache(maxsize=KEYS)
def _key(jwk: str, algorithm: str) -> VerifyingKey | None:
    try:
        return public_key(json.loads(jwk), algorithm)
    except UnusableKey:
        return None
