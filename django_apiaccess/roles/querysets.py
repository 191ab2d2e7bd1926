"""Questions about grants."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self, TypeVar

from django.contrib.auth import get_user_model
from django.db import models, router
from django.db.models import Q
from django.utils import timezone


def object_key(obj: models.Model) -> str:
    """How a grant names the object `obj`: its primary key as text; a UUID without dashes, which every database casts back."""
    pk = obj.pk
    return str(getattr(pk, "hex", pk)) if not isinstance(pk, float | bytes) else str(pk)


def of_model(model: type[models.Model]) -> Q:
    """Grants on objects of `model`. Joined by name, so that no separate query looks the content type up."""
    meta = model._meta.concrete_model._meta if model._meta.concrete_model else model._meta
    return Q(content_type__app_label=meta.app_label, content_type__model=meta.model_name)


Row = TypeVar("Row", bound=models.Model)


class FromPrimary(models.Manager[Row]):
    """Reads where it is written, unless another database is named: a replica that lags would honour what was just taken away."""

    def get_queryset(self) -> models.QuerySet[Row]:
        found = super().get_queryset()
        if self._db is not None:
            return found
        return found.using(router.db_for_write(self.model, **self._hints))  # type: ignore[attr-defined]


class GrantQuerySet(models.QuerySet[Any]):
    """Grants, asked by what they are for."""

    def active(self, at: datetime | None = None) -> Self:
        """In force at a moment (now)."""
        at = at or timezone.now()
        return self.filter(Q(starts_at=None) | Q(starts_at__lte=at), Q(ends_at=None) | Q(ends_at__gt=at))

    def not_ended(self, at: datetime | None = None) -> Self:
        """In force now or later."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=at or timezone.now()))

    def ended_before(self, at: datetime) -> Self:
        return self.filter(ends_at__lt=at)

    def held_by(self, user: Any) -> Self:
        """Given to `user`, directly or through a group."""
        mine = Q(user=user)
        if hasattr(get_user_model(), "groups"):
            mine |= Q(group__in=user.groups.all())
        return self.filter(mine)

    def on_everything(self) -> Self:
        return self.filter(content_type=None)

    def on_object(self, obj: models.Model) -> Self:
        """On `obj` alone."""
        return self.on_model(type(obj)).filter(object_id=object_key(obj))

    def on_model(self, model: type[models.Model]) -> Self:
        """On single objects of `model`."""
        return self.filter(of_model(model))
