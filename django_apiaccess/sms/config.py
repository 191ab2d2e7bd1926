"""The entries of `API_ACCESS["MFA"]` that say how text messages are sent."""

from __future__ import annotations

from typing import Any

from ..conf import access_settings


def option(name: str) -> Any:
    """The value of an entry, as SMS_GATEWAY, or its default."""
    return access_settings.MFA[name]
