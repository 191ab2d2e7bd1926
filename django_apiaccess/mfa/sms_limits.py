"""How often text messages go out: by person, by number, by network, and in all (a limit on spending).

Counted before a message is sent, in the same rows (or shared cache) as other rates: exact for any number of workers. A refusal by the
limit of the person or network touches nothing of the number: nobody keeps another's number busy with requests that are refused anyway.
(ASVS 6.6.3; OWASP API4:2023)
"""

from __future__ import annotations

import math
from typing import Final, Literal, Self

from django.db import IntegrityError, models, router, transaction

from ..authn.failures import network_of
from ..authn.models import RateCounter
from ..authn.rates import take
from ..conf import access_settings
from ..core import digests
from ..core.rates import Rate, parse_rate
from ..sms.config import option

DAY: Final = 86_400
TRIES: Final = 10
Limit = Literal["", "cooldown", "user", "network", "number", "daily_cap"]


class Wait(float):
    """Seconds until another try may pass; 0.0: send. `limit` names what refused, for the event; `daily_cap` concerns an administrator."""

    limit: Limit

    def __new__(cls, seconds: float, limit: Limit) -> Self:
        made = super().__new__(cls, seconds)
        made.limit = limit
        return made


def allow(user_pk: object, number: str, address: str | None, now: float) -> Wait:
    """Count one message of the user to `number` (E.164), asked for from `address`. Falsy when it may go out.

    `now` is in seconds (`time.time()`). Rates have fixed windows; the cooldown runs from message to message.
    """
    whose = digests.make(f"sms number {number}", access_settings.PEPPERS)
    rest = option("SMS_COOLDOWN").total_seconds()
    cooling = _ends(whose) - now if rest else 0.0
    if cooling > 0:  # a second click costs nothing
        return Wait(cooling, "cooldown")
    if wait := _take("user", str(user_pk), parse_rate(option("SMS_PER_USER")), now):
        return wait
    if wait := _take("network", network_of(address), parse_rate(option("SMS_PER_NETWORK")), now):
        return wait
    if rest and (wait := _cool_down(whose, now, rest)):
        return wait
    if wait := _take("number", whose, parse_rate(option("SMS_PER_NUMBER")), now):
        return wait
    return _take("daily_cap", "all", Rate(option("SMS_DAILY_CAP"), DAY), now)


def _take(limit: Limit, subject: str, rate: Rate, now: float) -> Wait:
    taken = take(f"sms:{limit}:{subject}", rate, now)
    return Wait(0.0, "") if taken.allowed else Wait(max(taken.reset, 1.0), limit)


def _subject(whose: str) -> str:
    return f"sms:cooldown:{whose}|1"


def _rows() -> models.QuerySet[RateCounter]:
    return RateCounter.objects.using(router.db_for_write(RateCounter))


def _ends(whose: str) -> int:
    """When (in seconds) the number's cooldown ends."""
    return _rows().filter(subject=_subject(whose)).values_list("window", flat=True).first() or 0


def _cool_down(whose: str, now: float, rest: float) -> Wait:
    """Begin the number's cooldown, or say how long it lasts. The row's window, one second long, is the one in which it ends.

    A rate would not do: its windows are fixed, and the last second of one and the first of the next are two messages.
    """
    until = math.ceil(now + rest)
    rows = _rows().filter(subject=_subject(whose))
    for _try in range(TRIES):
        if rows.filter(window__lte=now).update(window=until, count=1):
            return Wait(0.0, "")
        ends = _ends(whose)
        if ends > now:
            return Wait(ends - now, "cooldown")
        try:
            with transaction.atomic(using=rows.db):
                rows.create(subject=_subject(whose), window=until, count=1)
        except IntegrityError:  # another request was first
            continue
        return Wait(0.0, "")
    return Wait(1.0, "cooldown")
