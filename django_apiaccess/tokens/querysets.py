"""Questions about signing keys and token sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone


class SigningKeyQuerySet(models.QuerySet[Any]):
    """Signing keys, asked by what they are good for at a moment."""

    def verifying(self, at: datetime | None = None) -> Self:
        """Published: next, active and retiring keys."""
        return self.filter(Q(verifies_until=None) | Q(verifies_until__gt=at or timezone.now()))


class TokenSessionQuerySet(models.QuerySet[Any]):
    """Sessions, asked by their state."""

    def live(self, at: datetime | None = None) -> Self:
        """Neither ended nor past their end. They may still be idle too long."""
        return self.filter(revoked_at=None, expires_at__gt=at or timezone.now())
