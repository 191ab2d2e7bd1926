"""Finding a key by its text, without the text getting into addresses, logs or the browser's history."""

from __future__ import annotations

import re
from typing import Final

from . import legacy

OURS: Final = re.compile(r"(?<![0-9A-Za-z])[a-z][a-z0-9]{0,15}_([0-9A-Za-z]{12})_[0-9A-Za-z]+")
"""Also a text that lost some characters when it was copied: what was secret must not stay in the search."""
FOREIGN: Final = re.compile(r"(?<![0-9A-Za-z.])(?:[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}|[A-Za-z0-9]{40,74})(?![0-9A-Za-z])")


def without_secrets(query: str) -> str:
    """`query` with each key in it replaced by the public id of its secret; the same text when there is none."""
    return FOREIGN.sub(lambda found: _foreign_id(found[0]), OURS.sub(lambda found: found[1], query))


def _foreign_id(text: str) -> str:
    from .models import APIKeySecret

    ids = [*legacy.public_ids("api-key", text), *legacy.public_ids("bearer", text)]
    if not ids:
        return text
    known = APIKeySecret.objects.filter(public_id__in=ids).values_list("public_id", flat=True).first()
    return known or ids[0]
