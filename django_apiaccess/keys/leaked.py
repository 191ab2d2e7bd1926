"""Keys in a text that should hold none: found by form and checksum, proven by their digest.

Only the digest counts: somebody who knows a key's public id can write a text with a right checksum, and must not be able to have the
key revoked with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, BinaryIO, Final

from django.utils import timezone

from ..conf import access_settings
from ..core import digests, secrets
from . import legacy
from .models import APIKey, APIKeySecret

CHUNK: Final = 1 << 20
OVERLAP: Final = 256
"""Longer than any key: what a chunk cut in two is whole in the next look."""
GROUP: Final = 500


class State(Enum):
    """What became of a key that was found."""

    USABLE = "usable"
    REVOKED = "revoked"
    ENDED = "ended"
    """This secret was replaced by a rotation, and its grace is over: the key itself is not leaked."""
    UNKNOWN = "unknown"
    UNVERIFIABLE = "unverifiable"


@dataclass(frozen=True, slots=True)
class Finding:
    """A key text that was found, by its public id. The text itself is not kept."""

    public_id: str
    state: State
    key: APIKey | None = None


def texts(stream: BinaryIO, prefix: str, *, imported: bool) -> Iterator[str]:
    """Everything in `stream` that has the form of a key and, for ours, a right checksum; some twice. Reads piece by piece.

    Any encoding that keeps ASCII as it is, and UTF-16. `imported`: also the forms of the packages that keys are imported from.
    """
    ours = re.compile(rf"(?=({secrets.pattern(prefix).pattern}))")  # a look-ahead: one find hides no other
    kept, last_piece = "", False
    while not last_piece:
        piece = stream.read(CHUNK)
        last_piece = not piece
        raw = piece if isinstance(piece, bytes) else str(piece).encode()
        window = kept + raw.replace(b"\0", b"").decode("latin-1")
        yield from (found[1] for found in ours.finditer(window) if secrets.split(found[1], prefix))
        if imported:
            for text, end in legacy.candidates(window):
                if last_piece or end < len(window):  # not one that goes on in the next piece
                    yield text
        kept = window[-OVERLAP:]


def findings(stream: BinaryIO) -> Iterator[list[Finding]]:
    """The keys in `stream`, each once, in groups, judged."""
    imported = APIKeySecret.objects.filter(public_id__contains=":").exists()
    seen: set[int] = set()
    group: list[str] = []
    for text in texts(stream, access_settings.KEY_PREFIX, imported=imported):
        if hash(text) in seen:
            continue
        seen.add(hash(text))
        group.append(text)
        if len(group) == GROUP:
            yield _judged(group)
            group = []
    if group:
        yield _judged(group)


def _judged(group: Iterable[str]) -> list[Finding]:
    ids = {text: _ids(text) for text in group}
    wanted = [public_id for several in ids.values() for public_id in several]
    found = APIKeySecret.objects.filter(public_id__in=wanted).select_related("key__principal")
    rows: dict[str, Any] = {row.public_id: row for row in found}
    judged = []
    for text, several in ids.items():
        row = next((rows[public_id] for public_id in several if public_id in rows), None)
        if row is not None:
            judged.append(_judge(text, row))
        elif ":" not in several[0]:  # a hexadecimal text that is no key of ours is just a number
            judged.append(Finding(several[0], State.UNKNOWN))
    return judged


def _ids(text: str) -> tuple[str, ...]:
    key = secrets.split(text, access_settings.KEY_PREFIX)
    return (key.id,) if key is not None else legacy.every_id(text) or (":",)


def _judge(text: str, row: APIKeySecret) -> Finding:
    verdict = digests.verify(text, row.digest, access_settings.PEPPERS)
    if verdict is digests.Verdict.WRONG:
        return Finding(row.public_id, State.UNKNOWN)
    if verdict is digests.Verdict.UNVERIFIABLE:
        return Finding(row.public_id, State.UNVERIFIABLE, row.key)
    if row.key.revoked_at is not None:
        return Finding(row.public_id, State.REVOKED, row.key)
    ended = row.expires_at is not None and row.expires_at <= timezone.now()
    return Finding(row.public_id, State.ENDED if ended else State.USABLE, row.key)
