"""Questions about clients and what they were given."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone


class ClientSecretQuerySet(models.QuerySet[Any]):
    """Secrets, asked by whether they still open."""

    def usable(self, at: datetime | None = None) -> Self:
        """The current one, and replaced ones within their grace."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=at or timezone.now()))


class ConsentQuerySet(models.QuerySet[Any]):
    """Consents, asked by their state."""

    def live(self) -> Self:
        """Not revoked."""
        return self.filter(revoked_at=None)
