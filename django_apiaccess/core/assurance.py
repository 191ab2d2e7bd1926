"""How strongly and how recently a principal proved who they are (NIST SP 800-63B, RFC 8176 `amr`, RFC 9470 `acr`)."""

from __future__ import annotations

from typing import Final

ACR_LEVELS: Final[tuple[str, ...]] = ("aal1", "aal2-sms", "aal2", "phr")
"""Weakest first. `phr` is phishing-resistant."""

MULTI_FACTOR: Final = "aal2-sms"
"""The weakest level that counts as multi-factor."""


def rank(acr: str) -> int:
    """Position of `acr` in `ACR_LEVELS`; an unknown or empty value ranks below all (-1)."""
    try:
        return ACR_LEVELS.index(acr)
    except ValueError:
        return -1
