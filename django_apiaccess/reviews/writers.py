"""The report as text: CSV that a spreadsheet cannot be made to compute, or one JSON array. Row by row."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from .report import COLUMNS, Row

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With what a spreadsheet begins to compute (OWASP, "CSV Injection"); the last four are the wide forms."""
WITHIN: Final = re.compile(r"[;,\t|\"'\r\n]\s*(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
"""Where a cell may begin for a program that takes another separator, or a quote, for the end of the one before."""
BETWEEN: Final = {"grants": "; "}


class _Line:
    """A file whose `write` hands the line back."""

    def write(self, text: str) -> str:
        return text


def as_csv(rows: Iterable[Row]) -> Iterator[str]:
    """RFC 4180, every cell in quotes, with a header; UTF-8 without a mark. Lists are words between spaces, grants between semicolons."""
    writer = csv.writer(_Line(), quoting=csv.QUOTE_ALL)
    yield writer.writerow(COLUMNS)
    for row in rows:
        yield writer.writerow([_cell(name, row[name]) for name in COLUMNS])


def as_json(rows: Iterable[Row]) -> Iterator[str]:
    """One JSON array, a row a line: whoever reads line by line need not hold all of it."""
    opening = "["
    for row in rows:
        yield f"{opening}\n{json.dumps(row, default=_plain, ensure_ascii=False)}"
        opening = ","
    yield "[]\n" if opening == "[" else "\n]\n"


FORMATS: Final[dict[str, tuple[str, Callable[[Iterable[Row]], Iterator[str]]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "json": ("application/json", as_json),
}


def _cell(name: str, value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, Sequence):
        return harmless(BETWEEN.get(name, " ").join(map(str, value)))
    return value


def harmless(text: str) -> str:
    """`text` that no spreadsheet takes for a formula, and without characters that move the reader's eye or the line.

    An apostrophe stands before what would begin to compute: at the beginning, and behind whatever another separator could be.
    """
    risky = text.startswith(FORMULA) or text.lstrip().startswith(FORMULA)
    text = WITHIN.sub(r"\g<0>'", text)
    clean = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return f"'{clean}" if risky else clean


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
