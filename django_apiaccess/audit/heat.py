"""The map of endpoints and roles: for each role, what it opens of each group of endpoints.

The engine knows neither endpoints nor roles: who does gives a `HeatMap` as a fact of the run (`access.audit`), and the page shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .run import Report

OPEN: Final = "open"
"""Anybody, without a credential."""
HELD: Final = "held"
CLOSED: Final = "closed"
UNGUARDED: Final = "unguarded"


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint: method, path, what it asks, whether it changes something, and a word for each role."""

    method: str
    path: str
    asks: str
    unsafe: bool
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Rows by endpoint, columns by role; `left_out` rows were too many to show."""

    roles: tuple[str, ...]
    rows: tuple[Row, ...]
    left_out: int = 0


def heat_map(report: Report) -> HeatMap | None:
    """The map that a rule of the run made, if one did."""
    found: HeatMap | None = next((fact for fact in report.facts.values() if isinstance(fact, HeatMap)), None)
    return found
