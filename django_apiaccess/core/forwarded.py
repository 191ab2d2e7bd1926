"""The `Forwarded` header (RFC 7239 section 4), taken apart."""

from __future__ import annotations

import re
from typing import Final

TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
PAIR: Final = re.compile(rf'[ \t]*(?P<name>{TOKEN})=(?P<value>{TOKEN}|"(?:[^"\\]|\\.)*")[ \t]*(?P<end>[;,]|$)')


def parse(text: str) -> list[dict[str, str]] | None:
    """Its elements, one for each hop, the client's side first; names in lower case. None when it is not of the form of RFC 7239."""
    elements: list[dict[str, str]] = [{}]
    position = 0
    while position < len(text):
        pair = PAIR.match(text, position)
        if pair is None or pair["name"].lower() in elements[-1]:
            return None
        value = pair["value"]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        elements[-1][pair["name"].lower()] = value
        position = pair.end()
        if pair["end"] == ",":
            elements.append({})
    return elements if all(elements) else None
