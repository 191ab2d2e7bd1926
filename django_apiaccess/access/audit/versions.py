"""Comparing released versions (PEP 440), as far as a table of advisories needs it: without a dependency for that alone."""

from __future__ import annotations

import re
from functools import total_ordering
from typing import Final

FORM: Final = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>a|b|c|rc|alpha|beta|pre|preview)[-_.]?(?P<pre_n>\d*))?"
    r"(?P<post>(?:[-_.]?(?:post|rev|r)[-_.]?\d*)|(?:-\d+))?"
    r"(?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_n>\d*))?"
    r"(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?",
    re.IGNORECASE,
)
STAGES: Final = {"a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 3, "rc": 3, "pre": 3, "preview": 3}
RELEASED: Final = 4


@total_ordering
class Version:
    """A version. Raises `ValueError` for a text of another form. What comes after a release (`.post1`, `+local`) counts as the release."""

    __slots__ = ("_key", "text")

    def __init__(self, text: str) -> None:
        match = FORM.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no version.")
        release = tuple(int(part) for part in match["release"].split("."))
        while len(release) > 1 and release[-1] == 0:
            release = release[:-1]
        if match["pre"]:
            stage = (STAGES[match["pre"].lower()], int(match["pre_n"] or 0))
        else:
            stage = (0, 0) if match["dev"] and not match["post"] else (RELEASED, 0)
        last = (0, int(match["dev_n"] or 0)) if match["dev"] else (1, 0)
        self.text = text
        self._key = (int(match["epoch"] or 0), release, stage, last)

    @property
    def line(self) -> str:
        """The release line: `5.2` for 5.2.19."""
        release = (*self._key[1], 0)
        return f"{release[0]}.{release[1]}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Version({self.text!r})"
