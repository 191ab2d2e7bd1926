"""The many services of apprise (extra `sms`), by one URL."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from django.views.decorators.debug import sensitive_variables

from .base import SendResult, SMSError, SMSGateway
from .silence import silence

PLACES: Final = ("{to}", "{digits}")


class AppriseGateway(SMSGateway):
    """`url` as apprise's documentation writes it, with `{to}` (`+31612345678`) or `{digits}` (`31612345678`) where the number goes.

    apprise says only whether it worked, so every failure counts as temporary: it cannot be told whether the number is the cause. Its logs
    are emptied while it sends.
    """

    provider = "apprise"
    requires = ("apprise", "sms")

    def __init__(self, *, url: str, timeout: float = 5.0) -> None:
        if not any(place in url for place in PLACES):
            raise ValueError("url must hold {to} or {digits}, where the number goes")
        if "://" not in url:
            raise ValueError("url must be one of apprise's, as twilio://{account}:{token}@{from}/{to}")
        self._url = url
        self._timeout = timeout

    @property
    def weaknesses(self) -> tuple[str, ...]:
        scheme, _, rest = self._url.partition("://")
        return ("url",) if scheme in {"json", "xml", "form"} or "verify=no" in rest.lower() else ()

    @sensitive_variables("to", "body", "url", "service")
    def send(self, to: str, body: str, *, purpose: str) -> SendResult:
        url = self._url.replace("{to}", quote(to, safe="")).replace("{digits}", to.removeprefix("+"))
        with silence():
            what = self._notify(url, body)
        if what:
            raise SMSError(
                f"The SMS gateway apprise did not take the message ({what}).",
                temporary=True,
                provider=self.provider,
                code=what,
            )
        return SendResult("", self.provider, "sent")

    @sensitive_variables("url", "body", "service", "asset")
    def _notify(self, url: str, body: str) -> str:
        """What went wrong in one word, or nothing. No error leaves it: their texts repeat the message."""
        import apprise

        try:
            asset = apprise.AppriseAsset(
                storage_mode="memory", async_mode=False, body_format=apprise.NotifyFormat.TEXT, http_redirects=False
            )
            service = apprise.Apprise.instantiate(url, asset=asset)
            if service is None:
                return "bad_url"
            service.socket_connect_timeout = service.socket_read_timeout = self._timeout
            return "" if service.notify(body=body) else "failed"
        except Exception as error:  # noqa: BLE001 - a hundred plugins, each with errors of its own
            return type(error).__name__
