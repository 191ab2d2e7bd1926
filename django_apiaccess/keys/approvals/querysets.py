"""Questions about requests for keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone


class KeyRequestQuerySet(models.QuerySet[Any]):
    """Requests, asked by their state."""

    def waiting(self) -> Self:
        """Nobody has decided, and it is not too late."""
        return self.filter(status="pending", decide_by__gt=timezone.now())

    def claimable(self) -> Self:
        """Approved, and it is not too late."""
        return self.filter(status="approved", claim_by__gt=timezone.now())

    def in_state(self, state: str) -> Self:
        """Those that `KeyRequest.state` says that of."""
        if state == "pending":
            return self.waiting()
        if state == "approved":
            return self.claimable()
        if state == "expired":
            now = timezone.now()
            return self.filter(Q(status="pending", decide_by__lte=now) | Q(status="approved", claim_by__lte=now))
        return self.filter(status=state)

    def ended_before(self, at: datetime) -> Self:
        """Those that are of no more use since then."""
        return self.filter(
            Q(status="pending", decide_by__lt=at)
            | Q(status="approved", claim_by__lt=at)
            | Q(status__in=["refused", "withdrawn"], decided_at__lt=at)
            | Q(status="claimed", claimed_at__lt=at)
        )
