"""Where answers become DRF exceptions, and where a view's guard is judged. Shared by the DRF classes."""

from __future__ import annotations

from typing import Any, Never

from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated, PermissionDenied

from .authn.responses import NOT_AUTHENTICATED, Answer


class _Challenge:
    """DRF overwrites `auth_header` of a 401 with the first authenticator's challenge; ours is more precise and stays."""

    answer: Answer

    @property
    def auth_header(self) -> str:
        return self.answer.challenge

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

    def __init__(self, answer: Answer) -> None:
        self._fill(answer)


class CredentialMissing(_Answered, NotAuthenticated):
    """401: there is no credential."""

    def __init__(self, answer: Answer = NOT_AUTHENTICATED) -> None:
        self._fill(answer)


class AccessRefused(_Answered, PermissionDenied):
    """403: the caller is known and may not."""

    def __init__(self, answer: Answer) -> None:
        self._fill(answer)


class RequestRefused(_Answered, APIException):
    """400: the request is not of a form that can be judged."""

    def __init__(self, answer: Answer) -> None:
        self._fill(answer)


def raise_answer(answer: Answer) -> Never:
    """Raise the DRF exception that gives `answer`."""
    if answer.status == 401:
        raise CredentialMissing(answer) if answer is NOT_AUTHENTICATED else CredentialRefused(answer)
    raise AccessRefused(answer) if answer.status == 403 else RequestRefused(answer)
