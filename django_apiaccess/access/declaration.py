"""What a view asks for: reading `access = {...}` and `@require_access`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

from ..core.requirement import Requirement, requirement_from

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
MARK: Final = "access_requirement"
"""Attribute that `@require_access` leaves on a handler."""


class DeclarationError(TypeError):
    """`access` of a view is not of the form that it must have; the message says how to write it."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A view's `access`, read: requirements by key. The keys are lower-case: read, write, HTTP methods, actions."""

    by_key: Mapping[str, Requirement]

    @classmethod
    def read(cls, value: Any) -> Declaration:
        """From what the view wrote: one requirement for all, or a dict."""
        if not isinstance(value, Mapping):
            try:
                requirement = requirement_from(value)
            except TypeError as error:
                raise DeclarationError(str(error)) from None
            return cls({"read": requirement, "write": requirement})
        found = {}
        for key, wanted in value.items():
            if not isinstance(key, str):
                raise DeclarationError(
                    f"Keys of access are names of actions or methods, 'read' or 'write', not {key!r}."
                )
            try:
                found[key.lower() if key.upper() in METHODS else key] = requirement_from(wanted)
            except TypeError as error:
                raise DeclarationError(f"access[{key!r}]: {error}") from None
        return cls(found)

    def find(self, method: str, action: str | None) -> Requirement | None:
        """The requirement for a request: the action's, else the method's, else read or write; None: not declared."""
        if action is not None and action in self.by_key:
            return self.by_key[action]
        found = self.by_key.get(method.lower())
        if found is None and method == "HEAD":
            found = self.by_key.get("get")
        if found is not None:
            return found
        return self.by_key.get("read" if method in SAFE_METHODS else "write")

    def __bool__(self) -> bool:
        return bool(self.by_key)


_read: WeakKeyDictionary[type, tuple[Any, Declaration]] = WeakKeyDictionary()


def declaration_of(view: Any) -> Declaration | None:
    """The declaration of a view instance or class; None when it has no `access`. Read once a class."""
    cls = view if isinstance(view, type) else type(view)
    raw = getattr(view, "access", None)
    if raw is None:
        return None
    known = _read.get(cls)
    if known is not None and known[0] is raw:
        return known[1]
    declaration = Declaration.read(raw)
    if getattr(cls, "access", None) is raw:
        _read[cls] = (raw, declaration)
    return declaration


def requirement_of(view: Any, method: str, action: str | None = None) -> Requirement | None:
    """What `view` asks for a method and (in viewsets) an action; None: undeclared. A decorated handler wins over `access`."""
    handler = getattr(view, action or method.lower(), None)
    if handler is None and method == "HEAD":
        handler = getattr(view, "get", None)
    marked = getattr(handler, MARK, None)
    if marked is not None:
        return marked  # type: ignore[no-any-return]
    declaration = declaration_of(view)
    return None if declaration is None else declaration.find(method, action)


@lru_cache(maxsize=1)
def reserved_keys() -> frozenset[str]:
    """Keys of `access` that are no actions."""
    return frozenset({"read", "write"} | {method.lower() for method in METHODS})
