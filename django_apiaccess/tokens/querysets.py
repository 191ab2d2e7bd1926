"""Questions about signing keys and token sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from ..conf import access_settings


class SigningKeyQuerySet(models.QuerySet[Any]):
    """Signing keys, asked by what they are good for at a moment."""

    def verifying(self, at: datetime | None = None) -> Self:
        """Published: next, active and retiring keys."""
        return self.filter(Q(verifies_until=None) | Q(verifies_until__gt=at or timezone.now()))


class TokenSessionQuerySet(models.QuerySet[Any]):
    """Sessions, asked by their state."""

    def live(self, at: datetime | None = None) -> Self:
        """Neither ended, nor past their end, nor left unused for too long: there is a refresh token that works."""
        at = at or timezone.now()
        return self.filter(
            revoked_at=None,
            expires_at__gt=at,
            refresh_tokens__used_at=None,
            refresh_tokens__created_at__gt=at - access_settings.REFRESH_TOKEN_LIFETIME,
        )
