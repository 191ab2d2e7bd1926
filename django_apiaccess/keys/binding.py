"""The public key that an API key may be bound to (RFC 9449): read as people and programs have it, kept as its thumbprint."""

from __future__ import annotations

import json
from pathlib import Path

from ..core.jwk import THUMBPRINT, JWKError, check_public, thumbprint
from ..exceptions import InvalidChange

FIELD = "dpop_jkt"


def checked_thumbprint(text: str) -> str:
    """`text` without space around it, if it is a SHA-256 thumbprint of RFC 7638 or empty. Raises `InvalidChange`."""
    text = text.strip()
    if text and not THUMBPRINT.fullmatch(text):
        raise InvalidChange(
            "The thumbprint of a public key is 43 characters of base64url (RFC 7638, SHA-256). Compute it from the JWK.",
            field=FIELD,
        )
    return text


def thumbprint_of(text: str) -> str:
    """The thumbprint of a public JWK, given as JSON or as the name of a file with it. Raises `InvalidChange`."""
    source = text.strip()
    if not source.startswith("{"):
        try:
            source = Path(source).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InvalidChange(f"The file with the public key cannot be read: {error}.", field=FIELD) from None
    try:
        jwk = json.loads(source)
        check_public(jwk)
    except JWKError as error:
        raise InvalidChange(f"This JWK cannot be used: {error}.", field=FIELD) from None
    except (ValueError, RecursionError):
        raise InvalidChange(
            'The public key must be a JWK, as {"kty": "EC", "crv": "P-256", ...}.', field=FIELD
        ) from None
    return thumbprint(jwk)
