"""Prints messages, for development."""

from __future__ import annotations

import sys
import threading
import uuid
from typing import Final, TextIO

from .base import SendResult, SMSGateway

_lock: Final = threading.Lock()


class ConsoleGateway(SMSGateway):
    """Writes to the terminal that the server runs in; with `stream` elsewhere."""

    provider = "console"
    for_development = True

    def __init__(self, *, stream: TextIO | None = None) -> None:
        self._stream = stream

    def send(self, to: str, body: str, *, purpose: str) -> SendResult:
        stream = self._stream or sys.stdout
        with _lock:
            stream.write(f"--- text message to {to} ({purpose})\n{body}\n---\n")
            stream.flush()
        return SendResult(uuid.uuid4().hex, self.provider, "sent")
