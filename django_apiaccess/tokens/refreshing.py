"""Refresh tokens: made, found, used up. At most one of a session is unused, which a unique constraint keeps.

Using one up is one conditional UPDATE. Who comes too late waits for the session's row, so of any number of simultaneous retries each sees
what the one before it left.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from ..conf import access_settings
from ..core import digests, secrets
from ..core.reasons import Reason
from .models import RefreshToken, TokenSession

PREFIX: Final = "rt"
TRIES: Final = 5
REPLACED: Final = 0
"""The generation of a token that a retry replaced: it is the parent of none, so it never comes again."""
FOREIGN: Final = "~"
"""Begins the id of a row that stands for a token of another package (`contrib.simplejwt`). No id of ours has it, so no text names one."""
RIGHT: Final = frozenset({digests.Verdict.MATCH, digests.Verdict.MATCH_OUTDATED})


def add(session: TokenSession, *, generation: int) -> str:
    """A new refresh token of the session; its text is stored nowhere."""
    made = secrets.make_key(PREFIX)
    digest = digests.make(made.text, access_settings.PEPPERS)
    RefreshToken.objects.create(session=session, public_id=made.id, digest=digest, generation=generation)
    return made.text


def find(text: str) -> tuple[RefreshToken | None, Reason | None]:
    """The token with its session and user, used or not, or why there is none. One query; a text that is none costs none."""
    key = secrets.split(text, PREFIX) if len(text) <= secrets.MAX_LENGTH else None
    if key is None:
        return None, Reason.MALFORMED
    token = RefreshToken.objects.select_related("session__user").filter(public_id=key.id).first()
    if token is None:
        digests.verify_nothing(text, access_settings.PEPPERS)
        return None, Reason.UNKNOWN
    verdict = digests.verify(text, token.digest, access_settings.PEPPERS)
    return token, None if verdict in RIGHT else Reason.WRONG_SECRET


def find_many(texts: Iterable[str]) -> dict[str, RefreshToken]:
    """By text, the tokens that are right, used or not, with their sessions. One query for all, and a MAC for each, found or not."""
    ids = {text: key.id for text in texts if (key := secrets.split(text, PREFIX)) is not None}
    rows = RefreshToken.objects.select_related("session").filter(public_id__in=list(ids.values()))
    stored = {row.public_id: row for row in rows}
    found = {}
    for text, public_id in ids.items():
        token = stored.get(public_id)
        if token is None:
            digests.verify_nothing(text, access_settings.PEPPERS)
        elif digests.verify(text, token.digest, access_settings.PEPPERS) in RIGHT:
            found[text] = token
    return found


def use(token: RefreshToken, now: datetime) -> str | Reason:
    """Use the token up and make its successor, as one step; or why not: `REPLAYED` when it was used before and no grace excuses it."""
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                alive = TokenSession.objects.filter(pk=OuterRef("session_id"), revoked_at=None)
                unused = RefreshToken.objects.filter(Exists(alive), pk=token.pk, used_at=None)
                if unused.update(used_at=now):
                    return add(token.session, generation=token.generation + 1)
                return _again(token, now)
        except IntegrityError:  # the session was deleted, or its live token used, at this very moment: look again
            continue
    return Reason.UNKNOWN


def _again(token: RefreshToken, now: datetime) -> str | Reason:
    """A sibling for a client that lost the answer: the refresh token that it did not get dies, so one branch lives.

    Only the parent of the live token may come again. A token that such a retry replaced must not: somebody holds the answer that the
    client said it had lost.
    """
    session = TokenSession.objects.select_for_update(no_key=True).filter(pk=token.session_id).first()
    if session is None:
        return Reason.UNKNOWN
    if session.revoked_at is not None:
        return Reason.REVOKED
    used_at = RefreshToken.objects.filter(pk=token.pk).values_list("used_at", flat=True).first()
    if used_at is None:
        return Reason.UNKNOWN
    grace = access_settings.REFRESH_GRACE
    live = RefreshToken.objects.filter(session=session, used_at=None).first()
    in_time = bool(grace) and now - used_at <= grace
    if not in_time or live is None or token.generation != live.generation - 1:
        return Reason.REPLAYED
    if not RefreshToken.objects.filter(pk=live.pk, used_at=None).update(used_at=now, generation=REPLACED):
        raise IntegrityError("the live token was used at this very moment")
    return add(session, generation=live.generation)
