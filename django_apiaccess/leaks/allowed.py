"""Keys that a scan is to pass over: a file with a public id and a reason in each line. Plain Python."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

LINE: Final = re.compile(r"([0-9A-Za-z]{12})\s+(\S.*)")


def read(path: str) -> dict[str, str]:
    """The reasons by public id. Raises `OSError`, and `ValueError` that names the line that is wrong."""
    found: dict[str, str] = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        entry = LINE.fullmatch(text)
        if entry is None:
            raise ValueError(
                f"{path}:{number}: write the 12 characters after the key's prefix, a space, and the reason. Never a whole key."
            )
        found[entry[1]] = entry[2]
    return found
