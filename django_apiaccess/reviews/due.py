"""What its owner should hear of: credentials that end soon, and those that nobody has used for long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models.functions import Coalesce
from django.utils import timezone

from ..conf import access_settings
from ..core.durations import humanise
from ..keys.models import APIKey, ServiceAccount
from ..roles.models import Grant

INACTIVE: Final = "inactive"
CHUNK: Final = 2000


@dataclass(frozen=True, slots=True)
class Due:
    """One credential that reached a stage. `about`: its end, or its last use. `owner_id` None: nobody answers for it."""

    kind: str
    id: str
    label: str
    stage: str
    about: datetime
    owner_id: Any


Source = Callable[["Stages"], Iterable[Due]]


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of the settings, from one moment on."""

    now: datetime
    expiring: tuple[timedelta, ...]
    inactive: timedelta | None

    @classmethod
    def current(cls) -> Stages:
        return cls(timezone.now(), access_settings.REMINDERS_EXPIRING, access_settings.REMINDERS_INACTIVE)

    @property
    def horizon(self) -> datetime | None:
        """Up to when an end is soon; None: no end is told of."""
        return self.now + self.expiring[-1] if self.expiring else None

    def stage(self, end: datetime) -> str:
        """The nearest stage before `end`: what is seen late is told of once, not once a stage that went by."""
        return humanise(next(length for length in self.expiring if end <= self.now + length))


def due() -> Iterator[Due]:
    """Everything that is due now, whether it was told of or not. Read piece by piece."""
    stages = Stages.current()
    for source in SOURCES:
        yield from source(stages)


def owners(principals: Iterable[Any]) -> dict[Any, Any]:
    """By the primary key of a service account's user, that of its owner (None: nobody). People are not in it."""
    return dict(ServiceAccount.objects.filter(user__in=list(principals)).values_list("user", "owner"))


def in_pieces(rows: Any) -> Iterator[list[Any]]:
    """A queryset in lists of `CHUNK`, without holding all of it."""
    piece: list[Any] = []
    for row in rows.iterator(chunk_size=CHUNK):
        piece.append(row)
        if len(piece) == CHUNK:
            yield piece
            piece = []
    if piece:
        yield piece


def ending_keys(stages: Stages) -> Iterator[Due]:
    """Keys that end soon."""
    if stages.horizon is None:
        return
    keys = APIKey.objects.usable(stages.now).of_active_principals().filter(expires_at__lte=stages.horizon)
    for key, owner in _owned(keys):
        yield Due("api_key", str(key.pk), key.name, stages.stage(key.expires_at), key.expires_at, owner)


def idle_keys(stages: Stages) -> Iterator[Due]:
    """Keys that were neither used nor made for long."""
    if stages.inactive is None:
        return
    keys = APIKey.objects.of_active_principals().unused_for(stages.inactive)
    for key, owner in _owned(keys.annotate(seen=Coalesce("last_used_at", "created_at"))):
        yield Due("api_key", str(key.pk), key.name, INACTIVE, key.seen, owner)


def _owned(keys: Any) -> Iterator[tuple[Any, Any]]:
    for piece in in_pieces(keys.order_by("pk")):
        by = owners({key.principal_id for key in piece})
        for key in piece:
            yield key, by.get(key.principal_id, key.principal_id)


def ending_grants(stages: Stages) -> Iterator[Due]:
    """Grants of service accounts that end soon: a program cannot notice, and stops."""
    if stages.horizon is None:
        return
    grants = Grant.objects.active(stages.now).filter(
        ends_at__lte=stages.horizon, user__service_account__isnull=False, user__is_active=True
    )
    rows = grants.select_related("role", "scope", "content_type", "user__service_account").order_by("pk")
    for piece in in_pieces(rows):
        for row in piece:
            assert row.ends_at is not None
            account = row.user.service_account
            label = f"{row.right} of {account.name} on {row.target}"
            yield Due("grant", str(row.pk), label, stages.stage(row.ends_at), row.ends_at, account.owner_id)


SOURCES: Final[list[Source]] = [ending_keys, idle_keys, ending_grants]
"""Apps beside this one add to it when they are ready."""
