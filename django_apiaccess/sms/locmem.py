"""Keeps messages in this process, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .base import SendResult, SMSGateway


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was "sent". Its repr tells nothing of it: tests' output ends up in logs."""

    to: str = field(repr=False)
    body: str = field(repr=False)
    purpose: str


outbox: Final[list[Message]] = []
"""Every message since it was cleared, the oldest first. `outbox.clear()` before a test."""


class LocMemGateway(SMSGateway):
    """Appends to `django_apiaccess.sms.locmem.outbox`."""

    provider = "locmem"
    for_development = True

    def send(self, to: str, body: str, *, purpose: str) -> SendResult:
        outbox.append(Message(to, body, purpose))
        return SendResult(str(len(outbox)), self.provider, "sent")
