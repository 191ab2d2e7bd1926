"""The report for a terminal: the worst first, each with the line that mends it, and a verdict at the end."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ..finding import Finding, Severity
from ..run import Report

STYLES: Final = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
MOST: Final = 10
"""Subjects shown of one rule; the other formats have them all."""


def write(report: Report, out: Any, *, color: bool | None = None, width: int | None = None) -> None:
    """Print it. Colour where `out` is a terminal, unless `color` says otherwise."""
    console = Console(
        file=out, no_color=color is False, force_terminal=color, width=width, highlight=False, soft_wrap=False
    )
    rules = {rule.id: rule for rule in report.rules}
    for (severity, name), group in groupby(report.findings, key=lambda finding: (-finding.severity, finding.rule)):
        found = list(group)
        title = rules[name].title if name in rules else found[0].message
        head = Text.assemble(
            (f" {Severity(-severity).word.upper()} ", STYLES[Severity(-severity)]),
            " ",
            (_plain(title), "bold"),
            f"  {name}",
        )
        console.print(head)
        if name in rules:
            console.print(Padding(Text(rules[name].why, style="dim"), (0, 0, 0, 2)))
        for finding in found[:MOST]:
            console.print(Padding(_line(finding), (0, 0, 0, 2)))
        if len(found) > MOST:
            console.print(Padding(Text(f"... and {len(found) - MOST} more", style="dim"), (0, 0, 0, 2)))
        if name in rules and rules[name].references:
            console.print(Padding(Text(", ".join(rules[name].references), style="dim"), (0, 0, 0, 2)))
        console.print()
    _verdict(report, console)


def _line(finding: Finding) -> Text:
    text = Text.assemble(("• ", "dim"), (_plain(str(finding.subject)), "bold"), f": {_plain(finding.message)}")
    if finding.fix:
        text.append(f"\n  fix: {_plain(finding.fix)}", style="green")
    return text


def _verdict(report: Report, console: Console) -> None:
    counts = ", ".join(f"{count} {word}" for word, count in report.counts().items() if count) or "nothing"
    console.print(Text(f"{len(report.rules)} rules in {report.seconds:.1f} s found {counts}.", style="bold"))
    if report.known:
        console.print(f"{len(report.known)} findings of the baseline are still there.")
    for each in report.ignored:
        until = f" until {each.until}" if each.until else ""
        console.print(
            Text(
                f"ignored{until}: {each.finding.rule} on {_plain(str(each.finding.subject))}: {_plain(each.reason)}",
                style="dim",
            )
        )


def _plain(text: str) -> str:
    """Names come from callers of the API: nothing in them reaches the terminal as a control code."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
