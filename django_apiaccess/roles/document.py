"""The file of roles, read strictly (`strictfile`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from yaml.nodes import Node

from ..core import scopes as core_scopes
from .names import nearest
from .policy import Policy, RoleRights, ancestors
from .strictfile import MAX_SIZE, DocumentError, StrictFile

__all__ = ["MAX_SIZE", "Document", "DocumentError", "Entry", "RoleEntry", "SeparationEntry", "policy_of"]

TOP: Final = ("version", "roles", "separations")
ROLE: Final = ("description", "inherits", "scopes", "permissions")
SEPARATION: Final = ("roles", "at_most", "reason")


@dataclass(frozen=True, slots=True)
class Entry:
    """One named entry, and the lines of the names in it."""

    name: str
    line: int
    lines: Mapping[str, int] = field(default_factory=dict, kw_only=True)

    def line_of(self, name: str) -> int:
        return self.lines.get(name, self.line)


@dataclass(frozen=True, slots=True)
class RoleEntry(Entry):
    """A role as the file has it."""

    description: str
    inherits: tuple[str, ...]
    scopes: tuple[str, ...]
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeparationEntry(Entry):
    """A separation of duty as the file has it."""

    roles: tuple[str, ...]
    at_most: int
    reason: str

    @property
    def content(self) -> dict[str, Any]:
        return {"roles": sorted(self.roles), "at_most": self.at_most, "reason": self.reason}


class Document(StrictFile):
    """A parsed file. `source` is its name, for messages. Raises `DocumentError`."""

    def __init__(self, text: str, source: str = "roles.yaml") -> None:
        super().__init__(source)
        top = self._mapping(self._root(text), "the file", TOP)
        if "roles" not in top:
            raise self.error(1, "there are no 'roles:' in it.")
        if "version" in top and self._text(top["version"]) != "1":
            raise self.error(self._line(top["version"]), "this version of the format is not known; write version: 1.")
        roles = self._mapping(top["roles"], "roles")
        self.roles = tuple(self._role(name, node) for name, node in roles.items())
        separations = self._mapping(top["separations"], "separations") if "separations" in top else {}
        self.separations = tuple(self._separation(name, node) for name, node in separations.items())

    def _role(self, name: str, node: Node) -> RoleEntry:
        parts = self._mapping(node, f"role {name!r}", ROLE)
        lines: dict[str, int] = {}
        return RoleEntry(
            name,
            self._line(node),
            self._text(parts["description"]) if "description" in parts else "",
            *(self._list(parts.get(part), part, lines) for part in ROLE[1:]),
            lines=lines,
        )

    def _separation(self, name: str, node: Node) -> SeparationEntry:
        parts = self._mapping(node, f"separation {name!r}", SEPARATION)
        lines: dict[str, int] = {}
        roles = self._list(parts.get("roles"), "roles", lines)
        number = self._text(parts["at_most"]) if "at_most" in parts else "1"
        if not (number.isascii() and number.isdecimal() and 1 <= int(number[:4]) < len(roles)):
            raise self.error(
                self._line(node),
                f"separation {name!r} must name more roles than at_most, and at_most must be 1 or more.",
            )
        reason = self._text(parts["reason"]) if "reason" in parts else ""
        return SeparationEntry(name, self._line(node), roles, int(number), reason, lines=lines)


def policy_of(document: Document) -> Policy:
    """The roles of a file as they would be in the database. Raises `DocumentError` for a name that is not known."""
    ids = {role.name: number for number, role in enumerate(document.roles, start=1)}
    for role in document.roles:
        for name in role.inherits:
            if name not in ids:
                raise document.error(role.line_of(name), f"there is no role {name!r}.{nearest(name, ids)}")
        for name in role.scopes:
            complaint = core_scopes.registry.complaint(name)
            if complaint:
                raise document.error(role.line_of(name), complaint)
    edges = {ids[role.name]: [ids[name] for name in role.inherits] for role in document.roles}
    by_id = {ids[role.name]: role for role in document.roles}
    found = {}
    for pk, role in by_id.items():
        line = [by_id[each] for each in ancestors(edges, pk)]
        scopes = core_scopes.registry.expand(name for each in line for name in each.scopes)
        permissions = core_scopes.registry.permissions(scopes).union(*(each.permissions for each in line))
        found[pk] = RoleRights(role.name, frozenset(each.name for each in line), scopes, permissions)
    return Policy(None, found, {})
