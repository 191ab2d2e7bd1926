"""Several gateways, one after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Final

from django.views.decorators.debug import sensitive_variables

from .base import SendResult, SMSError, SMSGateway
from .numbers import mask

TOTAL: Final = 20.0
logger: Final = logging.getLogger("django_apiaccess")


class FailoverGateway(SMSGateway):
    """Asks the next gateway when one fails for a reason of its own. One that refuses the number ends it: the others would pay for the same.

    A gateway that was too slow may have sent the message all the same, so a person may get the same code twice. After `total` seconds no
    further gateway is asked: somebody waits for the answer.
    """

    provider = "failover"

    def __init__(self, *, gateways: Sequence[SMSGateway], total: float = TOTAL) -> None:
        if not gateways:
            raise ValueError("no gateway is in the list")
        self.gateways = tuple(gateways)
        self._total = total

    @sensitive_variables("to", "body")
    def send(self, to: str, body: str, *, purpose: str) -> SendResult:
        started = time.monotonic()
        codes = []
        for gateway in self.gateways:
            try:
                return gateway.send(to, body, purpose=purpose)
            except SMSError as error:
                if not error.temporary:
                    raise
                what = error.code or "failed"
            except Exception as error:  # noqa: BLE001 - a project's own gateway may raise anything, and the next one may still work
                what = type(error).__name__  # its text may hold the message
            logger.warning("The SMS gateway %s failed for %s: %s", gateway.provider, mask(to), what)
            codes.append(f"{gateway.provider}: {what}")
            if time.monotonic() - started > self._total:
                break
        raise SMSError(
            f"No SMS gateway took the message ({'; '.join(codes)}).",
            temporary=True,
            provider=self.provider,
            code="all_failed",
        )
