"""Writing a report's file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole(path: str | Path) -> Iterator[IO[str]]:
    """A file to write to, which takes the place of `path` when the block ends well. Raises `OSError`; `path` is then as before.

    A report names weak places, so a new file is for its owner alone; an existing one keeps its permissions.
    """
    target = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.resolve().parent)
    made = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
        if target.exists():
            made.chmod(target.stat().st_mode & 0o777)
        made.replace(target.resolve())
    except BaseException:
        made.unlink(missing_ok=True)
        raise
