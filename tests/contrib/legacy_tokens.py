"""Tokens as simplejwt makes them, made by hand, and the setting that takes them."""

from __future__ import annotations

import time
import uuid
from typing import Any

import jwt

KEY = "the-old-signing-key-of-simplejwt-of-more-than-sixty-four-characters"
LEGACY = {"ALGORITHM": "HS256", "SIGNING_KEY": KEY, "ACCEPT_UNTIL": "2999-01-01", "SCOPES": "all"}
ABSENT = ...


def make(
    user: Any,
    token_type: str = "access",
    *,
    key: Any = KEY,
    algorithm: str = "HS256",
    headers: dict[str, Any] | None = None,
    **changes: Any,
) -> str:
    """`make(ann, "refresh", exp=ABSENT)`: claims can be replaced, added and left out."""
    now = int(time.time())
    claims = {
        "token_type": token_type,
        "exp": now + (300 if token_type == "access" else 86400),
        "iat": now,
        "jti": uuid.uuid4().hex,
        "user_id": str(user.pk),
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not ABSENT}
    return jwt.encode(kept, key, algorithm=algorithm, headers=headers)
