"""Rows on stdout: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

UNLIMITED: Final = 1_000_000
LONGEST_WORD: Final = 20
"""Words up to this length are not folded on a narrow terminal."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the row's entry `name` under `title`. `whole`: never folded, whatever the width of the terminal."""

    name: str
    title: str = ""
    whole: bool = False


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: times in ISO 8601 with their zone, sets sorted."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def print_json(out: Any, value: Any) -> None:
    """One JSON value. An iterable of rows becomes an array that is written row by row, so that a million rows need no memory."""
    if isinstance(value, Mapping):
        out.write(json.dumps(value, indent=2, default=plain))
        return
    opening = "["
    for row in value:
        out.write(f"{opening}\n  {json.dumps(row, default=plain)}", ending="")
        opening = ","
    out.write("[]" if opening == "[" else "\n]")


def cell(value: Any) -> str:
    """`value` for a person. Names come from callers of the API: nothing in them reaches the terminal as a control code."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return (
            timezone.localtime(value).strftime("%Y-%m-%d %H:%M")
            if timezone.is_aware(value)
            else f"{value:%Y-%m-%d %H:%M}"
        )
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "-"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return " ".join(sorted(map(str, value))) or "-"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(value))


def print_table(
    out: Any, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], *, no_color: bool = False
) -> None:
    """A table as wide as the terminal; where the output is no terminal, one line a row. Ids and keys are never cut."""
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    terminal = bool(getattr(out, "isatty", bool)())
    lines = [tuple(column.title or column.name for column in columns)]
    lines += [tuple(cell(row.get(column.name)) for column in columns) for row in rows]
    console = Console(file=out, no_color=no_color or None, highlight=False, legacy_windows=False)
    table = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False, show_edge=False)
    for title in lines[0]:
        table.add_column(title, overflow="fold")
    for line in lines[1:]:
        table.add_row(*map(Text, line))
    widths = [max(map(len, texts)) for texts in zip(*lines, strict=True)]
    between = Measurement.get(console, console.options.update(width=UNLIMITED), table).maximum - sum(widths)
    if terminal:
        widths = _narrowed(columns, lines, widths, console.width - between)
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    console.width = sum(widths) + between
    with console.capture() as captured:
        console.print(table)
    out.write("\n".join(line.rstrip() for line in captured.get().strip("\n").splitlines()))


def _narrowed(columns: Sequence[Column], lines: Sequence[Sequence[str]], wanted: list[int], room: int) -> list[int]:
    """Widths that fit into `room` as far as whole columns and words allow; what is left over goes to the first columns."""
    least = []
    for column, texts, width in zip(columns, zip(*lines, strict=True), wanted, strict=True):
        longest = max((len(word) for text in texts for word in text.split()), default=1)
        least.append(width if column.whole else min(longest, LONGEST_WORD))
    spare = max(0, room - sum(least))
    widths = []
    for width, most in zip(least, wanted, strict=True):
        more = min(spare, most - width)
        spare -= more
        widths.append(width + more)
    return widths


def count(number: int, noun: str) -> str:
    """`1 key`, `2 keys`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
