"""Reading the bodies of our endpoints: JSON and forms, strictly, the same in every project.

A member that comes twice is refused (RFC 6749 section 3.2): a proxy and this server might otherwise each believe another one.
"""

from __future__ import annotations

import json
from typing import Any, Final, Never

from django.core.exceptions import TooManyFieldsSent
from django.http import QueryDict
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MAX_BODY: Final = 64 * 1024
"""Bytes. Django's own limit does not reach bodies that are read as a stream."""


class StrictJSONParser(BaseParser):
    """One JSON object in UTF-8 (RFC 8259), whatever the header says of another charset, of whole characters (RFC 7493 section 2.1)."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        text = _read(stream)
        try:
            data = json.loads(text.decode("utf-8"), object_pairs_hook=_members, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise ParseError("The body is not JSON in UTF-8.") from None
        if b"\\ud" in text.lower() and not _is_whole(data):
            raise ParseError("The body holds half a character: a surrogate without the other one of its pair.")
        if not isinstance(data, dict):
            raise ParseError('The body must be a JSON object, as {"name": "value"}.')
        return data


class StrictFormParser(BaseParser):
    """`application/x-www-form-urlencoded`, as RFC 7009 and RFC 7662 want it."""

    media_type = "application/x-www-form-urlencoded"
    lists: frozenset[str] = frozenset()
    """Fields that may come more than once."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> QueryDict:
        try:
            data = QueryDict(_read(stream), encoding="utf-8")
        except TooManyFieldsSent:
            raise ParseError("The form has too many fields.") from None
        for name, values in data.lists():
            if len(values) > 1 and name not in self.lists:
                _refuse_repeated(name)
        return data


def _read(stream: Any) -> bytes:
    text: bytes = stream.read(MAX_BODY + 1)
    if len(text) > MAX_BODY:
        raise ParseError(f"The body is longer than {MAX_BODY} bytes.")
    return text


def _is_whole(data: Any) -> bool:
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            _refuse_repeated(name)
        found[name] = value
    return found


def _refuse_repeated(name: str) -> Never:
    raise ParseError(f"{name[:50]!a} comes more than once.")


def _no_number(text: str) -> Never:
    raise ValueError(f"{text} is no JSON number")
