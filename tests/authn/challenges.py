"""A strict reader of `WWW-Authenticate` (RFC 9110 section 11.6.1): what a client that follows the grammar understands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
SCHEME = re.compile(TOKEN)
PARAMETER = re.compile(
    rf'({TOKEN})[ \t]*=[ \t]*(?:({TOKEN})(?=[ \t]*(?:,|$))|"((?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t \x21-\x7e])*)")'
)


class ChallengeError(ValueError):
    """The header does not follow the grammar."""


@dataclass
class Challenge:
    """One scheme with its parameters."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def read_challenges(header: str) -> list[Challenge]:
    """Every challenge of the header. Raises `ChallengeError` for anything that the grammar does not allow."""
    found: list[Challenge] = []
    at = 0
    while at < len(header):
        parameter = PARAMETER.match(header, at)
        if parameter is not None and found:
            name = parameter[1].lower()
            if name in found[-1].parameters:
                raise ChallengeError(f"{name} twice in {found[-1].scheme}")
            found[-1].parameters[name] = parameter[2] if parameter[2] is not None else parameter[3]
            at = parameter.end()
        else:
            scheme = SCHEME.match(header, at)
            if scheme is None:
                raise ChallengeError(f"neither a scheme nor a parameter at {header[at:]!r}")
            found.append(Challenge(scheme[0].lower()))
            at = scheme.end()
            if at < len(header) and header[at] == " ":
                at += 1
                if PARAMETER.match(header, at) is None:
                    raise ChallengeError(f"no parameter after the scheme at {header[at:]!r}")
                continue
        at = _separator(header, at)
    if not found:
        raise ChallengeError("empty")
    return found


def _separator(header: str, at: int) -> int:
    rest = re.compile(r"[ \t]*(,[ \t]*|$)").match(header, at)
    if rest is None:
        raise ChallengeError(f"no comma at {header[at:]!r}")
    if rest[1].startswith(",") and rest.end() == len(header):
        raise ChallengeError("a comma at the end")
    return rest.end()
