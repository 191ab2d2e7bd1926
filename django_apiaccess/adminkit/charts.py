"""Charts as HTML and inline SVG: no script, no style attribute, and the numbers as text for who does not see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

SERIES: Final = 6
"""Colours there are for series."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a bar chart: `tone` as a badge has it; `url` leads to what was counted."""

    label: Any
    count: int
    url: str = ""
    tone: str = "neutral"


@dataclass(frozen=True, slots=True)
class Series:
    """One part of every column of a column chart. `tone`: of `admin.css`, instead of a colour by its place. `number`: for the legend."""

    label: Any
    counts: Sequence[int]
    tone: str = ""
    number: int | None = None


def bars(lines: Sequence[Bar], *, caption: Any) -> SafeString:
    """Horizontal bars, each with its label and number."""
    longest = max((line.count for line in lines), default=0) or 1
    rows = [{"line": line, "width": f"{100 * line.count / longest:.2f}"} for line in lines]
    return render_to_string("django_apiaccess/admin/bars.html", {"rows": rows, "caption": caption})


def columns(labels: Sequence[Any], series: Sequence[Series], *, caption: Any, empty: Any) -> SafeString:
    """Columns over time, each stacked of the series (at most `SERIES`), with a legend, and a table of the same numbers to unfold."""
    totals = [sum(one.counts[place] for one in series) for place in range(len(labels))]
    highest = max(totals, default=0)
    parts = []
    for place, label in enumerate(labels):
        top = 0.0
        for number, one in enumerate(series):
            height = 100 * one.counts[place] / (highest or 1)
            top += height
            if height:
                parts.append({
                    "x": f"{place + 0.1:.1f}",
                    "y": f"{100 - top:.2f}",
                    "height": f"{height:.2f}",
                    "tone": one.tone or f"s{number + 1}",
                    "title": f"{label}, {one.label}: {one.counts[place]}",
                })  # fmt: skip
    legend = [
        {
            "label": one.label,
            "counts": one.counts,
            "number": sum(one.counts) if one.number is None else one.number,
            "tone": one.tone or f"s{number + 1}",
        }
        for number, one in enumerate(series)
    ]
    context = {
        "labels": labels,
        "ends": (labels[0], labels[len(labels) // 2], labels[-1]) if len(labels) > 2 else labels,
        "series": legend,
        "parts": parts,
        "highest": highest,
        "caption": caption,
        "empty": empty,
    }
    return render_to_string("django_apiaccess/admin/columns.html", context)
