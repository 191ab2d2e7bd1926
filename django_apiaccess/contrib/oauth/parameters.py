"""The parameters of a request, read strictly: each at most once, none empty (RFC 6749 section 3.1), `resource` as often as one likes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

from ...authn.parsers import MAX_BODY
from .errors import OAuthError

REPEATABLE: Final = frozenset({"resource", "audience"})
"""RFC 8707 section 2, RFC 8693 section 2.1."""
MAX_FIELDS: Final = 100
MAX_QUERY: Final = 16 * 1024
FORM: Final = "application/x-www-form-urlencoded"


class Parameters(dict[str, str]):
    """The parameters that came once, by name; those that may come again are in `lists`."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        self.lists: dict[str, list[str]] = {}
        self.repeated: list[str] = []
        self.pushed = False
        for name, value in pairs:
            if value == "":  # as if it were not there (RFC 6749 section 3.1)
                continue
            if name in REPEATABLE:
                self.lists.setdefault(name, []).append(value)
            elif name in self:
                self.repeated.append(name)
            else:
                self[name] = value

    @property
    def resources(self) -> list[str]:
        """The resource indicators (RFC 8707)."""
        return self.lists.get("resource", [])

    def pairs(self) -> list[tuple[str, str]]:
        """All of them, to be stored or sent on."""
        return [*self.items(), *((name, value) for name, values in self.lists.items() for value in values)]

    def check(self) -> None:
        """Raise `invalid_request` for a parameter that came twice, or that no database takes."""
        if self.repeated:
            raise OAuthError("invalid_request", f"The parameter {self.repeated[0][:50]} comes more than once.")
        bad = next((name for name, value in self.pairs() if name != "state" and not is_plain(name + value)), None)
        if bad is not None:
            raise OAuthError("invalid_request", f"The parameter {bad[:50]} is not plain text.")


def is_plain(text: str) -> bool:
    """Whether every database takes it, and every codec: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def of_body(http: Any) -> Parameters:
    """The form of a POST. Raises `OAuthError` (`invalid_request`) for anything else."""
    if http.content_type != FORM:
        raise OAuthError("invalid_request", f"Send a body of type {FORM}.")
    body: bytes = http.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise OAuthError("invalid_request", f"The body is longer than {MAX_BODY} bytes.")
    parameters = _parsed(body.decode("ascii", "surrogateescape"))
    parameters.check()
    return parameters


def of_query(text: str) -> Parameters:
    """The query of a request, as it stands in the URL; not checked yet: where an error is told depends on what is right."""
    if len(text) > MAX_QUERY:
        raise OAuthError("invalid_request", f"The request is longer than {MAX_QUERY} characters.")
    return _parsed(text)


def _parsed(text: str) -> Parameters:
    """Bytes that are no UTF-8 stay as they are, as lone surrogates: `state` goes back byte by byte."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise OAuthError("invalid_request", "There are too many parameters.") from None
    return Parameters(pairs)


def with_query(uri: str, pairs: Iterable[tuple[str, str]]) -> str:
    """`uri` with more in its query, byte-exact (RFC 6749 section 3.1.2: what stands there stays)."""
    added = urlencode(list(pairs), quote_via=quote, safe="", errors="surrogateescape")
    if not added:
        return uri
    mark = "" if uri.endswith(("?", "&")) else ("&" if "?" in uri else "?")
    return f"{uri}{mark}{added}"


def decoded(text: str) -> str:
    """A part of HTTP Basic credentials, which are form-encoded first (RFC 6749 section 2.3.1)."""
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "surrogateescape")
