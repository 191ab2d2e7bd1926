"""Keys in a stream of bytes, with their line and column: by form and checksum, so that noise is never taken for one. Plain Python.

Any encoding that keeps ASCII as it is, and UTF-16. A stream of any length needs the memory of one piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from ..core import secrets

CHUNK: Final = 1 << 20
OVERLAP: Final = 128
"""Longer than any key: what a piece cuts in two is whole in the next look."""
OUR_PREFIXES: Final = ("rt", "cs")
"""Of refresh tokens and of secrets of OAuth clients."""
KINDS: Final = {"rt": "refresh token", "cs": "client secret"}


@dataclass(frozen=True, slots=True)
class Sighting:
    """A key that stands somewhere. Its text is not kept: `shown` has its public id and nothing of its secret."""

    prefix: str
    public_id: str
    line: int
    column: int

    @property
    def shown(self) -> str:
        """The key as it may be shown."""
        return f"{self.prefix}_{self.public_id}_…"

    @property
    def kind(self) -> str:
        """What it is."""
        return KINDS.get(self.prefix, "API key")


class Finder:
    """Finds keys with any of some prefixes. Compiled once, used for many streams."""

    def __init__(self, prefixes: Sequence[str]) -> None:
        self._patterns = [
            (prefix, re.compile(secrets.pattern(prefix).pattern.encode())) for prefix in dict.fromkeys(prefixes)
        ]

    def in_stream(self, stream: BinaryIO) -> Iterator[Sighting]:
        """The keys in `stream`, each where it stands, in order within a piece."""
        kept, line, column = b"", 1, 1
        while piece := stream.read(CHUNK):
            window = kept + (piece.replace(b"\0", b"") if b"\0" in piece else piece)
            # what begins in the overlap is looked at again with the next piece, when it is whole; found twice it never is:
            keep = max(len(window) - OVERLAP, 0)
            yield from self._placed(window, keep, line, column)
            line, column = _moved(window, keep, line, column)
            kept = window[keep:]
        yield from self._placed(kept, len(kept), line, column)

    def in_bytes(self, data: bytes) -> Iterator[tuple[int, str, str]]:
        """The place of each key in `data`, its prefix and its public id."""
        for prefix, pattern in self._patterns:
            found = pattern.search(data)
            while found is not None:
                text = found[0].decode()
                if secrets.checksum(text[: -secrets.CHECK_LENGTH]) == text[-secrets.CHECK_LENGTH :]:
                    yield found.start(), prefix, found[1].decode()
                # not from its end: one that is none may hide the beginning of one
                found = pattern.search(data, found.start() + 1)

    def _placed(self, window: bytes, end: int, line: int, column: int) -> Iterator[Sighting]:
        """Those that begin before `end`."""
        place = 0
        for start, prefix, public_id in sorted(self.in_bytes(window)):
            if start >= end:
                return
            line, column = _moved(window[place:start], start - place, line, column)
            place = start
            yield Sighting(prefix, public_id, line, column)


def _moved(window: bytes, end: int, line: int, column: int) -> tuple[int, int]:
    """The line and column (in bytes) after the first `end` bytes of `window`, which begins at `line` and `column`."""
    lines = window.count(b"\n", 0, end)
    if not lines:
        return line, column + end
    return line + lines, end - window.rfind(b"\n", 0, end)
