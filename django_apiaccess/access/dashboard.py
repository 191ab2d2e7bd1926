"""What a security lead wants to know on Monday: questions over the features, each a few statements however many keys there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from ..authn.failures import network_of
from ..events import delivery
from ..events.models import Checkpoint, Event, SealedTo
from ..keys.models import APIKey, APIKeySecret

DAYS: Final = 14
NETWORKS: Final = 5
"""Networks that a chart of failures names; the rest is one heading."""
ADDRESSES: Final = 500
"""Addresses with the most failures that are looked at to find those networks: an attack from a million costs no more."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Refused and failed attempts, by day and network. `networks`: the worst first, each with a count a day; "" are the others."""

    days: tuple[date, ...]
    networks: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Sealed:
    """How far the audit log is sealed, since when nothing was signed, and what waits: events, and those that each sink lacks."""

    to: int
    at: datetime | None
    waiting: int
    oldest_waiting: datetime | None
    sinks: dict[str, int]


def keys_by_age(now: datetime) -> dict[str, int]:
    """Usable keys by the age of their current secret: "month", "quarter", "year", "older"."""
    month, quarter, year = (now - timedelta(days=days) for days in (30, 90, 365))
    current = APIKeySecret.objects.current().filter(key__in=APIKey.objects.usable(now))
    counts: dict[str, int] = current.aggregate(
        month=Count("pk", filter=Q(created_at__gt=month)),
        quarter=Count("pk", filter=Q(created_at__lte=month, created_at__gt=quarter)),
        year=Count("pk", filter=Q(created_at__lte=quarter, created_at__gt=year)),
        older=Count("pk", filter=Q(created_at__lte=year)),
    )
    return counts


def keys_by_use(now: datetime) -> dict[str, int]:
    """Usable keys by their last use: "day", "week", "month", "quarter", "older", "never"."""
    day, week, month, quarter = (now - timedelta(days=days) for days in (1, 7, 30, 90))
    counts: dict[str, int] = APIKey.objects.usable(now).aggregate(
        day=Count("pk", filter=Q(last_used_at__gt=day)),
        week=Count("pk", filter=Q(last_used_at__lte=day, last_used_at__gt=week)),
        month=Count("pk", filter=Q(last_used_at__lte=week, last_used_at__gt=month)),
        quarter=Count("pk", filter=Q(last_used_at__lte=month, last_used_at__gt=quarter)),
        older=Count("pk", filter=Q(last_used_at__lte=quarter)),
        never=Count("pk", filter=Q(last_used_at=None)),
    )
    return counts


def expiring(within: timedelta) -> Any:
    """Usable keys that end within that time, the next first."""
    return APIKey.objects.expiring_within(within).select_related("principal").order_by("expires_at", "pk")


def failures(now: datetime, days: int = DAYS) -> Failures:
    """Attempts that were refused or failed on the last `days` days, in the current time zone."""
    today = timezone.localtime(now).date()
    shown = tuple(today - timedelta(days=back) for back in reversed(range(days)))
    begin = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    bad = Event.objects.filter(at__gte=begin).exclude(outcome=Event.Outcome.SUCCESS).order_by()
    by_day = dict(bad.annotate(day=TruncDate("at")).values_list("day").annotate(Sum("count")))

    by_address = bad.exclude(address=None).values_list("address").annotate(total=Sum("count")).order_by("-total")
    addresses: dict[str, str] = {}
    totals: Counter[str] = Counter()
    for address, count in by_address[:ADDRESSES]:
        addresses[address] = network_of(address)
        totals[network_of(address)] += count
    worst = [network for network, _count in totals.most_common(NETWORKS)]

    table = {network: Counter[date]() for network in worst}
    of_worst = [address for address, network in addresses.items() if network in table]
    found = bad.filter(address__in=of_worst).annotate(day=TruncDate("at")).values_list("address", "day")
    for address, day, count in found.annotate(Sum("count")):
        table[addresses[address]][day] += count
    networks = [(network, tuple(table[network][day] for day in shown)) for network in worst]
    others = tuple(by_day.get(day, 0) - sum(table[network][day] for network in worst) for day in shown)
    if any(others):
        networks.append(("", others))
    return Failures(shown, tuple(networks))


def sealed() -> Sealed:
    """How the audit log stands. Whether it is whole, `verify_events` says."""
    end = SealedTo.objects.filter(pk=1).first()
    last = Checkpoint.objects.filter(kind=Checkpoint.Kind.SEAL).order_by("-seq").first()
    unsealed = Event.objects.filter(seq=None)
    oldest = unsealed.order_by("pk").values_list("at", flat=True).first()
    return Sealed(end.seq if end else 0, last.at if last else None, unsealed.count(), oldest, delivery.waiting())
