"""The one way in which gateways over HTTPS ask their provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.views.decorators.debug import sensitive_variables

from ..core.outbound import Answer, FetchError, post
from .base import SMSError, SMSGateway

TIMEOUT: Final = 10.0
"""Seconds for one gateway as a whole."""


class HTTPSGateway(SMSGateway):
    """A gateway that is asked by one POST of a form. `base_url`, `allow_http` and `allow_private` are for tests and own proxies."""

    default_url: str

    def __init__(
        self, *, base_url: str = "", timeout: float = TIMEOUT, allow_http: bool = False, allow_private: bool = False
    ) -> None:
        self._base_url = (base_url or self.default_url).rstrip("/")
        if not self._base_url.startswith(("https://", "http://") if allow_http else "https://"):
            raise ValueError("base_url must begin with https://")
        if not 0 < timeout <= 60:
            raise ValueError("timeout must be a number of seconds, above 0 and up to 60")
        self._timeout = timeout
        self._allow_http = allow_http
        self._allow_private = allow_private

    @property
    def weaknesses(self) -> tuple[str, ...]:
        given = {"allow_http": self._allow_http, "allow_private": self._allow_private}
        return tuple(name for name, value in given.items() if value)

    @sensitive_variables("form", "basic")
    def ask(self, path: str, form: Mapping[str, str], basic: tuple[str, str] | None = None) -> Answer:
        """What the provider answered. Raises `SMSError`: the next gateway may be asked, though this one may have sent the message."""
        failed: SMSError
        try:
            return post(
                self._base_url + path,
                form=form,
                basic=basic,
                timeout=self._timeout,
                allow_http=self._allow_http,
                allow_private=self._allow_private,
            )
        except (
            FetchError
        ) as error:  # its text may repeat what the provider wrote, so what is raised knows nothing of it
            code = "timeout" if error.slow else "broken_answer" if error.sent else "unreachable"
            failed = self.failure(code)
        raise failed

    def document(self, answer: Answer) -> dict[str, Any]:
        """The answer as a JSON object. Raises `SMSError`."""
        try:
            return answer.document()
        except FetchError:
            pass
        raise self.failure("broken_answer")

    def failure(self, code: str, *, temporary: bool = True) -> SMSError:
        what = PERMANENT if not temporary else WHAT.get(code, "refused the message")
        return SMSError(
            f"The SMS gateway {self.provider} {what} ({code}).", temporary=temporary, provider=self.provider, code=code
        )


PERMANENT: Final = "sends nothing to this number"
WHAT: Final = {
    "timeout": "did not answer in time",
    "broken_answer": "gave an answer that cannot be understood",
    "unreachable": "cannot be reached",
}
