"""The file that `rotate_api_keys --output` writes: private, never overwritten, and true at every moment.

JSON lines, each padded with spaces to a multiple of `LINE` bytes and written by one call: no line crosses a page of memory, so that also a
process that is killed in the middle of a write leaves whole lines. Spaces after a JSON value mean nothing (RFC 8259 section 2).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

from django.core.management.base import CommandError

from .output import plain

LINE: Final = 256


class SecretFile:
    """A new file that only its owner can read. Use it in a `with` block."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        try:
            self._file = os.open(self.path, flags, 0o600)
        except FileExistsError:
            raise CommandError(
                f"{path} exists already and is not overwritten. Choose another --output; nothing was changed."
            ) from None
        except OSError as error:
            raise CommandError(f"--output {path} cannot be made: {error.strerror}. Nothing was changed.") from None
        os.fchmod(self._file, 0o600)
        self._sync_folder()

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add the rows, and come back when they are on the disk. Raises `OSError`."""
        for row in rows:
            text = json.dumps(row, default=plain)
            line = f"{text}{' ' * (-(len(text) + 1) % LINE)}\n".encode()
            while line:  # a full disk writes a part, and raises at the next call
                line = line[os.write(self._file, line) :]
        os.fsync(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._file)
