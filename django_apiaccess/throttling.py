"""DRF throttle: the rate of the credential itself, with `RateLimit` headers."""

from __future__ import annotations

import math
import time
from typing import Any, Never

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from .authn.client import where_of
from .authn.rates import Taken, peek, take
from .core.access import Access
from .core.rates import parse_rate
from .core.reasons import Reason
from .edge import RateLimited
from .events.later import refused_later
from .events.tags import Action


def counted_as(access: Access) -> str:
    """The subject whose requests are counted together: the credential."""
    return f"{access.credential.kind}:{access.credential.id}"


def rate_left(access: Access | None) -> Taken | None:
    """What the throttle would answer to a request with `access`, counting nothing; None: it has no rate."""
    if not isinstance(access, Access) or not access.rate:
        return None
    return peek(counted_as(access), parse_rate(access.rate), time.time())


class AccessRateThrottle(BaseThrottle):
    """Holds a credential to the rate that was set on it. Counts are exact across workers (see `authn.rates`).

    Headers: `RateLimit-Policy` and `RateLimit` (IETF httpapi draft), `Retry-After` on 429.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        access = request.auth
        if not isinstance(access, Access) or not access.rate:
            return True
        rate = parse_rate(access.rate)
        taken = take(counted_as(access), rate, time.time())
        headers = getattr(view, "headers", None)
        if headers is not None:
            headers["RateLimit-Policy"] = f'"credential";q={rate.limit};w={rate.seconds}'
            headers["RateLimit"] = f'"credential";r={taken.remaining};t={math.ceil(taken.reset)}'
        if not taken.allowed:
            self._refuse(request, access, taken.reset)
        return True

    def _refuse(self, request: Request, access: Access, wait: float) -> Never:
        refused_later(
            Action.ACCESS_DENIED, Reason.RATE, where=where_of(request), detail=f"credential {access.credential.id}"
        )
        raise RateLimited(wait, "Too many requests with this credential.")
