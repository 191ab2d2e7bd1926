"""What the endpoints for leaks share: their throttle, their body, and work that waits for the end of the request."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from django.core.signals import request_finished
from django.db import Error
from rest_framework.request import Request

from ..authn.client import client_address, where_of
from ..authn.failures import network_of
from ..authn.rates import take
from ..core.rates import parse_rate
from ..core.reasons import Reason
from ..edge import RateLimited
from ..events.later import refused_later
from ..events.tags import Action

logger: Final = logging.getLogger("django_apiaccess")
_waiting: Final = threading.local()


def raw_body(request: Request, limit: int) -> bytes | None:
    """The very bytes of the body; None where there are more than `limit`."""
    body: bytes = request._request.read(limit + 1)
    return body if len(body) <= limit else None


def refuse_flood(request: Request, purpose: str, rate: str) -> None:
    """Raise 429 when more came from this network than `rate` allows."""
    network = network_of(client_address(request._request.META))
    taken = take(f"leaks:{purpose}:{network}", parse_rate(rate), time.time())
    if not taken.allowed:
        refused_later(Action.LEAK_REPORT_REFUSED, Reason.RATE, where=where_of(request), detail=purpose)
        raise RateLimited(taken.reset, "Too many reports from this network.")


def after_answer(call: Callable[[], None]) -> None:
    """Do it when the answer is on its way, so that how long it takes tells the caller nothing."""
    _waiting.__dict__.setdefault("calls", []).append(call)


def do_waiting(**_kwargs: object) -> None:
    """Do what waited for the end of the request. Connected to it."""
    for call in _waiting.__dict__.pop("calls", []):
        try:
            call()
        except Error:
            logger.exception("A report of a leak could not be followed")


request_finished.connect(do_waiting, dispatch_uid="django_apiaccess.leaks")
