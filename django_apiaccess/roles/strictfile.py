"""YAML files read strictly: every complaint has its line, and nothing in the file is run or multiplied.

Anchors and aliases (a few lines that stand for a million), tags, and a key that comes twice are refused. Every word is text: a role may be
called `on` or `1.10`.
"""

from __future__ import annotations

from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..exceptions import InvalidChange
from . import names

MAX_SIZE: Final = 1 << 20
MAX_NAME: Final = 100
MAX_TEXT: Final = 255


class DocumentError(InvalidChange):
    """What is wrong with the file, and in which line."""

    code = "invalid_document"


class _Loader(yaml.SafeLoader):
    """Makes nodes, never values; refuses aliases."""

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem="an alias (*name) is not allowed here: write it out", problem_mark=event.start_mark
            )
        return super().compose_node(parent, index)


class StrictFile:
    """The reading of one file. `source` is its name, for messages."""

    def __init__(self, source: str) -> None:
        self.source = source

    def error(self, line: int, message: str) -> DocumentError:
        """An error about a line of the file."""
        return DocumentError(f"{self.source}, line {line}: {message}", field="file")

    def _root(self, text: str) -> Node:
        if len(text) > MAX_SIZE:
            raise self.error(1, f"the file is longer than {MAX_SIZE} characters; that many roles are a mistake.")
        try:
            root = yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self.error(mark.line + 1 if mark else 1, f"{error.problem or error.context}.") from None
        except yaml.YAMLError as error:
            raise self.error(1, f"this is no YAML: {error}".replace("\n", " ")) from None
        except RecursionError:
            raise self.error(1, "the file is nested too deeply.") from None
        if root is None:
            raise self.error(1, "the file is empty.")
        return root

    @staticmethod
    def _line(node: Node) -> int:
        return int(node.start_mark.line) + 1

    def _mapping(self, node: Node, what: str, allowed: tuple[str, ...] | None = None) -> dict[str, Node]:
        """Names to nodes; each name once, and only those that are `allowed`."""
        if self._is_empty(node):
            return {}
        if not isinstance(node, MappingNode):
            raise self.error(self._line(node), f"{what} must be lines of 'name: ...'.")
        found: dict[str, Node] = {}
        for key, value in node.value:
            name = self._text(key)
            if name in found:
                raise self.error(self._line(key), f"{name!r} comes twice in {what}.")
            if allowed is not None and name not in allowed:
                hint = names.nearest(name, allowed) or f" It knows {', '.join(allowed)}."
                raise self.error(self._line(key), f"{what} has no entry {name!r}.{hint}")
            if allowed is None and not 0 < len(name) <= MAX_NAME:
                raise self.error(self._line(key), f"a name in {what} must have 1 to {MAX_NAME} characters.")
            found[name] = value
        return found

    @staticmethod
    def _is_empty(node: Node) -> bool:
        return isinstance(node, ScalarNode) and node.value == "" and node.style is None

    def _text(self, node: Node, longest: int = MAX_TEXT) -> str:
        if not isinstance(node, ScalarNode) or not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
            raise self.error(self._line(node), "a plain text must stand here.")
        text = str(node.value).strip()
        if len(text) > longest:
            raise self.error(self._line(node), f"this text is longer than {longest} characters.")
        if not names.is_text(text):
            raise self.error(
                self._line(node), "this text has characters that no name can have (NUL, half a surrogate)."
            )
        return text

    def _list(self, node: Node | None, what: str, lines: dict[str, int]) -> tuple[str, ...]:
        if node is None or self._is_empty(node):
            return ()
        if not isinstance(node, SequenceNode):
            raise self.error(self._line(node), f"{what} must be a list, as [one, two].")
        for item in node.value:
            name = self._text(item)
            lines.setdefault(name, self._line(item))
        return tuple(dict.fromkeys(self._text(item) for item in node.value))
