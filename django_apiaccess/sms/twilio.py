"""Twilio, by its Messages API."""

from __future__ import annotations

import re
from typing import Any, Final, NoReturn

from django.views.decorators.debug import sensitive_variables

from ..core.outbound import Answer, FetchError
from .base import SendResult
from .posting import TIMEOUT, HTTPSGateway

SID: Final = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
ACCOUNT: Final = re.compile(r"AC[0-9a-f]{32}")
TAKEN: Final = frozenset({"accepted", "scheduled", "queued", "sending", "sent", "delivered", "read"})
PERMANENT: Final = frozenset({21211, 21214, 21217, 21265, 21610, 21614, 21635, 30004, 30005, 30006})
"""Errors of the number: not valid, not reachable, a short code, stopped by its owner (21610), no mobile, a landline, blocked, unknown.
All others are of the account, of the sender, or pass by. https://www.twilio.com/docs/api/errors
"""


class TwilioGateway(HTTPSGateway):
    """Sends from `from_number` (E.164, or a name where the country allows one) or through a messaging service.

    With `api_key` and `api_secret` in place of `auth_token` it can be revoked alone.
    """

    provider = "twilio"
    default_url = "https://api.twilio.com"

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str = "",
        api_key: str = "",
        api_secret: str = "",
        from_number: str = "",
        messaging_service_sid: str = "",
        base_url: str = "",
        timeout: float = TIMEOUT,
        allow_http: bool = False,
        allow_private: bool = False,
    ) -> None:
        super().__init__(base_url=base_url, timeout=timeout, allow_http=allow_http, allow_private=allow_private)
        if not ACCOUNT.fullmatch(account_sid or ""):
            raise ValueError("account_sid must be AC and 32 digits of 0-9a-f, as the Twilio console shows it")
        if bool(auth_token) == bool(api_key and api_secret):
            raise ValueError("give either auth_token, or api_key and api_secret")
        if bool(from_number) == bool(messaging_service_sid):
            raise ValueError("give either from_number or messaging_service_sid")
        self._path = f"/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._basic = (api_key, api_secret) if api_key else (account_sid, auth_token)
        self._sender = {"From": from_number} if from_number else {"MessagingServiceSid": messaging_service_sid}

    @sensitive_variables("to", "body")
    def send(self, to: str, body: str, *, purpose: str) -> SendResult:
        answer = self.ask(self._path, {"To": to, "Body": body, **self._sender}, self._basic)
        if answer.status not in {200, 201}:
            self._refuse(self._error_in(answer), answer.status)
        message = self.document(answer)
        sid, status = message.get("sid"), message.get("status")
        if isinstance(status, str) and status in {"failed", "undelivered", "canceled"}:
            self._refuse(_code_of(message.get("error_code")), status)
        if not (isinstance(sid, str) and SID.fullmatch(sid) and isinstance(status, str) and status in TAKEN):
            raise self.failure("broken_answer")
        return SendResult(sid, self.provider, status)

    def _error_in(self, answer: Answer) -> int | None:
        """Twilio's number of the error, where the answer has one: what stands in front of Twilio, and 5xx, say nothing of the message."""
        if not 400 <= answer.status < 500:
            return None
        try:
            return _code_of(answer.document().get("code"))
        except FetchError:
            return None

    def _refuse(self, code: int | None, otherwise: object) -> NoReturn:
        raise self.failure(str(code or otherwise), temporary=code not in PERMANENT)


def _code_of(found: Any) -> int | None:
    """Twilio's number of an error; None for whatever else stands there."""
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 < found < 1_000_000 else None
