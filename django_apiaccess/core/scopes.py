"""Scopes: `resource:action` names, wildcards, implication, and the registry of what a project declares.

Grammar: `resource:action`, both `[a-z0-9][a-z0-9._-]*` (a subset of RFC 6749 section 3.3's scope-token). `resource:*`
stands in a grant or a credential for every declared scope of the resource; it is never declared itself.
A name that nobody declared expands to nothing: it can be stored, but it opens nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

PART: Final = r"[a-z0-9][a-z0-9._-]*"
NAME: Final = re.compile(rf"{PART}:{PART}")
NAME_OR_WILDCARD: Final = re.compile(rf"{PART}:(?:{PART}|\*)")
MAX_LENGTH: Final = 100


class ScopeNameError(ValueError):
    """A scope name that does not follow the grammar."""


@dataclass(frozen=True, slots=True)
class ScopeDeclaration:
    """What a project says of one scope in its `scopes.py`."""

    name: str
    description: str
    permissions: frozenset[str] = frozenset()
    implies: frozenset[str] = frozenset()

    @property
    def resource(self) -> str:
        return self.name.partition(":")[0]


def _names(what: str, names: Iterable[str]) -> frozenset[str]:
    """The names as a set. A bare string would be read letter by letter, and open nothing without a word."""
    if isinstance(names, str):
        raise TypeError(f"{what} is a list of names: write {what}=[{names!r}].")
    return frozenset(names)


def parse(text: str) -> frozenset[str]:
    """The names in an RFC 6749 scope string (single spaces; the order carries no meaning)."""
    return frozenset(text.split())


def dump(names: Iterable[str]) -> str:
    """An RFC 6749 scope string, sorted so that equal sets are equal texts."""
    return " ".join(sorted(set(names)))


@dataclass(slots=True, eq=False)
class ScopeRegistry:
    """The scopes declared in code. One process-wide instance, `registry`, is filled by autodiscovery."""

    _declared: dict[str, ScopeDeclaration] = field(default_factory=dict)
    _version: int = 0

    def declare(
        self,
        name: str,
        description: str,
        *,
        permissions: Iterable[str] = (),
        implies: Iterable[str] = (),
    ) -> ScopeDeclaration:
        """Declare a scope.

        Raises `ScopeNameError` for a bad name, `TypeError` for a string in the place of a list, and `ValueError` where the same name is
        declared twice with another meaning.
        """
        if not NAME.fullmatch(name) or len(name) > MAX_LENGTH:
            raise ScopeNameError(
                f"{name!r} is not a scope name: use resource:action in lower case, as in 'orders:read' (at most {MAX_LENGTH} characters)."
            )
        permissions, implies = _names("permissions", permissions), _names("implies", implies)
        for implied in implies:
            if not NAME_OR_WILDCARD.fullmatch(implied):
                raise ScopeNameError(f"{name!r} implies {implied!r}, which is not a scope name.")
        new = ScopeDeclaration(name, description, permissions, implies)
        old = self._declared.get(name)
        if old is not None and old != new:
            raise ValueError(f"Scope {name!r} is declared twice with different meanings. Keep one declaration.")
        self._declared[name] = new
        self._changed()
        return new

    def forget(self, name: str) -> None:
        """Take a declaration back (for tests and for projects that unload apps)."""
        self._declared.pop(name, None)
        self._changed()

    def _changed(self) -> None:
        self._version += 1
        _expand.cache_clear()
        _permissions.cache_clear()
        _opening.cache_clear()

    @property
    def version(self) -> int:
        """Changes with every declaration."""
        return self._version

    def __contains__(self, name: object) -> bool:
        return name in self._declared

    def __iter__(self) -> Iterator[ScopeDeclaration]:
        return iter(sorted(self._declared.values(), key=lambda scope: scope.name))

    def __len__(self) -> int:
        return len(self._declared)

    def get(self, name: str) -> ScopeDeclaration | None:
        return self._declared.get(name)

    def names(self) -> frozenset[str]:
        """Every declared name."""
        return frozenset(self._declared)

    def resources(self) -> frozenset[str]:
        return frozenset(scope.resource for scope in self._declared.values())

    def knows(self, name: str) -> bool:
        """Whether `name` is declared, or is the wildcard of a declared resource."""
        if name.endswith(":*"):
            return name[:-2] in self.resources()
        return name in self._declared

    def nearest(self, name: str) -> str | None:
        """The declared name (or wildcard) most like `name`, for error messages."""
        known = [*self._declared, *(f"{resource}:*" for resource in self.resources())]
        found = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        return found[0] if found else None

    def complaint(self, name: str) -> str | None:
        """What is wrong with `name` as a scope to grant, in a sentence; None when nothing is."""
        if self.knows(name):
            return None
        if not NAME_OR_WILDCARD.fullmatch(name):
            return f"{name!r} is not a scope name: use resource:action in lower case, as in 'orders:read'."
        nearest = self.nearest(name)
        if nearest:
            return f"Unknown scope {name!r}. Did you mean {nearest!r}?"
        declared = ", ".join(sorted(self._declared)) or "none; declare them in a scopes.py"
        return f"Unknown scope {name!r}. Declared scopes: {declared}."

    def expand(self, names: Iterable[str]) -> frozenset[str]:
        """All declared scopes that `names` give: wildcards resolved, implications followed, unknown names dropped."""
        return _expand(self, frozenset(names), self._version)

    def permissions(self, names: Iterable[str]) -> frozenset[str]:
        """The Django permissions (`app.codename`) that the scopes in `names` open."""
        return _permissions(self, frozenset(names), self._version)

    def opening(self, permission: str) -> frozenset[str]:
        """The scopes that open the Django permission themselves, not by implication."""
        return _opening(self, permission, self._version)

    def reduce(self, names: Iterable[str]) -> frozenset[str]:
        """The smallest set of names with the same expansion: what another name of the set already gives is left out."""
        kept = {name for name in names if self.knows(name)}
        for name in sorted(kept, key=lambda item: (item.endswith(":*"), item)):
            rest = kept - {name}
            if self.expand([name]) <= self.expand(rest):
                kept = rest
        return frozenset(kept)


@lru_cache(maxsize=4096)
def _expand(registry: ScopeRegistry, names: frozenset[str], version: int) -> frozenset[str]:
    found: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        if name.endswith(":*"):
            resource = name[:-2]
            queue.extend(scope.name for scope in registry if scope.resource == resource and scope.name not in found)
            continue
        declaration = registry.get(name)
        if declaration is None or name in found:
            continue
        found.add(name)
        queue.extend(declaration.implies)
    return frozenset(found)


@lru_cache(maxsize=4096)
def _permissions(registry: ScopeRegistry, names: frozenset[str], version: int) -> frozenset[str]:
    opened = (found.permissions for name in registry.expand(names) if (found := registry.get(name)) is not None)
    return frozenset().union(*opened)


@lru_cache(maxsize=4096)
def _opening(registry: ScopeRegistry, permission: str, version: int) -> frozenset[str]:
    return frozenset(scope.name for scope in registry if permission in scope.permissions)


registry: Final = ScopeRegistry()


def declare_scope(
    name: str, description: str, *, permissions: Iterable[str] = (), implies: Iterable[str] = ()
) -> ScopeDeclaration:
    """Declare a scope of this project, in `scopes.py` of any installed app.

    `permissions` are Django permissions (`"shop.view_order"`) that the scope opens; `implies` are scopes (or
    `resource:*`) that come with it. Raises `ScopeNameError` for a bad name, `ValueError` for a contradicting second
    declaration.
    """
    return registry.declare(name, description, permissions=permissions, implies=implies)
