"""Requests that end because what they were made on changed."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.utils import timezone

from ...events.record import changed
from ...events.source import Actor
from ...events.tags import Action
from . import telling
from .models import KeyRequest


def end_requests(user_id: Any, *, reason: str, by: Actor) -> None:
    """Refuse what was asked by or for this user and was not claimed, approved or not, and tell the requesters. In a transaction."""
    open_ones = KeyRequest.objects.filter(status__in=["pending", "approved"])
    mine = open_ones.filter(Q(requester=user_id) | Q(principal=user_id)).select_related("requester", "principal")
    for request in mine.order_by("pk"):
        facts: dict[str, Any] = {"decided_by": None, "decided_at": timezone.now(), "claim_by": None, "reason": reason}
        if open_ones.filter(pk=request.pk).update(status=KeyRequest.Status.REFUSED, **facts):
            request.refresh_from_db()
            changed(Action.KEY_REQUEST_REFUSED, request, by=by, reason=reason)
            telling.decided(request)
