"""Vonage (formerly Nexmo), by its SMS API: it answers 200 whatever happened, and says in each part of the message how it went."""

from __future__ import annotations

import re
from typing import Any, Final

from django.views.decorators.debug import sensitive_variables

from .base import SendResult
from .posting import TIMEOUT, HTTPSGateway

ID: Final = re.compile(r"[0-9A-Za-z-]{8,64}")
STATUS: Final = re.compile(r"[0-9]{1,3}")
PERMANENT: Final = frozenset({"6", "7", "33"})
"""6 no route to the number, 7 it is barred, 33 it is not in use any more. Others (1 throttled, 4 credentials, 5 their error, 9 no credit,
29 a trial account's list) are no fault of the number. https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
"""
GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
    "\f^{}\\[~]|€"
)
"""The letters of a text message that is not sent as Unicode (3GPP TS 23.038)."""


class VonageGateway(HTTPSGateway):
    """Sends from `sender`: a number, or up to 11 letters where the country allows a name."""

    provider = "vonage"
    default_url = "https://rest.nexmo.com"

    def __init__(
        self,
        *,
        api_key: str,
        api_secret: str,
        sender: str,
        base_url: str = "",
        timeout: float = TIMEOUT,
        allow_http: bool = False,
        allow_private: bool = False,
    ) -> None:
        super().__init__(base_url=base_url, timeout=timeout, allow_http=allow_http, allow_private=allow_private)
        if not (api_key and api_secret and sender):
            raise ValueError("api_key, api_secret and sender must not be empty")
        self._form = {"api_key": api_key, "api_secret": api_secret, "from": sender}

    @sensitive_variables("to", "body", "form")
    def send(self, to: str, body: str, *, purpose: str) -> SendResult:
        form = {**self._form, "to": to.removeprefix("+"), "text": body}
        if not set(body) <= GSM:
            form["type"] = "unicode"
        answer = self.ask("/sms/json", form)
        if answer.status != 200:
            raise self.failure(str(answer.status))
        parts = self.document(answer).get("messages")
        if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
            raise self.failure("broken_answer")
        for part in parts:
            self._judge(part)
        return SendResult(parts[0]["message-id"], self.provider, "sent")

    def _judge(self, part: dict[str, Any]) -> None:
        status, name = part.get("status"), part.get("message-id")
        if not isinstance(status, str) or not STATUS.fullmatch(status):
            raise self.failure("broken_answer")
        if status != "0":
            raise self.failure(status, temporary=status not in PERMANENT)
        if not isinstance(name, str) or not ID.fullmatch(name):
            raise self.failure("broken_answer")
