"""Reading the documentation's pages: their fenced blocks and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```([a-z]+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ((?:[\w.-]+/)*[\w-]+\.[a-z]+)(, at the end)?\n")
CELLS = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and the line of the page where it begins."""

    language: str
    text: str
    page: str
    line: int

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that the first line of the block names, as `# shop/models.py`."""
        found = FILE.match(self.text)
        return found[1] if found else None

    @property
    def appends(self) -> bool:
        """Whether the block goes to the end of its file (`# config/settings.py, at the end`)."""
        found = FILE.match(self.text)
        return bool(found and found[2])

    def steps(self) -> list[Step]:
        """A console block as commands, each with the output that the page shows."""
        steps: list[Step] = []
        for number, line in enumerate(self.text.splitlines(), start=self.line + 1):
            if line.startswith("$ "):
                steps.append(Step(line[2:], [], f"{self.page}:{number}"))
            elif steps and not steps[-1].output and steps[-1].command.endswith("\\"):
                steps[-1].command = f"{steps[-1].command}\n{line}"
            elif steps:
                steps[-1].output.append(line)
            else:
                raise ValueError(f"{self}: a console block begins with `$ ` and a command.")
        return steps


@dataclass
class Step:
    """A command of a console block."""

    command: str
    output: list[str]
    where: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    name = str(page.relative_to(ROOT))
    return [Block(found[1], found[2], name, text[: found.start()].count("\n") + 1) for found in FENCE.finditer(text)]


def pages() -> list[Path]:
    """Every page of the documentation, and the README."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def rows(page: Path) -> Iterator[list[str]]:
    """The cells of every table row of a page, headings and rules included."""
    for line in page.read_text().splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in CELLS.split(line)[1:-1]]


def code(cell: str) -> list[str]:
    """The `code words` in a cell."""
    return re.findall(r"`([^`]+)`", cell)
