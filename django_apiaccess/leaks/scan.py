"""`python -m django_apiaccess.leaks.scan PATH...`: keys in files, git's history and logs. Without Django, database and network.

Exit code 0: nothing was found; 1: something was; 2: something could not be read, and nothing was found in the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import IO, BinaryIO, Final

from ..core.secrets import PREFIX
from . import allowed, diffs
from .files import files, opened
from .finder import OUR_PREFIXES, Finder

STDIN: Final = "-"
DEFAULT_PREFIX: Final = "ak"
DESCRIPTION: Final = (
    "Finds API keys, refresh tokens and client secrets in files and folders, and in what comes on stdin (-), as git log -p. Each is "
    "known by its form and its checksum, so that no noise is taken for one; what is found is never printed whole. Needs neither "
    "database nor network."
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A key that was found, and where. `line` and `column` count from 1; `commit` is empty outside of git's history."""

    path: str
    line: int
    column: int
    kind: str
    public_id: str
    shown: str
    commit: str = ""

    @property
    def place(self) -> str:
        """As compilers write it."""
        path = f"{self.commit[:12]}:{self.path}" if self.commit else self.path
        return f"{path}:{self.line}:{self.column}"


class Scan:
    """One run: what was found in which places, and what could not be read."""

    def __init__(self, prefixes: Sequence[str], passed_over: Iterable[str] = ()) -> None:
        self._finder = Finder((*prefixes, *OUR_PREFIXES))
        self._passed_over = frozenset(passed_over)
        self.unreadable: list[str] = []
        self.found = 0

    def run(self, paths: Sequence[str], stdin: BinaryIO) -> Iterator[Hit]:
        """The keys, as they are found."""
        for hit in self._hits(paths, stdin):
            if hit.public_id not in self._passed_over:
                self.found += 1
                yield hit

    @property
    def exit_code(self) -> int:
        """For the shell, when all was read."""
        return 1 if self.found else 2 if self.unreadable else 0

    def _hits(self, paths: Sequence[str], stdin: BinaryIO) -> Iterator[Hit]:
        if STDIN in paths:
            for spot, seen in diffs.sightings(stdin, self._finder):
                path = spot.path or "<stdin>"
                yield Hit(path, seen.line, seen.column, seen.kind, seen.public_id, seen.shown, spot.commit)
        for file in files([path for path in paths if path != STDIN], self._failed):
            try:
                with opened(file) as stream:
                    for seen in self._finder.in_stream(stream):
                        yield Hit(str(file), seen.line, seen.column, seen.kind, seen.public_id, seen.shown)
            except (OSError, EOFError, ValueError) as error:
                self._failed(str(file), error)

    def _failed(self, path: str, error: Exception) -> None:
        self.unreadable.append(f"{printable(path)}: {getattr(error, 'strerror', None) or error}")


def printable(text: str) -> str:
    """A file's name may hold anything; nothing in it reaches the terminal as a control code."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def write(hits: Iterator[Hit], form: str, out: IO[str]) -> None:
    """One line each, or one JSON array."""
    if form == "json":
        opening = "["
        for hit in hits:
            out.write(f"{opening}\n  {json.dumps(asdict(hit))}")
            opening = ","
        out.write("[]\n" if opening == "[" else "\n]\n")
        return
    for hit in hits:
        out.write(f"{printable(hit.place)}: {hit.kind} {hit.shown}\n")


def add_arguments(parser: argparse.ArgumentParser, default_prefix: str) -> None:
    """The options, for this program and for the management command."""
    parser.add_argument("path", nargs="+", metavar="PATH", help="A file or folder; - is stdin, as git log -p.")
    parser.add_argument(
        "--prefix",
        action="append",
        metavar="P",
        help=f"What the keys begin with (KEY_PREFIX); may be repeated. Default: {default_prefix}.",
    )
    parser.add_argument(
        "--allow",
        metavar="FILE",
        help="Keys to pass over: in each line the 12 characters after a key's prefix, and the reason.",
    )
    parser.add_argument(
        "--format",
        choices=["text", "json"],
        default="text",
        help="How findings are printed: text (the default) or json.",
    )


def scanning(prefixes: Sequence[str], allow: str | None) -> Scan:
    """A scan as the options ask for it. Raises `ValueError` that says what is wrong with them, and `OSError`."""
    for prefix in prefixes:
        if not PREFIX.fullmatch(prefix):
            raise ValueError(
                f"--prefix {prefix!r}: write 1 to 16 lower-case letters and digits that begin with a letter."
            )
    return Scan(prefixes, allowed.read(allow) if allow else ())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m django_apiaccess.leaks.scan", description=DESCRIPTION)
    add_arguments(parser, DEFAULT_PREFIX)
    options = parser.parse_args(arguments)
    try:
        scan = scanning(options.prefix or [DEFAULT_PREFIX], options.allow)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    with suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a file's name need not be UTF-8
    try:
        write(scan.run(options.path, sys.stdin.buffer), options.format, sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    for line in scan.unreadable:
        sys.stderr.write(f"{line}\n")
    return scan.exit_code


if __name__ == "__main__":
    sys.exit(main())
