"""Where answers become DRF exceptions, and where a view's guard is judged. Shared by the DRF classes."""

from __future__ import annotations

import math
from typing import Any, Never

from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated, PermissionDenied, Throttled
from rest_framework.request import Request

from .authn.client import is_secure
from .authn.header import is_dpop
from .authn.metadata import metadata_url
from .authn.responses import INSECURE, NOT_AUTHENTICATED, Answer, challenges_of
from .conf import access_settings


class _Challenge:
    """DRF overwrites `auth_header` of a 401 with the first authenticator's challenge; ours is more precise and stays."""

    answer: Answer
    metadata = ""
    dpop = False

    @property
    def auth_header(self) -> str:
        return challenges_of(self.answer, self.metadata, dpop=self.dpop)

    @auth_header.setter
    def auth_header(self, value: str) -> None:
        """Ignored, see above."""


class _Answered(_Challenge):
    def _fill(self, answer: Answer) -> None:
        self.answer = answer
        self.status_code = answer.status
        self.detail: Any = answer.body()


class CredentialRefused(_Answered, AuthenticationFailed):
    """401: the credential is refused."""

    def __init__(self, answer: Answer, metadata: str = "") -> None:
        self.metadata = metadata
        self._fill(answer)


class CredentialMissing(_Answered, NotAuthenticated):
    """401: there is no credential."""

    def __init__(self, answer: Answer = NOT_AUTHENTICATED, metadata: str = "") -> None:
        self.metadata = metadata
        self._fill(answer)


class AccessRefused(_Answered, PermissionDenied):
    """403: the caller is known and may not."""

    def __init__(self, answer: Answer) -> None:
        self._fill(answer)


class RequestRefused(_Answered, APIException):
    """400: the request is not of a form that can be judged."""

    def __init__(self, answer: Answer) -> None:
        self._fill(answer)


def raise_answer(answer: Answer, request: Any = None) -> Never:
    """Raise the DRF exception that gives `answer`, in a challenge of the scheme that `request` used; a 401 says where the API describes
    itself.
    """
    error: Any
    if answer.status == 401:
        metadata = "" if request is None else metadata_url(request)
        error = (
            CredentialMissing(answer, metadata) if answer is NOT_AUTHENTICATED else CredentialRefused(answer, metadata)
        )
    else:
        error = AccessRefused(answer) if answer.status == 403 else RequestRefused(answer)
    error.dpop = request is not None and is_dpop(request._request.META)
    raise error


def refuse_insecure(request: Request) -> None:
    """Refuse a request with a secret in it that came over plain HTTP, before looking at it (`REQUIRE_TLS`)."""
    if access_settings.REQUIRE_TLS and not is_secure(request._request):
        raise_answer(INSECURE)


class RateLimited(Throttled):
    """429 with the body of every other refusal. `wait` is in seconds."""

    def __init__(self, wait: float, what: str, code: str = "rate_limited") -> None:
        super().__init__(wait)
        self.wait = max(1, math.ceil(wait))
        self.detail: Any = {"detail": f"{what} Try again in {self.wait} seconds.", "code": code}
