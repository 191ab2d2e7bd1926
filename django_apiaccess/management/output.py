"""Rows on stdout: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone


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
    table = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column.title or column.name, no_wrap=column.whole or not terminal, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(row.get(column.name))) for column in columns))
    console = Console(file=out, no_color=no_color or None, highlight=False, legacy_windows=False)
    unlimited = console.options.update(width=100_000)
    needed = Measurement.get(console, unlimited, table)
    console.width = max(console.width if terminal else 0, needed.minimum if terminal else needed.maximum)
    with console.capture() as captured:
        console.print(table)
    out.write("\n".join(line.rstrip() for line in captured.get().strip("\n").splitlines()))


def count(number: int, noun: str) -> str:
    """`1 key`, `2 keys`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
