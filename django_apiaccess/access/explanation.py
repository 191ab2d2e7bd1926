"""The values that explain a request: parts, and the verdict that they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.reasons import Reason
from ..core.requirement import Requirement

STEPS: Final = (
    "transport",
    "parse",
    "checksum",
    "look_up",
    "status",
    "restrictions",
    "session",
    "guard",
    "requirement",
    "permission_class",
    "rate",
    "object",
)
"""The questions in the order in which a live request meets them; a kind of credential meets those that it has."""


@dataclass(frozen=True, slots=True)
class Part:
    """One question on the way of a request, and its answer.

    `sources` say where a right comes from. `status` is what the caller sees where this part ends the request at once. A part that is not
    `decisive` only tells: the request goes on without what it asked for, as one whose credential does not count goes on as anonymous.
    `step` is which of `STEPS` it is; of a part of a requirement, what it asks for (`scope`, `role`, `permission`, `mfa`).
    """

    text: str
    allowed: bool
    reason: Reason | None = None
    detail: str = ""
    sources: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    status: int | None = None
    decisive: bool = True
    requirement: Requirement | None = field(default=None, repr=False)
    step: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As plain data for JSON."""
        found: dict[str, Any] = {
            "step": self.step,
            "text": self.text,
            "allowed": self.allowed,
            "reason": None if self.reason is None else self.reason.value,
            "detail": self.detail,
        }
        if self.sources:
            found["from"] = list(self.sources)
        if self.parts:
            found["parts"] = [part.as_dict() for part in self.parts]
        return found

    def lines(self, depth: int = 0) -> Iterator[str]:
        """As indented text, in the form of `Decision.lines`."""
        indent = "  " * depth
        yield f"{indent}{'yes' if self.allowed else 'NO '} {self.text}{f'  ({self.detail})' if self.detail else ''}"
        for source in self.sources:
            yield f"{indent}      from {source}"
        for part in self.parts:
            yield from part.lines(depth + 1)

    def refused_leaves(self) -> Iterator[Part]:
        """The innermost parts that say no."""
        inner = [leaf for part in self.parts for leaf in part.refused_leaves()]
        if not self.allowed:
            yield from inner or [self]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict on one request. `status` is what the caller sees where it is refused; 404 where access is given, and the object that the
    path names is not there for the caller.
    """

    allowed: bool
    method: str
    path: str
    view: str
    parts: tuple[Part, ...]
    reason: Reason | None = None
    detail: str = ""
    status: int | None = None

    @classmethod
    def of(cls, method: str, path: str, view: str, parts: list[Part]) -> Explanation:
        """Allowed when every decisive part is. The cause of a refusal is the first part that said no."""
        told = tuple(parts)
        end = next((part for part in told if part.decisive and not part.allowed), None)
        if end is None:
            missing = next((part.status for part in told if not part.decisive and part.step == "object"), None)
            return cls(True, method, path, view, told, status=missing)
        cause = next(part for part in told if not part.allowed)
        leaf = next(cause.refused_leaves())
        detail = f"{leaf.text}: {leaf.detail}" if leaf.detail else leaf.text
        return cls(False, method, path, view, told, cause.reason or leaf.reason, detail, end.status)

    def as_dict(self) -> dict[str, Any]:
        """As plain data for JSON."""
        return {
            "allowed": self.allowed,
            "reason": None if self.reason is None else self.reason.value,
            "detail": self.detail,
            "status": self.status,
            "method": self.method,
            "path": self.path,
            "view": self.view,
            "parts": [part.as_dict() for part in self.parts],
        }
