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
PUBLIC: Final = ("action", "outcome", "reason", "actor_kind", "credential_kind", "target_kind", "method", "count")
PERSONAL: Final = (
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
    """JSON with one spelling: sorted names, no spaces, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False, default=str
    ).encode()


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
    said = b"event|" + content(event)
    return any(hmac.compare_digest(hmac.digest(pepper.encode(), said, "sha256").hex(), event.mac) for pepper in peppers)
