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
FACTOR: Final = "factor"
"""The role opens it, with a second factor."""
CLOSED: Final = "closed"
OTHER: Final = "other"
"""Something else than declared access decides: permission classes, a log-in page, the admin; or nobody can tell what."""
UNGUARDED: Final = "unguarded"
"""Nothing decides, and nobody said that this is meant."""


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint: method, path, what it asks, whether it changes something, a word for each role, whether it is this app's own."""

    method: str
    path: str
    asks: str
    unsafe: bool
    cells: tuple[str, ...]
    own: bool = False


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Rows by endpoint, columns by role; `left_out` rows and `roles_left_out` columns were too many to show.

    `grants` are those in force of each role; `pages` are the views of packages, as the admin's, that are not in the map.
    """

    roles: tuple[str, ...]
    rows: tuple[Row, ...]
    left_out: int = 0
    grants: tuple[int, ...] = ()
    roles_left_out: int = 0
    pages: int = 0

    @property
    def columns(self) -> tuple[tuple[str, int], ...]:
        """Each role with its grants."""
        return tuple(zip(self.roles, self.grants or (0,) * len(self.roles), strict=True))


def heat_map(report: Report) -> HeatMap | None:
    """The map that a rule of the run made, if one did."""
    found: HeatMap | None = next((fact for fact in report.facts.values() if isinstance(fact, HeatMap)), None)
    return found
