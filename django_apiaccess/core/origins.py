"""Web origins (RFC 6454) as a restriction of a credential."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


@lru_cache(maxsize=512)
def parse_origins(text: str) -> frozenset[str]:
    """The origins in a space-separated list, in lower case. Raises `ValueError` that says how to write one."""
    origins = frozenset(part.lower() for part in text.split())
    for origin in sorted(origins):
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin!r} is not an origin: write scheme and host only, as https://shop.example or http://localhost:3000."
            )
    return origins
