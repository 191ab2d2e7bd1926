"""Ending sessions: felt at the next request by access tokens, refreshes and introspection alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import router, transaction
from django.utils import timezone

from ..conf import access_settings
from ..events.record import changed_many
from ..events.source import Actor, Where
from ..events.tags import Action
from ..exceptions import InvalidChange
from ..roles.generations import bump, fault
from ..roles.models import Generation
from ..roles.shared import shared_facts
from . import refreshing
from .models import TokenSession
from .querysets import TokenSessionQuerySet

BATCH: Final = 1000


def end(sessions: TokenSessionQuerySet, *, reason: str, by: Actor) -> int:
    """End sessions, access tokens included, felt at the next request. Returns how many ended now."""
    if not reason.strip():
        raise InvalidChange("Say why: ending a session needs a reason.", field="reason")
    total = 0
    pending = sorted(sessions.filter(revoked_at=None).values_list("pk", flat=True))
    while pending:
        ended, issued = _end_batches(pending, reason=reason.strip()[:255], by=by)
        total += ended
        pending = issued
    return total


def _end_batches(pending: list[int], *, reason: str, by: Actor) -> tuple[int, list[int]]:
    """How many ended, and the sessions that were issued via them (token exchange): those end next."""
    total, issued = 0, list[int]()
    for start in range(0, len(pending), BATCH):
        ids = pending[start : start + BATCH]
        with transaction.atomic():
            # its lock lets enders wait for each other: each session ends once, with one event
            bump(Generation.CREDENTIALS, sessions=False)
            rows = list(TokenSession.objects.select_related("user").filter(pk__in=ids, revoked_at=None))
            tell_of(row.sid for row in rows)
            ended = TokenSession.objects.filter(pk__in=[row.pk for row in rows], revoked_at=None)
            total += ended.update(revoked_at=timezone.now(), revoked_reason=reason)
            changed_many(Action.SESSION_ENDED, ((row, {"sid": row.sid}) for row in rows), by=by, reason=reason)
        children = TokenSession.objects.filter(issued_via__in=[row.sid for row in rows], revoked_at=None)
        issued += children.values_list("pk", flat=True) if rows else ()
    return total, sorted(issued)


def tell_of(sids: Iterable[str]) -> None:
    """Let the shared cache forget these sessions, in the transaction that ends or changes them."""
    if not shared_facts.ended(sids, router.db_for_write(TokenSession)):
        fault()


@transaction.atomic
def end_oldest(user: Any, *, by: Actor, room: int = 0) -> None:
    """Keep the user within `SESSIONS_PER_USER`, with `room` for so many more. The user's row is locked: simultaneous log-ins count each
    other.
    """
    list(get_user_model()._base_manager.select_for_update(no_key=True).filter(pk=user.pk).values_list("pk"))
    most = access_settings.SESSIONS_PER_USER
    live = TokenSession.objects.filter(user=user).live().order_by("-created_at", "-pk")
    surplus = list(live.values_list("pk", flat=True)[max(most - room, 0) :])
    if surplus:
        end(TokenSession.objects.filter(pk__in=surplus), reason=f"more than {most} sessions (SESSIONS_PER_USER)", by=by)


def end_by_token(text: str, *, sid: str | None, where: Where) -> int:
    """Log out by holding a token: the session `sid` of a verified access token, or that of the refresh token in `text`.

    A used refresh token will do: a client that lost an answer must be able to log out, and a thief gains nothing.
    """
    if sid is not None:
        found = TokenSession.objects.select_related("user").filter(sid=sid).first()
    else:
        token, problem = refreshing.find(text)
        found = token.session if token is not None and problem is None else None
    if found is None:
        return 0
    by = Actor.of_user(found.user, where=where)
    return end(TokenSession.objects.filter(pk=found.pk), reason="logged out", by=by)
