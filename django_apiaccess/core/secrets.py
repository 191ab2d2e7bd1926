"""API key texts: make, split, check. `<prefix>_<id>_<secret><check>`.

`id` is 12 base62 characters (about 71 bits, public), `secret` 43 (256 bits), `check` 6: the CRC-32 of all before it, in
base62. The check is no security: it lets a server refuse a mistyped or invented key without asking the database, and a
scanner tell a leaked key from noise. It follows the shape that secret scanners ask of their partners.
"""

from __future__ import annotations

import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH: Final = 12
SECRET_LENGTH: Final = 43
CHECK_LENGTH: Final = 6
PREFIX: Final = re.compile(r"[a-z][a-z0-9]{0,15}")
MAX_LENGTH: Final = 512
"""Longer credentials are refused before anything looks at them."""


ANYWHERE: Final = re.compile(
    rf"\b([a-z][a-z0-9]{{0,15}}_[0-9A-Za-z]{{{ID_LENGTH}}}_)[0-9A-Za-z]{{{SECRET_LENGTH},}}", re.ASCII
)
"""What looks like a key of any prefix, in a text that should hold none."""


class SecretText(str):
    """A text that is a secret. It can be used as any text, but its `repr` tells nothing: debug pages and error mails show locals by it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key taken apart. `text` is the secret whole and stays out of the repr."""

    id: str
    text: str = field(repr=False)


def base62(number: int, length: int) -> str:
    """`number` in base62, left-padded with zeros to `length`. Raises `ValueError` when it does not fit."""
    digits = []
    rest = number
    for _ in range(length):
        rest, digit = divmod(rest, 62)
        digits.append(ALPHABET[digit])
    if rest:
        raise ValueError(f"{number} does not fit into {length} base62 digits.")
    return "".join(reversed(digits))


def checksum(body: str) -> str:
    """The 6 check characters for `body` (everything before them)."""
    return base62(zlib.crc32(body.encode("ascii")), CHECK_LENGTH)


def make_key(prefix: str) -> KeyText:
    """A new key from the system's random source (ASVS 11.5.1)."""
    identifier = base62(secrets.randbelow(62**ID_LENGTH), ID_LENGTH)
    body = f"{prefix}_{identifier}_{base62(secrets.randbits(256), SECRET_LENGTH)}"
    return KeyText(identifier, SecretText(body + checksum(body)))


@lru_cache(maxsize=16)
def pattern(prefix: str) -> re.Pattern[str]:
    """The published pattern of keys with `prefix`, for scanners and for `split`."""
    return re.compile(
        rf"{re.escape(prefix)}_([0-9A-Za-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH}}}[0-9A-Za-z]{{{CHECK_LENGTH}}}"
    )


def split(text: str, prefix: str) -> KeyText | None:
    """`text` taken apart, or None when it is not a key of this prefix with a right checksum. Constant work, no I/O."""
    found = pattern(prefix).fullmatch(text)
    if found is None or checksum(text[:-CHECK_LENGTH]) != text[-CHECK_LENGTH:]:
        return None
    return KeyText(found[1], text)


def without_keys(text: str) -> str:
    """`text` with the secret part of every key in it replaced."""
    return ANYWHERE.sub(r"\1…", text) if "_" in text else text


def mask(text: str) -> str:
    """`text` fit for a log: enough to find the key, nothing to use it with."""
    head, _, rest = text.partition("_")
    identifier = rest.partition("_")[0]
    return f"{head}_{identifier}_…" if len(identifier) == ID_LENGTH else "…"
