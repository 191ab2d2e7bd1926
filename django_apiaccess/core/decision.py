"""The answer to "may it?": a value that carries its reasons, so that the code that explains is the code that decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .reasons import Reason


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or refused, with the verdict of every part of the requirement.

    `text` is the part as a person writes it (`HasScope("orders:read")`). `anchored` says whether a right that the
    credential itself was granted takes part in the verdict (see `requirement`), `neutral` that no right was asked for, so
    that beside other parts it anchors nothing. `missing_scopes` are those that would have helped. Truthiness is `allowed`.
    """

    allowed: bool
    text: str
    reason: Reason | None = None
    detail: str = ""
    anchored: bool = False
    neutral: bool = False
    parts: tuple[Decision, ...] = ()
    required_scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.allowed

    def leaves(self) -> Iterator[Decision]:
        """The verdicts of the single requirements, left to right."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def lines(self, depth: int = 0) -> Iterator[str]:
        """The decision as indented text, one part a line."""
        mark = "yes" if self.allowed else "NO "
        why = f"  ({self.detail})" if self.detail else ""
        yield f"{'  ' * depth}{mark} {self.text}{why}"
        for part in self.parts:
            yield from part.lines(depth + 1)


def granted(
    text: str, *, anchored: bool, neutral: bool = False, detail: str = "", scopes: tuple[str, ...] = ()
) -> Decision:
    """A yes."""
    return Decision(True, text, detail=detail, anchored=anchored, neutral=neutral, required_scopes=scopes)


def denied(
    text: str, reason: Reason, detail: str, *, scopes: tuple[str, ...] = (), missing: tuple[str, ...] = ()
) -> Decision:
    """A no, with its cause."""
    return Decision(False, text, reason=reason, detail=detail, required_scopes=scopes, missing_scopes=missing)
