"""Taking credentials out of texts that should hold none: log lines, error reports, addresses.

What goes: keys of the form of `core.secrets` with any prefix (their public id stays), JWTs, what stands behind `Authorization` and its
like, and the values of the fields that carry credentials in OAuth and at our own endpoints. Better a harmless text too much than a secret.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

ELLIPSIS: Final = "…"
MAX_DEPTH: Final = 8
"""Levels of lists and dicts that are looked into; what lies deeper is left out whole."""
HEADERS: Final = ("authorization", "x-api-key", "x_api_key", "cookie", "dpop")
FIELDS: Final = (
    "refresh_token", "access_token", "id_token", "mfa_token", "subject_token", "actor_token", "client_secret", "client_assertion",
    "code_verifier", "device_code", "registration_access_token",
)  # fmt: skip
_UNDERSCORE: Final = r"(?:_|\\u005[fF]|%5[fF])"
_DOT: Final = r"(?:\.|\\u002[eE]|%2[eE])"
"""As it stands in a text, in JSON that escapes it, and in an address."""
KEY: Final = re.compile(rf"({_UNDERSCORE}[0-9A-Za-z]{{12}}{_UNDERSCORE})[0-9A-Za-z]{{20,}}")
"""The end of a key of any prefix, also of one that was cut off: the id stays."""
DOTTED: Final = re.compile(rf"(?<![\w.-])[\w-]*+(?:{_DOT}[\w-]*+)++", re.ASCII)
"""Words with dots between them, whole: what may have a JWT at its end. Possessive, so that no text takes more than linear time."""
_END: Final = r"(?:(?P=run)(?P=run)\\\\)*+(?P=run)(?P=quote)"
"""The quote that ends a text whose first one had `run` backslashes before it, in JSON that stands in JSON: as many, or with escaped
backslashes before them. Others stand in the text."""
_QUOTED: Final = (
    rf"(?:b?(?P<run>\\*+)(?P<quote>[\"'])"
    rf"(?:[^\\\"']++|\\++(?![\"'])|(?!{_END})(?:(?P=run)\\*+[\"']|\\*+(?!(?P=quote))[\"']))*+(?:{_END})?[\w{ELLIPSIS}]*+)"
)
_AFTER_NAME: Final = r"(?:\\*+[\"']|%2[27])?\s*+"
_NOT_DONE: Final = rf"(?!{ELLIPSIS}(?![\w{ELLIPSIS}]))"
"""What was taken out before stays as it is."""
_PARAMETER: Final = r"[\w.~*-]++[ \t]*+=[ \t]*+(?:\\*+\"[^\"\\]*+\\*+\"?|[^\s,;\"'\\]++)"
HEADER: Final = re.compile(
    rf"((?:authorization|x[-_]api[-_]key){_AFTER_NAME}(?:[:=,]>?+|%3[AD])\s*+){_NOT_DONE}"
    rf"(?:{ELLIPSIS}*+[a-z][a-z0-9-]*+(?:[ \t]++|\r?\n[ \t]++))?"
    rf"(?:{_PARAMETER}(?:[ \t]*+,[ \t]*+{_PARAMETER})*+|{_QUOTED}|[^\s,;\"']++)",
    re.IGNORECASE,
)
"""With a scheme or without, and with its parameters, as those of Digest (RFC 9110, section 11.4)."""
SCHEME: Final = re.compile(r"\b((?:Bearer|Basic|Api-Key|DPoP)\s+)[\w.~+/=-]{16,}", re.IGNORECASE | re.ASCII)
FIELD: Final = re.compile(
    rf"((?:{'|'.join(FIELDS).replace('_', _UNDERSCORE)}){_AFTER_NAME}(?:[:=]>?+|%3[AD])\s*+){_NOT_DONE}"
    rf"(?:{_QUOTED}|[^\s,;&\"'{{}}\[\]]++)",
    re.IGNORECASE,
)
_MAY_HOLD: Final = re.compile(
    rf"{_UNDERSCORE}(?:[0-9A-Za-z]{{12}}{_UNDERSCORE}|token|secret|assertion|verifier|code)"
    "|eyJ|auth|api[-_]key|bearer|basic|dpop",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` without the secrets in it."""
    if _MAY_HOLD.search(text) is None:
        return text
    if "eyJ" in text:  # before keys: what looks like the end of one may be the beginning of a JWT
        text = DOTTED.sub(_without_jwt, text)
    text = KEY.sub(rf"\1{ELLIPSIS}", text)
    text = HEADER.sub(rf"\1{ELLIPSIS}", text)
    text = SCHEME.sub(rf"\1{ELLIPSIS}", text)
    return FIELD.sub(rf"\1{ELLIPSIS}", text)


def _without_jwt(found: re.Match[str]) -> str:
    before, eyj, rest = found[0].partition("eyJ")
    return f"{before}{eyj}{ELLIPSIS}" if len(re.findall(_DOT, rest)) >= 2 else found[0]


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
    """`value` with every text in it redacted: in mappings (also by the name of the entry), sequences, sets and bytes.

    What is of another type stays as it is, and what a mapping or a sequence of another type was becomes a dict or a list.
    """
    if isinstance(value, str):
        return redact(str(value))  # a lazy one says that it is a str
    if isinstance(value, bytes | bytearray | memoryview):
        clean = redact(bytes(value).decode("latin-1"))
        return clean.encode("latin-1", "replace")
    if not isinstance(value, Mapping | Sequence | AbstractSet | deque):
        return value
    if depth >= MAX_DEPTH:
        return ELLIPSIS
    if isinstance(value, Mapping):
        return {redact_value(name, depth + 1): _redact_entry(name, item, depth + 1) for name, item in value.items()}
    return _redact_items(value, depth + 1)


def _redact_entry(name: Any, item: Any, depth: int) -> Any:
    return ELLIPSIS if is_secret_name(name) else redact_value(item, depth)


def _redact_items(value: Any, depth: int) -> Any:
    items = [redact_value(item, depth) for item in value]
    if len(items) == 2 and not isinstance(value, AbstractSet) and is_secret_name(value[0]):
        items[1] = ELLIPSIS  # a header as a pair
    kind = next((one for one in (tuple, set, frozenset) if isinstance(value, one)), list)
    return kind(items)
