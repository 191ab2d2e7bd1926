"""What the audit finds: one thing that is wrong with one subject, how bad, and the line that mends it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Severity(IntEnum):
    """How bad. CRITICAL: somebody can get in or up now. HIGH: one mistake away from it. MEDIUM: a layer is missing. LOW: tidy up."""

    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5

    @property
    def word(self) -> str:
        """As it is written in options and reports."""
        return self.name.lower()

    @classmethod
    def named(cls, word: str) -> Severity:
        """The severity of that word. Raises `ValueError`, which names them all."""
        try:
            return cls[word.upper()]
        except KeyError:
            known = ", ".join(severity.word for severity in cls)
            raise ValueError(f"There is no severity {word!r}: use one of {known}.") from None


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is about: its kind (endpoint, api_key, role, user, setting, package...), a stable id, and a name for people.

    `url` leads to its admin page, `path` and `line` to its place in the project's code, where there is one.
    """

    kind: str
    id: str
    label: str = ""
    url: str = ""
    path: str = ""
    line: int = 0

    def __str__(self) -> str:
        return self.label or self.id


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `fix` is a command or a setting line that can be pasted; `evidence` is plain data, never a secret."""

    rule: str
    severity: Severity
    subject: Subject
    message: str
    fix: str
    evidence: dict[str, Any] = field(default_factory=dict)
    aspect: str = ""
    """Tells two findings of one rule about one subject apart."""

    @property
    def fingerprint(self) -> str:
        """The same in every run, as long as it is about the same: what baselines and code-scanning screens go by."""
        said = f"{self.rule}\0{self.subject.kind}\0{self.subject.id}\0{self.aspect}"
        return hashlib.sha256(said.encode()).hexdigest()[:32]
