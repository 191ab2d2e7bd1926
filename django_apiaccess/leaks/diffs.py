"""`git log -p` and `git diff` as they are read from stdin: which commit and file a line belongs to. Plain Python."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from .finder import OVERLAP, Finder, Sighting

COMMIT: Final = re.compile(rb"commit ([0-9a-f]{7,64})\b")
HUNK: Final = re.compile(rb"(@@+) ((?:-[0-9]{1,9}(?:,[0-9]{1,9})? )+)\+([0-9]{1,9})(?:,([0-9]{1,9}))? @@")
BEGINNINGS: Final = frozenset({b"c", b"d", b"-", b"+", b"@"})
SINGLE: Final = {b" ": (True, True), b"-": (True, False), b"+": (False, True)}
"""What marks a line of an ordinary hunk, and whether it stands in the old file and in the new one."""
CHUNK: Final = 1 << 20
LONGEST: Final = 1 << 20
"""Bytes of a line that are looked at together; longer ones are looked at in pieces."""
HEAD: Final = 8192
"""Bytes of a line that may say something of the diff."""


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

    @property
    def spot(self) -> Spot:
        """The place of the line that was taken last."""
        return Spot(self.commit, self.path, max(self._line, 1)) if self.marks else Spot(self.commit, "", self._number)

    def take(self, line: bytes) -> None:
        """Go on by a line; its beginning is enough."""
        self._number += 1
        if self._left[0] > 0 or self._left[1] > 0:
            if self._in_hunk(line):
                return
            self._left = [0, 0]
        self.marks = 0
        if line[:1] in BEGINNINGS:
            self._between(line)

    def _in_hunk(self, line: bytes) -> bool:
        marks = line[: self.marks]
        if marks in SINGLE:
            is_old, is_new = SINGLE[marks]
        elif marks.startswith(b"\\"):  # "\ No newline at end of file"
            return True
        elif marks.strip(b"+- \r\n"):
            return False
        else:  # of a merge, or an empty line whose space somebody's mail program took away
            is_old, is_new = b"+" not in marks, b"-" not in marks
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
    diff, kept, before, is_inside = Diff(), b"", 0, False
    while True:
        piece = stream.read(CHUNK)
        window = kept + piece.replace(b"\0", b"")
        cut = _cut(window) if piece else len(window)
        found = deque(sorted(finder.in_bytes(window)))
        start = 0
        while start < cut:
            end = window.find(b"\n", start, cut) + 1
            is_whole, end = end > 0, end or cut
            if not is_inside:
                diff.take(window[start : min(end, start + HEAD)])
                before = -diff.marks
            while found and found[0][0] < end:
                place, prefix, public_id = found.popleft()
                spot = diff.spot
                yield spot, Sighting(prefix, public_id, spot.line, before + place - start + 1)
            is_inside = not is_whole
            before += end - start
            start = end
        kept = window[cut:]
        if not piece:
            return


def _cut(window: bytes) -> int:
    """Up to where a window is looked at now: its last whole line; or, where that would be too little, what holds no beginning of a key."""
    cut = window.rfind(b"\n") + 1
    return cut if len(window) - cut <= LONGEST else len(window) - OVERLAP


def _path(line: bytes) -> str:
    """The file that a `---` or `+++` line names; empty for /dev/null."""
    name = line[4:].split(b"\t")[0].strip().strip(b'"')
    if name == b"/dev/null":
        return ""
    return re.sub(r"^[ab]/", "", name.decode("utf-8", "replace"))
