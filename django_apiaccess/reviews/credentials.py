"""What the report says of API keys: one statement for the keys of a batch of principals, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..keys.models import APIKey, APIKeySecret

CHUNK = 2000


def rows(ids: Sequence[Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The keys of these principals in the order of their primary keys, each with whose it is. Never a secret, never a digest."""
    now = timezone.now()
    secrets = APIKeySecret.objects.filter(key=OuterRef("pk")).order_by()
    current = secrets.current().values("created_at")[:1]
    live = secrets.live(now).values("key").annotate(number=Count("pk")).values("number")
    maker = f"created_by__{get_user_model().USERNAME_FIELD}"
    keys = APIKey.objects.filter(principal__in=ids).annotate(
        secret_created_at=Subquery(current), live_secrets=Coalesce(Subquery(live), 0), maker=F(maker)
    )
    for key in keys.order_by("principal_id", "pk").iterator(chunk_size=CHUNK):
        yield (
            key.principal_id,
            {
                "credential": "api_key",
                "credential_id": str(key.pk),
                "name": key.name,
                "state": str(key.status.value),
                "created_at": key.created_at,
                "created_by": key.maker,
                "issued_via": key.issued_via_id,
                "secret_created_at": key.secret_created_at,
                "secret_age_days": age(key.secret_created_at, now),
                "live_secrets": key.live_secrets,
                "expires_at": key.expires_at,
                "last_used_at": key.last_used_at,
                "last_used_from": key.last_used_from,
                "use_count": key.use_count,
                "scopes": sorted(key.scopes),
                "networks": key.networks.split(),
                "origins": key.origins.split(),
                "rate": key.rate or None,
                "bound": bool(key.dpop_jkt),
            },
        )


def age(made: datetime | None, now: datetime) -> int | None:
    """Whole days."""
    return None if made is None else (now - made).days
