"""Nonces that a server makes without remembering them: a keyed digest of the present window of time (RFC 9449 section 8)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from typing import Final

WINDOW: Final = 150
"""Seconds. A nonce holds in its window and the next: between 2.5 and 5 minutes."""


def make(peppers: Sequence[str], now: float) -> str:
    """The nonce of the present window, under the first pepper. Nobody without the pepper can tell the next one."""
    return _of(peppers[0], int(now // WINDOW))


def accepted(text: str, peppers: Sequence[str], now: float) -> bool:
    """Whether it is the nonce of this window or the one before, under any of the peppers."""
    if not text.isascii():
        return False
    window = int(now // WINDOW)
    wanted = [_of(pepper, at) for pepper in peppers for at in (window, window - 1)]
    return any([hmac.compare_digest(text, one) for one in wanted])  # noqa: C419 - all, whatever matches


def _of(pepper: str, window: int) -> str:
    mac = hmac.digest(pepper.encode(), b"django_apiaccess.dpop-nonce\0%d" % window, "sha256")
    return base64.urlsafe_b64encode(mac[:24]).decode()
