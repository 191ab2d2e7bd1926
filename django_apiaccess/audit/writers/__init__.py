"""The audit's reports: text for a terminal, JSON for programs, SARIF for code-scanning screens, HTML for people."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

FORMATS: Final = ("text", "json", "sarif", "html")


def writer(name: str) -> Callable[..., None]:
    """The function that writes a report in that format to a file object. Each is imported when it is used."""
    found: Callable[..., None] = import_module(f"{__name__}.{name}").write
    return found
