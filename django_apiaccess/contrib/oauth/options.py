"""Reading `API_ACCESS["OAUTH"]`, an entry at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from ...conf import access_settings
from ...core.durations import duration
from ...core.rates import Rate, parse_rate

DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
WIRE_NAMES: Final = {"device_code": DEVICE_CODE, "token_exchange": TOKEN_EXCHANGE}
"""`grant_type` of the grants whose short name is another one."""
SHORT_NAMES: Final = {wire: short for short, wire in WIRE_NAMES.items()}


def entry(name: str) -> Any:
    """The entry as it was written, or its default."""
    return access_settings.OAUTH[name]


def lifetime(name: str) -> timedelta:
    """An entry that is a duration."""
    return duration(entry(name))


def rate() -> Rate:
    """How often one client, or one network, may ask for tokens."""
    return parse_rate(entry("RATE"))


def grants() -> tuple[str, ...]:
    """The enabled grants by their short names."""
    return tuple(entry("GRANTS"))


def wire_name(grant: str) -> str:
    """`grant_type` of a grant."""
    return WIRE_NAMES.get(grant, grant)


def short_name(grant_type: str) -> str:
    """The grant that a `grant_type` means; an unknown one as it is."""
    return SHORT_NAMES.get(grant_type, grant_type)
