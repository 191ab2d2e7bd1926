"""Taking credentials out of texts that should hold none: log lines, error reports, addresses.

What goes: keys of the form of `core.secrets` with any prefix (their public id stays), JWTs, what stands behind `Authorization` and its
like, and the values of the fields that carry credentials in OAuth and at our own endpoints. Better a harmless text too much than a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

ELLIPSIS: Final = "…"
MAX_DEPTH: Final = 8
"""Levels of lists and dicts that are looked into; what lies deeper is left out whole."""
HEADERS: Final = ("authorization", "x-api-key", "x_api_key", "cookie", "dpop")
FIELDS: Final = (
    "refresh_token", "access_token", "id_token", "mfa_token", "subject_token", "actor_token", "client_secret", "client_assertion",
    "code_verifier", "device_code", "registration_access_token",
)  # fmt: skip
KEY: Final = re.compile(r"_([0-9A-Za-z]{12})_[0-9A-Za-z]{20,}")
"""The end of a key of any prefix, also of one that was cut off: the id stays."""
DOTTED: Final = re.compile(r"(?<![\w.-])[\w-]*+(?:\.[\w-]*+)++", re.ASCII)
"""Words with dots between them, whole: what may have a JWT at its end. Possessive, so that no text takes more than linear time."""
_QUOTED: Final = r"(?:b?\"(?:[^\"\\]|\\(?:[\s\S]|\Z))*\"?|b?'(?:[^'\\]|\\(?:[\s\S]|\Z))*'?"
HEADER: Final = re.compile(
    rf"((?:authorization|x[-_]api[-_]key)[\"']?\s*[:=,]\s*)(?!{ELLIPSIS}){_QUOTED}|(?:[a-z][a-z0-9-]*[ \t]+)?[^\s,;\"']+)",
    re.IGNORECASE,
)
SCHEME: Final = re.compile(r"\b((?:Bearer|Basic|Api-Key|DPoP)\s+)[\w.~+/=-]{16,}", re.IGNORECASE | re.ASCII)
FIELD: Final = re.compile(
    rf"((?:{'|'.join(FIELDS)})[\"']?\s*[:=]\s*)(?!{ELLIPSIS}){_QUOTED}|[^\s,;&\"'{{}}\[\]]+)", re.IGNORECASE
)
_MAY_HOLD: Final = re.compile(
    r"_[0-9A-Za-z]{12}_|eyJ|auth|api[-_]key|bearer|basic|dpop|_token|_secret|_assertion|_verifier|_code", re.IGNORECASE
)


def redact(text: str) -> str:
    """`text` without the secrets in it."""
    if _MAY_HOLD.search(text) is None:
        return text
    if "eyJ" in text:  # before keys: what looks like the end of one may be the beginning of a JWT
        text = DOTTED.sub(_without_jwt, text)
    text = KEY.sub(rf"_\1_{ELLIPSIS}", text)
    text = HEADER.sub(rf"\1{ELLIPSIS}", text)
    text = SCHEME.sub(rf"\1{ELLIPSIS}", text)
    return FIELD.sub(rf"\1{ELLIPSIS}", text)


def _without_jwt(found: re.Match[str]) -> str:
    before, eyj, rest = found[0].partition("eyJ")
    return f"{before}{eyj}{ELLIPSIS}" if rest.count(".") >= 2 else found[0]


def is_secret_name(name: Any) -> bool:
    """Whether a header, a form field or a dict's key of this name holds a credential."""
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    if not isinstance(name, str):
        return False
    lower = name.lower().removeprefix("http_").replace("-", "_")
    return lower in _NAMES


_NAMES: Final = frozenset({*(name.replace("-", "_") for name in HEADERS), *FIELDS, "set_cookie", "proxy_authorization"})


def redact_value(value: Any, depth: int = 0) -> Any:
    """`value` with every text in it redacted: in dicts (also by the name of the entry), lists, tuples, sets and bytes.

    What is of another type stays as it is.
    """
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes | bytearray):
        clean = redact(bytes(value).decode("latin-1"))
        return clean.encode("latin-1", "replace")
    if isinstance(value, Mapping | list | tuple | set | frozenset) and depth >= MAX_DEPTH:
        return ELLIPSIS
    if isinstance(value, Mapping):
        return {redact_value(name, depth + 1): _redact_entry(name, item, depth + 1) for name, item in value.items()}
    return _redact_items(value, depth + 1) if isinstance(value, list | tuple | set | frozenset) else value


def _redact_entry(name: Any, item: Any, depth: int) -> Any:
    return ELLIPSIS if is_secret_name(name) else redact_value(item, depth)


def _redact_items(value: Any, depth: int) -> Any:
    items = [redact_value(item, depth) for item in value]
    if isinstance(value, list | tuple) and len(items) == 2 and is_secret_name(value[0]):
        items[1] = ELLIPSIS  # a header as a pair
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return kind(items)
    return items
