"""The files that a scan looks into: below folders, without loops and without git's own. Plain Python."""

from __future__ import annotations

import gzip
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

SKIPPED: Final = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".tox", ".mypy_cache"})
"""Folders that are not entered. One that is named itself is."""
GZIP: Final = b"\x1f\x8b"


def files(paths: list[str], failed: Callable[[str, OSError], None]) -> Iterator[Path]:
    """The regular files that `paths` name or hold, each once. What cannot be read goes to `failed`."""
    seen: set[tuple[int, int]] = set()
    for name in paths:
        path = Path(name)
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except OSError as error:
            failed(name, error)
            continue
        for found in _below(path, failed) if is_folder else (path,):
            try:
                about = found.stat()
            except OSError as error:
                failed(str(found), error)
                continue
            if not stat.S_ISREG(about.st_mode) and is_folder:
                continue  # a pipe, a socket, a device
            if (about.st_dev, about.st_ino) not in seen:
                seen.add((about.st_dev, about.st_ino))
                yield found


def _below(folder: Path, failed: Callable[[str, OSError], None]) -> Iterator[Path]:
    """What is below; links to folders are not followed, so there is no loop."""

    def tell(error: OSError) -> None:
        failed(str(error.filename), error)

    for root, folders, names in os.walk(folder, onerror=tell):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in sorted(names):
            path = Path(root, name)
            if not path.is_symlink() or path.exists():  # a link that leads nowhere holds nothing
                yield path


def opened(path: Path) -> BinaryIO:
    """The file's bytes; of a gzip file those that are packed in it."""
    stream = path.open("rb")
    if stream.read(2) == GZIP:
        stream.seek(0)
        return gzip.GzipFile(fileobj=stream)  # type: ignore[return-value]
    stream.seek(0)
    return stream
