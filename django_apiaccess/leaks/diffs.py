"""`git log -p` and `git diff` as they are read from stdin: which commit and file a line belongs to. Plain Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from .finder import OVERLAP, Finder, Sighting

COMMIT: Final = re.compile(rb"commit ([0-9a-f]{7,64})\b")
HUNK: Final = re.compile(rb"(@@+) ((?:-[0-9]{1,9}(?:,[0-9]{1,9})? )+)\+([0-9]{1,9})(?:,([0-9]{1,9}))? @@")
LONGEST: Final = 1 << 20
"""Bytes of a line that are looked at together; longer ones are looked at in pieces."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a line belongs. Outside of a diff `path` is empty, and `line` counts the lines of the input."""

    commit: str
    path: str
    line: int


class Diff:
    """Follows a diff line by line."""

    def __init__(self) -> None:
        self.commit = ""
        self.path = ""
        self._old = ""
        self._number = 0
        self._line = 0
        self._left = [0, 0]
        """Lines that the hunk still has, of the old file and of the new one."""
        self.marks = 0
        """Characters before the text of a line of a hunk: one, in a merge one for each parent."""

    def take(self, line: bytes) -> Spot:
        """The place of the next line."""
        self._number += 1
        if any(left > 0 for left in self._left):
            if self._in_hunk(line):
                return Spot(self.commit, self.path, max(self._line, 1))
            self._left = [0, 0]
        self.marks = 0
        self._between(line)
        return Spot(self.commit, "", self._number)

    def _in_hunk(self, line: bytes) -> bool:
        marks = line[: self.marks].rstrip(b"\r\n")
        if marks.startswith(b"\\"):  # "\ No newline at end of file"
            return True
        if marks.strip(b"+- "):
            return False
        is_new, is_old = b"-" not in marks, b"+" not in marks
        self._line += is_new
        self._left[0] -= is_old
        self._left[1] -= is_new
        return True

    def _between(self, line: bytes) -> None:
        if (found := COMMIT.match(line)) is not None:
            self.commit, self._old, self.path = found[1].decode(), "", ""
        elif line.startswith(b"diff "):
            self._old, self.path = "", ""
        elif line.startswith(b"--- "):
            self._old, self.path = _path(line), ""
        elif line.startswith(b"+++ "):
            self.path = _path(line) or self._old
        elif self.path and (hunk := HUNK.match(line)) is not None:
            self.marks = len(hunk[1]) - 1
            self._line = int(hunk[3]) - 1
            old = max(int(part.partition(b",")[2] or 1) for part in hunk[2].split())
            self._left = [old, int(hunk[4] or 1)]


def sightings(stream: BinaryIO, finder: Finder) -> Iterator[tuple[Spot, Sighting]]:
    """The keys in a text that may be a diff. Lines that a commit took away count too: they are in the history."""
    diff, spot = Diff(), Spot("", "", 0)
    kept, before = b"", 0
    while piece := stream.readline(LONGEST):
        line = piece.replace(b"\0", b"")
        if not kept:
            spot, before = diff.take(line), 0
        window = kept + line
        cut = len(window) if line.endswith(b"\n") else max(len(window) - OVERLAP, 0)
        yield from _placed(finder, window, cut, spot, before - (diff.marks if spot.path else 0))
        before += cut
        kept = window[cut:]
    yield from _placed(finder, kept, len(kept), spot, before - (diff.marks if spot.path else 0))


def _placed(finder: Finder, window: bytes, end: int, spot: Spot, before: int) -> Iterator[tuple[Spot, Sighting]]:
    for start, prefix, public_id in sorted(finder.in_bytes(window)):
        if start < end:
            yield spot, Sighting(prefix, public_id, spot.line, before + start + 1)


def _path(line: bytes) -> str:
    """The file that a `---` or `+++` line names; empty for /dev/null."""
    name = line[4:].split(b"\t")[0].strip().strip(b'"')
    if name == b"/dev/null":
        return ""
    return re.sub(r"^[ab]/", "", name.decode("utf-8", "replace"))
