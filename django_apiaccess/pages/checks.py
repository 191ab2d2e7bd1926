"""Checks of the browser side: without the middleware a password alone opens the admin, whatever the policy says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage
from django.urls import NoReverseMatch, reverse

from ..authn.checks import is_among
from ..check_ids import Check, CheckId, sound, warning
from ..conf import access_settings
from . import places

MIDDLEWARE: Final = "django_apiaccess.middleware.SecondFactorMiddleware"
AUTHENTICATION: Final = "django.contrib.auth.middleware.AuthenticationMiddleware"
OTP: Final = "django_otp.middleware.OTPMiddleware"


def check_middleware() -> Iterator[CheckMessage]:
    """The admin knows sessions, and no second factor."""
    middleware = settings.MIDDLEWARE
    if not sound("MFA") or is_among(MIDDLEWARE, middleware) or not is_among(AUTHENTICATION, middleware):
        return
    wanted = access_settings.MFA["REQUIRED_FOR"] or _is_routed("apiaccess-mfa-methods") or _is_routed(places.ADD)
    if not (wanted and apps.is_installed("django.contrib.admin")):
        return
    yield warning(
        CheckId.NO_SECOND_FACTOR_MIDDLEWARE,
        f"MIDDLEWARE lacks {MIDDLEWARE}: the admin lets people in by their password alone, also those who have a second factor.",
        f"Add {MIDDLEWARE!r} right after {AUTHENTICATION!r}.",
    )


def check_order() -> Iterator[CheckMessage]:
    """It needs the user that Django found, and what comes after it must see the one that it leaves."""
    names = [str(name) for name in settings.MIDDLEWARE]
    if MIDDLEWARE not in names:
        return
    place = names.index(MIDDLEWARE)
    if AUTHENTICATION not in names[:place]:
        yield warning(
            CheckId.MIDDLEWARE_MISPLACED,
            f"{MIDDLEWARE} does not come after {AUTHENTICATION}: there is no user yet that it could look at.",
            f"Put it right after {AUTHENTICATION!r}.",
        )
    elif OTP in names[:place]:
        yield warning(
            CheckId.MIDDLEWARE_MISPLACED,
            f"{MIDDLEWARE} comes after {OTP}: nobody, whom it puts in a pending user's place, lacks what that adds to users.",
            f"Put it right after {AUTHENTICATION!r}, before {OTP!r}.",
        )


def check_pages() -> Iterator[CheckMessage]:
    """The middleware sends people to the pages."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return
    if is_among(MIDDLEWARE, settings.MIDDLEWARE) and not _is_routed(places.VERIFY):
        yield warning(
            CheckId.PAGES_NOT_ROUTED,
            "SecondFactorMiddleware is there, and the URL conf lacks our pages: who must prove a second factor is shown the way to none.",
            'Add path("access/", include("django_apiaccess.urls")), or only path("security/", include("django_apiaccess.pages.urls")).',
        )


def _is_routed(name: str) -> bool:
    if not getattr(settings, "ROOT_URLCONF", None):
        return False
    try:
        reverse(name)
    except NoReverseMatch:
        return False
    return True


CHECKS: tuple[Check, ...] = (check_middleware, check_order, check_pages)
