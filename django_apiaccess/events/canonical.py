"""The bytes of an event that its digest is made of: the same on every database, for ever.

Personal data is in a part of its own, of which the chain holds a salted commitment only: it can be erased and the chain still verifies.
Changing anything here breaks every chain: make a new VERSION and keep the old one readable.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from .models import Event

VERSION: Final = "1"
PUBLIC: Final = ("action", "outcome", "actor_kind", "credential_kind", "target_kind", "method", "count")
PERSONAL: Final = (
    "reason",
    "actor_id",
    "actor_label",
    "credential_id",
    "credential_label",
    "target_id",
    "target_label",
    "address",
    "path",
    "request_id",
    "details",
)


def _json(value: Any) -> bytes:
    """JSON with one spelling: sorted names, no spaces. A number that is none, which only SQL can have put there, has one too."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str).encode()


def commitment(event: Event) -> str:
    """SHA-256 of the personal part under the event's salt; the stored one once that part was erased."""
    if event.erased:
        return event.commitment
    return hashlib.sha256(_json([event.salt, *(getattr(event, name) for name in PERSONAL)])).hexdigest()


def content(event: Event) -> bytes:
    """SHA-256 of what the event says: its public part, its time in microseconds, and the commitment to the rest."""
    at = event.at if event.at.tzinfo is not None else event.at.replace(tzinfo=UTC)
    public = [
        VERSION,
        event.uid,
        at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f"),
        *(getattr(event, name) for name in PUBLIC),
    ]
    return hashlib.sha256(_json([*public, commitment(event)])).digest()


def link(before: str, seq: int, of: bytes) -> str:
    """The event's link in the chain."""
    return hashlib.sha256(f"{VERSION}|{before}|{seq}|".encode() + of).hexdigest()


def mac(event: Event, peppers: Sequence[str]) -> str:
    """The keyed digest that vouches for an event until it is sealed."""
    return hmac.digest(peppers[0].encode(), b"event|" + content(event), "sha256").hex()


def is_vouched(event: Event, peppers: Sequence[str]) -> bool:
    """Whether the row is as this app wrote it."""
    said, found = b"event|" + content(event), event.mac.encode(errors="replace")
    return any(
        hmac.compare_digest(hmac.digest(pepper.encode(), said, "sha256").hex().encode(), found) for pepper in peppers
    )


def fits(event: Event, before: str) -> bool:
    """Whether a sealed row is what was sealed behind the link `before`."""
    sealed_as = link(before, event.seq or 0, content(event))
    return event.commitment == commitment(event) and event.link == sealed_as


def is_blank(event: Event) -> bool:
    """Whether nothing is in the part that an erasure blanks."""
    return not event.salt and not any(getattr(event, name) for name in PERSONAL)
