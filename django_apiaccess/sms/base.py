"""What a gateway for text messages is, what it answers, and how it fails."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from ..exceptions import APIAccessError


@dataclass(frozen=True, slots=True)
class SendResult:
    """A message that the provider took. `id` is the provider's name for it, `status` the provider's word (queued, sent, ...)."""

    id: str
    provider: str
    status: str


class SMSError(APIAccessError):
    """A message that was not sent, or of which nobody can say that it was.

    `temporary`: it is not for this number that it failed, so a later try, or another gateway, may succeed. Not temporary: no gateway should
    try this number (it does not exist, is no mobile, or its owner said stop). `provider` and `code` are for the log and the event. Nothing
    of the message, of the full number, or of what the provider wrote is in here: providers repeat both.
    """

    def __init__(self, message: str, *, temporary: bool, provider: str = "", code: str = "") -> None:
        super().__init__(message)
        self.temporary = temporary
        self.provider = provider
        self.code = code


class SMSGateway(ABC):
    """Base of every gateway. A subclass takes its OPTIONS as keyword arguments, and refuses what it does not know.

    One instance serves all threads. Make no connection in `__init__`: system checks build gateways too.
    """

    provider: ClassVar[str] = "sms"
    """Short name, for results, errors and events."""
    for_development: ClassVar[bool] = False
    """Whether messages reach nobody: a system check refuses it when DEBUG is off."""
    requires: ClassVar[tuple[str, str] | None] = None
    """A package that must be there, and the extra that brings it: `("boto3", "sns")`."""

    @abstractmethod
    def send(self, to: str, body: str, *, purpose: str) -> SendResult:
        """Send `body` to the number `to` (E.164, as `+31612345678`). Raises `SMSError`.

        `purpose` is one word that says what for, as `login` or `enroll`; it is no part of the message. Call it after commit and outside of
        locks: it may take seconds. Neither `to` nor `body` may come into a log or an error.
        """

    @property
    def weaknesses(self) -> tuple[str, ...]:
        """The options that take a protection away, as `allow_http`; a system check reports them."""
        return ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
