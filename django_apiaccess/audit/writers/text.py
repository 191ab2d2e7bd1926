"""The report for a terminal: the worst first, each with the line that mends it, and a verdict at the end."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ..finding import Finding, Severity
from ..rules import Rule
from ..run import Report
from ..words import plain

STYLES: Final = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "bold yellow",
    Severity.LOW: "bold cyan",
    Severity.INFO: "bold",
}
MOST: Final = 10
"""Subjects shown of one rule; the other formats have them all."""
INDENT: Final = (0, 0, 0, 2)
WIDTH: Final = 120
"""Where the output is no terminal."""


def write(report: Report, out: Any, *, color: bool | None = None, width: int | None = None) -> None:
    """Print it. Colour where `out` is a terminal, unless `color` says otherwise."""
    terminal = bool(getattr(out, "isatty", bool)())
    console = Console(
        file=out,
        no_color=True if color is False else None,
        force_terminal=color,
        width=width or (None if terminal else WIDTH),
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    rules = {rule.id: rule for rule in report.rules}
    for (severity, name), group in groupby(report.findings, key=lambda finding: (-finding.severity, finding.rule)):
        _group(console, Severity(-severity), name, rules.get(name), list(group))
    _verdict(report, console)


def _group(console: Console, severity: Severity, name: str, rule: Rule | None, found: list[Finding]) -> None:
    title = rule.title if rule else name
    head = Text.assemble((f" {severity.word.upper()} ", STYLES[severity]), " ", (plain(title), "bold"))
    if rule:
        head.append(f"  {name}", style="dim")
    console.print(head)
    if rule:
        console.print(_indented(rule.why, "dim"))
    for finding in found[:MOST]:
        subject = (plain(str(finding.subject)), "bold")
        said = Text.assemble(("• ", "dim"), subject, f": {plain(finding.message)}")
        console.print(Padding(said, INDENT, expand=False))
        for line in finding.fix.splitlines():
            # never wrapped: it is there to be pasted
            console.print(Text(f"      {plain(line)}", style="green"), soft_wrap=True)
    if len(found) > MOST:
        console.print(_indented(f"... and {len(found) - MOST} more", "dim"))
    if rule and rule.references:
        console.print(_indented(", ".join(rule.references), "dim"))
    console.print()


def _indented(text: str, style: str) -> Padding:
    return Padding(Text(plain(text), style=style), INDENT, expand=False)


def _verdict(report: Report, console: Console) -> None:
    for each in report.ignored:
        until = f" until {each.until}" if each.until else ""
        said = f"Accepted{until}: {each.finding.rule} on {each.finding.subject} ({each.reason})"
        console.print(Text(plain(said), style="dim"))
    if report.known:
        console.print(Text(f"{_findings(len(report.known))} of the baseline are still there.", style="dim"))
    counts = ", ".join(f"{count} {word}" for word, count in report.counts().items() if count) or "nothing"
    console.print(Text(f"{len(report.rules)} rules in {report.seconds:.1f} s found {counts}.", style="bold"))


def _findings(number: int) -> str:
    return "1 finding" if number == 1 else f"{number} findings"
