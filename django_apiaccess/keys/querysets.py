"""Questions about API keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone


class APIKeyQuerySet(models.QuerySet[Any]):
    """Keys, asked by their state."""

    def usable(self, at: datetime | None = None) -> Self:
        """Neither revoked nor expired. Their principal may still be inactive."""
        return self.filter(Q(revoked_at=None), Q(expires_at=None) | Q(expires_at__gt=at or timezone.now()))

    def of_active_principals(self) -> Self:
        return self.filter(principal__is_active=True)

    def expiring_within(self, length: timedelta) -> Self:
        """Usable now, expired that much later."""
        return self.usable().filter(expires_at__lte=timezone.now() + length)

    def unused_for(self, length: timedelta) -> Self:
        """Usable, and neither used nor made within that time."""
        return (
            self.usable().alias(_seen=Coalesce("last_used_at", "created_at")).filter(_seen__lt=timezone.now() - length)
        )

    def older_than(self, length: timedelta) -> Self:
        """Usable keys whose current secret was made longer ago than that."""
        from .models import APIKeySecret

        old = APIKeySecret.objects.filter(key=OuterRef("pk"), retired_at=None, created_at__lt=timezone.now() - length)
        return self.usable().filter(Exists(old))

    def leaked(self) -> Self:
        """Keys with a secret that somebody reported as leaked and that has not ended."""
        return self.telling_leaks().filter(is_leaked=True)

    def telling_leaks(self) -> Self:
        """Each with `is_leaked`: whether a secret of it leaked and has not ended."""
        from .models import APIKeySecret

        open_leaks = APIKeySecret.objects.live().filter(key=OuterRef("pk"), leaked_at__isnull=False)
        return self.annotate(is_leaked=Exists(open_leaks))

    def legacy(self) -> Self:
        """Imported keys that still work with the text that another package made."""
        from .models import APIKeySecret

        return self.filter(Exists(APIKeySecret.objects.live().filter(key=OuterRef("pk"), public_id__contains=":")))


class APIKeySecretQuerySet(models.QuerySet[Any]):
    """Secrets of keys, asked by their state."""

    def current(self) -> Self:
        """The newest secret of each key: not retired by a rotation."""
        return self.filter(retired_at=None)

    def live(self, at: datetime | None = None) -> Self:
        """Those that still open something, as far as the secret itself goes."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=at or timezone.now()))
