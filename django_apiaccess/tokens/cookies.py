"""The refresh token in a cookie that scripts cannot read, for browsers (ASVS 3.3): opt-in by request, guarded by CSRF."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from django.middleware.csrf import get_token, rotate_token
from rest_framework.authentication import CSRFCheck

NAME: Final = "__Host-apiaccess_refresh"
"""`__Host-`: the browser takes it only with Secure, Path=/ and no Domain, so no sibling host can plant or read it."""


def put(response: Any, text: str, max_age: int) -> None:
    """Set the cookie on an answer."""
    response.set_cookie(NAME, text, max_age=max_age, path="/", secure=True, httponly=True, samesite="Strict")


def clear(response: Any) -> None:
    """Take the cookie away."""
    response.set_cookie(NAME, "", max_age=0, path="/", secure=True, httponly=True, samesite="Strict")


def taken_from(request: HttpRequest) -> str | None:
    """The refresh token of the cookie, if any."""
    return request.COOKIES.get(NAME) or None


def csrf_problem(request: HttpRequest) -> bool:
    """Whether a request that leans on the cookie lacks its CSRF proof."""
    check = CSRFCheck(lambda _request: None)  # type: ignore[arg-type]
    check.process_request(request)
    return bool(check.process_view(request, None, (), {}))  # type: ignore[arg-type]


def csrf_token(request: HttpRequest) -> str:
    """A CSRF token for the answer; Django's CsrfViewMiddleware sets its cookie along."""
    return get_token(request)


def new_csrf_token(request: HttpRequest) -> None:
    """Forget the CSRF token from before the log-in, as Django's own log-in does: somebody else may know it."""
    rotate_token(request)
