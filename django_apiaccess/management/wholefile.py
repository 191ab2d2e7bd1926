"""A file that is there as a whole or not at all, and that only its owner can read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from django.core.management.base import CommandError


def write_whole(path: str, pieces: Iterable[str], *, option: str = "--output") -> None:
    """Write UTF-8 beside `path` (mode 0600) and put it in its place in one step: a run that is killed leaves what was there before.

    Raises `CommandError`, and leaves nothing behind.
    """
    target = Path(path)
    if target.is_dir():
        raise CommandError(f"{option} {path} is a folder. Name a file in it.")
    try:
        number, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)  # 0600 by itself
    except OSError as error:
        raise CommandError(f"{option} {path} cannot be made: {error.strerror}.") from None
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except OSError as error:
        raise CommandError(f"{option} {path} cannot be written: {error.strerror}. Nothing was kept.") from None
    finally:
        Path(name).unlink(missing_ok=True)
