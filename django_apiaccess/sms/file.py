"""Writes messages to files, for development with several processes."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

from .base import SendResult, SMSError, SMSGateway


class FileGateway(SMSGateway):
    """One file a message in the folder `path`, readable by its owner only; names sort by time."""

    provider = "file"
    for_development = True

    def __init__(self, *, path: str | os.PathLike[str]) -> None:
        self._folder = Path(path)

    def send(self, to: str, body: str, *, purpose: str) -> SendResult:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}"
        written = False
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._folder / f"{name}.txt", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"To: {to}\nPurpose: {purpose}\n\n{body}\n")
            written = True
        except OSError:
            pass
        if not written:
            raise SMSError(f"No file can be written in {self._folder}.", temporary=True, provider=self.provider)
        return SendResult(name, self.provider, "sent")
