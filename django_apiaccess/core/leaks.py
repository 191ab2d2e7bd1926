"""What is said of a credential that leaked, and what was found out about a reported text. Plain data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from .redaction import redact

MAX_URL: Final = 200
SOURCE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Report:
    """Who says that a credential leaked, and where it was found. `by` is the actor of what follows."""

    reporter: str
    by: Any
    source: str = ""
    url: str = ""

    @classmethod
    def of(cls, reporter: str, by: Any, *, source: Any = "", url: Any = "") -> Report:
        """With `source` and `url` as somebody else wrote them made harmless: see `clean_url`."""
        word = source.lower() if isinstance(source, str) and SOURCE.fullmatch(source) else ""
        return cls(reporter, by, word, clean_url(url))


@dataclass(frozen=True, slots=True)
class Judged:
    """What a reported text is. `ours`: it is a credential that we made, whether or not it still opens anything; None: nobody can say.

    `respond(report)` ends it, or does what its policy says, and tells its owner: once, however often it is called.
    """

    ours: bool | None = False
    respond: Callable[[Report], None] | None = field(default=None, repr=False)


def clean_url(url: Any) -> str:
    """An http(s) address without user name, query and fragment, printable, without keys and bounded; empty where it is none."""
    if not isinstance(url, str) or len(url) > 2000:
        return ""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host or not url.isprintable() or " " in url:
        return ""
    host = f"[{host}]" if ":" in host else host
    return redact(f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path}")[:MAX_URL]
