"""Codes and requests that work once: made, found, used up.

"Consume first": the one conditional UPDATE that marks a row as used is the lock, on every database, and what the row is worth is given in
the same transaction. Whoever comes second finds it used.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.utils import timezone

from ...conf import access_settings
from ...core import digests, secrets
from ...core.reasons import Reason
from .models import SingleUse

RIGHT: Final = frozenset({digests.Verdict.MATCH, digests.Verdict.MATCH_OUTDATED})
Row = TypeVar("Row", bound=SingleUse)


def make(model: type[Row], prefix: str, *, lifetime: timedelta, **columns: Any) -> tuple[Row, str]:
    """A new row, and the text that stands for it: stored nowhere."""
    made = secrets.make_key(prefix)
    digest = digests.make(made.text, access_settings.PEPPERS)
    now = timezone.now()
    row = model.objects.create(public_id=made.id, digest=digest, created_at=now, expires_at=now + lifetime, **columns)
    return row, made.text


def find(model: type[Row], text: str, prefix: str, *related: str) -> tuple[Row | None, Reason | None]:
    """The row of a text, used or not, living or not; or why there is none. One query; a text that is none costs none."""
    key = secrets.split(text, prefix) if len(text) <= secrets.MAX_LENGTH else None
    if key is None:
        return None, Reason.MALFORMED
    row = model.objects.select_related(*related).filter(public_id=key.id).first()
    if row is None:
        digests.verify_nothing(text, access_settings.PEPPERS)
        return None, Reason.UNKNOWN
    verdict = digests.verify(text, row.digest, access_settings.PEPPERS)
    return (row, None) if verdict in RIGHT else (None, Reason.WRONG_SECRET)


def use(row: SingleUse, now: datetime, **columns: Any) -> bool:
    """Use it up, in the caller's transaction: whether it was unused and alive until now."""
    unused = type(row).objects.filter(pk=row.pk, used_at=None, expires_at__gt=now)
    return bool(unused.update(used_at=now, **columns))
