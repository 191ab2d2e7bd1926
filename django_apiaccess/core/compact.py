"""The compact form of a JWT (RFC 7515 section 7.1), parsed strictly before any key is looked at.

What the usual parsers let through is refused here: padding and non-canonical base64, repeated members, other encodings than UTF-8,
NaN, deep nesting, unknown critical headers, and anything too large (RFC 8725, RFC 7519 section 4).
"""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, Final, Never

MAX_TOKEN: Final = 8192
MAX_HEADER: Final = 1024
MAX_MEMBERS: Final = 64
MAX_DEPTH: Final = 4
FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
KID: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
FORBIDDEN_HEADERS: Final = frozenset(
    {"crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc", "cty", "epk", "p2c", "p2s"}
)
"""Members that would choose a key, change the processing or nest: a token that has them is refused (RFC 8725 section 3.10)."""


class TokenFormatError(ValueError):
    """A token whose form is wrong; the message is for the event, not for the caller."""


@dataclass(frozen=True, slots=True)
class CompactToken:
    """A token taken apart; nothing of it is verified yet. Only `alg`, `kid`, `typ` and the claim `iss` may be used before that."""

    header: dict[str, Any]
    claims: dict[str, Any] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def algorithm(self) -> str:
        return str(self.header["alg"])

    @property
    def key_id(self) -> str | None:
        return self.header.get("kid")

    @property
    def typ(self) -> str:
        """The media type without `application/`, in lower case (RFC 9068 section 2.1)."""
        return str(self.header.get("typ", "")).lower().removeprefix("application/")


def looks_like_jwt(text: str) -> bool:
    """Whether `text` has the form of a compact JWS. Cheap."""
    return text.count(".") == 2


def parse(text: str, *, allowed: frozenset[str] = frozenset(), max_header: int = MAX_HEADER) -> CompactToken:
    """Take a token apart. Raises `TokenFormatError`. `allowed` are members of the header that are else forbidden."""
    if len(text) > MAX_TOKEN:
        raise TokenFormatError("too long")
    if not FORM.fullmatch(text):
        raise TokenFormatError("not three parts of base64url")
    head, body, signature = text.split(".")
    if len(head) > max_header:
        raise TokenFormatError("the header is too long")
    header = _object(_decode(head), "header")
    for name in ("alg", "typ", "kid"):
        if name in header and not isinstance(header[name], str):
            raise TokenFormatError(f"{name} is no string")
    if "alg" not in header:
        raise TokenFormatError("no alg")
    forbidden = (FORBIDDEN_HEADERS & header.keys()) - allowed
    if forbidden:
        raise TokenFormatError(f"header member {min(forbidden)} is not allowed")
    if "kid" in header and not KID.fullmatch(header["kid"]):
        raise TokenFormatError("kid is not a short printable word")
    claims = _object(_decode(body), "claims")
    return CompactToken(header, claims, f"{head}.{body}".encode(), _decode(signature))


def _decode(part: str) -> bytes:
    """base64url without padding, in its one canonical spelling."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise TokenFormatError("not base64url") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise TokenFormatError("not in canonical base64url")
    return raw


def _object(raw: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_members,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short,
        )
    except (ValueError, RecursionError) as error:
        problem = "nested too deep" if isinstance(error, RecursionError) else str(error).partition(":")[0]
        raise TokenFormatError(f"the {what}: {problem}") from None
    if not isinstance(value, dict):
        raise TokenFormatError(f"the {what} is no JSON object")
    if _deeper(value, MAX_DEPTH):
        raise TokenFormatError(f"the {what} is nested too deep")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is repeated")
    if len(found) > MAX_MEMBERS:
        raise ValueError("too many members")
    return found


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _short(text: str) -> int:
    if len(text) > 20:
        raise ValueError("a number is too long")
    return int(text)


def _deeper(value: Any, allowed: int) -> bool:
    """Whether `value` is nested deeper than `allowed`. Goes no deeper itself: what the parser took may be beyond our own stack."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return allowed == 0 or any(_deeper(item, allowed - 1) for item in inner)
    return False
