"""`access_tests.yaml`: what must be allowed and what refused, one expectation an entry, read strictly.

```yaml
tests:
  - who: role support
    method: GET
    path: /api/orders/
    expected: allowed
    because: Support looks orders up.
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from yaml.nodes import Node, SequenceNode

from ..core import scopes as core_scopes
from ..core.addresses import parse_address
from ..core.assurance import ACR_LEVELS
from ..core.durations import parse_duration
from ..core.reasons import Reason
from ..roles.document import Document, policy_of
from ..roles.names import nearest
from ..roles.policy import Policy
from ..roles.strictfile import DocumentError, StrictFile
from .declaration import METHODS

FILE_NAME: Final = "access_tests.yaml"
NEEDED: Final = ("who", "method", "path", "expected", "because")
OPTIONAL: Final = ("scopes", "mfa", "mfa_age", "object", "address", "origin", "tls", "at")
WHO: Final = ("user", "service account", "role", "key", "anonymous")
ALLOWED, REFUSED = "allowed", "refused"
NO_FACTOR: Final = "none"
OBJECT: Final = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*:.+")


@dataclass(frozen=True, slots=True)
class Case:
    """One expectation. `who` is the kind and the name; `expected` is `allowed`, `refused`, a reason, or a status."""

    line: int
    who: tuple[str, str]
    method: str
    path: str
    expected: str
    because: str
    scopes: frozenset[str] | None = None
    mfa: str | None = None
    mfa_age: timedelta = timedelta(0)
    object: str = ""
    address: str = ""
    origin: str = ""
    tls: bool = True
    at: str = ""

    @property
    def key(self) -> tuple[Any, ...]:
        """What is asked, without what is expected."""
        scopes = None if self.scopes is None else core_scopes.dump(self.scopes)
        context = (self.mfa, self.mfa_age, self.object, self.address, self.origin, self.tls, self.at)
        return (self.who, self.method, self.path.rstrip("/"), scopes, *context)

    @property
    def caller(self) -> str:
        """Who asks, as the file says it."""
        return " ".join(filter(None, self.who))

    @property
    def title(self) -> str:
        """What is asked, in one line."""
        facts = {
            "scopes": None if self.scopes is None else core_scopes.dump(self.scopes) or "none",
            "mfa": self.mfa,
            "mfa_age": f"{int(self.mfa_age.total_seconds())}s" if self.mfa_age else None,
            "object": self.object,
            "address": self.address,
            "origin": self.origin,
            "tls": None if self.tls else "no",
            "at": self.at,
        }
        told = ", ".join(f"{name} {value}" for name, value in facts.items() if value)
        return f"{self.caller}: {self.method} {self.path}{f' ({told})' if told else ''}"


class Cases(StrictFile):
    """A parsed file. Raises `DocumentError`, whose message has every complaint, each with its line."""

    def __init__(self, text: str, source: str = FILE_NAME) -> None:
        super().__init__(source)
        self._complaints: list[str] = []
        top = self._mapping(self._root(text), "the file", ("version", "roles_file", "tests"))
        if "tests" not in top:
            raise self.error(1, "there are no 'tests:' in it.")
        if "version" in top and self._text(top["version"]) != "1":
            raise self.error(self._line(top["version"]), "this version of the format is not known; write version: 1.")
        self.roles_file = self._text(top["roles_file"]) if "roles_file" in top else ""
        self.cases = tuple(self._read(top["tests"]))
        self._refuse_doubles()
        if self._complaints:
            raise DocumentError("\n".join(self._complaints), field="file")

    def policy(self, folder: Path) -> Policy | None:
        """The roles of `roles_file`, which stands beside the file in `folder`; None: the file names none. Raises `DocumentError`."""
        if not self.roles_file:
            return None
        path = folder / self.roles_file
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self.error(1, f"roles_file {self.roles_file!r} cannot be read: {error}.") from None
        return policy_of(Document(text, self.roles_file))

    def _read(self, node: Node) -> Iterator[Case]:
        if not isinstance(node, SequenceNode):
            raise self.error(self._line(node), "tests must be a list, each entry '- who: ...'.")
        for item in node.value:
            try:
                yield self._case(item)
            except DocumentError as error:
                self._complaints.append(str(error))

    def _case(self, node: Node) -> Case:
        parts = self._mapping(node, "a test", (*NEEDED, *OPTIONAL))
        line = self._line(node)
        missing = [name for name in NEEDED if name not in parts]
        if missing:
            raise self.error(line, f"this test says nothing of {', '.join(missing)}.")
        who = self._who(parts["who"])
        facts: dict[str, Any] = {
            name: self._text(parts[name]) for name in ("object", "address", "origin", "at") if name in parts
        }
        if "scopes" in parts:
            facts["scopes"] = self._scopes(parts["scopes"], who)
        if "mfa" in parts:
            mfa = self._one_of(parts["mfa"], (*ACR_LEVELS, NO_FACTOR), "mfa")
            facts["mfa"] = ACR_LEVELS[0] if mfa == NO_FACTOR else mfa
        if "mfa_age" in parts:
            facts["mfa_age"] = self._duration(parts["mfa_age"])
        if "tls" in parts:
            facts["tls"] = self._one_of(parts["tls"], ("yes", "no", "true", "false"), "tls") in {"yes", "true"}
        if facts.get("address") and parse_address(facts["address"]) is None:
            raise self.error(self._line(parts["address"]), f"{facts['address']!r} is no address: write 203.0.113.7.")
        if "at" in facts:
            self._moment(parts["at"], facts["at"])
        if who[0] == "role" and facts.get("object") and not OBJECT.fullmatch(facts["object"]):
            raise self.error(self._line(parts["object"]), "the object of a role is written app.Model:17.")
        path = self._text(parts["path"])
        if not path.startswith("/"):
            raise self.error(self._line(parts["path"]), f"a path begins with a slash: write {'/' + path!r}.")
        return Case(
            line,
            who,
            self._one_of(parts["method"], tuple(sorted(METHODS)), "method", upper=True),
            path,
            self._expected(parts["expected"]),
            self._text(parts["because"]),
            **facts,
        )

    def _who(self, node: Node) -> tuple[str, str]:
        text = self._text(node)
        if text == "anonymous":
            return "anonymous", ""
        for kind in WHO[:-1]:
            if text.startswith(f"{kind} ") and text.removeprefix(kind).strip():
                return kind, text.removeprefix(kind).strip()
        hint = nearest(text.partition(" ")[0], WHO)
        raise self.error(
            self._line(node),
            f"who is {text!r}: write 'user NAME', 'service account NAME', 'role NAME', 'key ID' or 'anonymous'.{hint}",
        )

    def _scopes(self, node: Node, who: tuple[str, str]) -> frozenset[str]:
        if who[0] in {"key", "anonymous"}:
            raise self.error(self._line(node), f"{who[0]} takes no scopes: they are those of an imagined credential.")
        lines: dict[str, int] = {}
        found = self._list(node, "scopes", lines)
        for name in found:
            complaint = core_scopes.registry.complaint(name)
            if complaint:
                raise self.error(lines[name], complaint)
        return frozenset(found)

    def _expected(self, node: Node) -> str:
        text = self._text(node)
        if text in {ALLOWED, REFUSED, "404", *(reason.value for reason in Reason)} or (
            text.isdecimal() and len(text) == 3
        ):
            return text
        known = [ALLOWED, REFUSED, *(reason.value for reason in Reason)]
        hint = nearest(text, known)
        raise self.error(
            self._line(node), f"{text!r} cannot be expected: write allowed, refused, a reason, or a status.{hint}"
        )

    def _one_of(self, node: Node, known: tuple[str, ...], what: str, *, upper: bool = False) -> str:
        text = self._text(node)
        text = text.upper() if upper else text
        if text not in known:
            hint = nearest(text, known)
            raise self.error(self._line(node), f"{what} is {text!r}: write one of {', '.join(known)}.{hint}")
        return text

    def _duration(self, node: Node) -> timedelta:
        try:
            return parse_duration(self._text(node))
        except ValueError as error:
            raise self.error(self._line(node), f"mfa_age: {error}") from None

    def _moment(self, node: Node, text: str) -> None:
        from datetime import datetime

        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise self.error(self._line(node), f"at is {text!r}: write a date or a time, as 2030-12-31.") from None

    def _refuse_doubles(self) -> None:
        seen: dict[Any, Case] = {}
        for case in self.cases:
            other = seen.setdefault(case.key, case)
            if other is case:
                continue
            if other.expected == case.expected:
                problem = f"the same test stands in line {other.line}: take one out."
            else:
                problem = f"it contradicts line {other.line}, which expects {other.expected} of the same request."
            self._complaints.append(str(self.error(case.line, problem)))
