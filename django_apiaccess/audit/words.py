"""Names in reports come from callers of the API: nothing in them may move a cursor, or turn the direction of text around."""

from __future__ import annotations


def plain(text: str, *, lines: bool = False) -> str:
    """`text` with every character that is not printed (controls, directions, joiners) made visible. `lines`: line breaks stay."""
    return "".join(
        char if char.isprintable() or (lines and char == "\n") else "\N{REPLACEMENT CHARACTER}" for char in text
    )
