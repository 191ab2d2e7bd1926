"""Sends nothing."""

from __future__ import annotations

import uuid

from .base import SendResult, SMSGateway


class DummyGateway(SMSGateway):
    """Takes every message and drops it: for a load test, or a copy of the site whose people must not get messages."""

    provider = "dummy"
    for_development = True

    def send(self, to: str, body: str, *, purpose: str) -> SendResult:
        return SendResult(uuid.uuid4().hex, self.provider, "dropped")
