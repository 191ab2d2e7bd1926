"""Checks of the settings as a whole, and of what the project must have installed for requests to be judged."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

from ..check_ids import Check, CheckId, error, sound, warning
from ..conf import SETTINGS, access_settings, given

AUTHENTICATION: Final = "django_apiaccess.authentication.AccessAuthentication"
THROTTLE: Final = "django_apiaccess.throttling.AccessRateThrottle"
BY_ADDRESS: Final = (
    "rest_framework.throttling.AnonRateThrottle",
    "rest_framework.throttling.UserRateThrottle",
    "rest_framework.throttling.ScopedRateThrottle",
)
YEAR: Final = 31_536_000
SESSION_MIDDLEWARE: Final = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
)


def is_among(path: str, given_paths: Iterable[Any]) -> bool:
    """Whether the class at `path`, or one that builds on it, is in the list of classes or dotted paths."""
    wanted = import_string(path)
    return any(isinstance(found, type) and issubclass(found, wanted) for found in map(_loaded, given_paths))


def _loaded(given_path: Any) -> Any:
    try:
        return import_string(given_path) if isinstance(given_path, str) else given_path
    except ImportError:  # reported by those who use it
        return None


def drf(name: str) -> list[Any]:
    """A list of classes in the project's REST_FRAMEWORK, as DRF reads it."""
    from rest_framework.settings import api_settings

    return list(getattr(api_settings, name))


# -- API_ACCESS


def check_is_dict() -> Iterator[CheckMessage]:
    value = getattr(settings, "API_ACCESS", {})
    if not isinstance(value, Mapping):
        yield error(
            CheckId.NOT_A_DICT,
            f"API_ACCESS must be a dict, not {type(value).__name__}: all of its defaults are used.",
            "Write API_ACCESS = {} and add the entries that you want to change.",
        )


def check_names() -> Iterator[CheckMessage]:
    for name in given():
        if name not in SETTINGS:
            near = difflib.get_close_matches(str(name).upper(), SETTINGS, n=1, cutoff=0.5)
            known = f"Did you mean {near[0]!r}?" if near else f"The entries are: {', '.join(sorted(SETTINGS))}."
            yield error(CheckId.UNKNOWN_SETTING, f"API_ACCESS has no entry {name!r}.", known)


def check_values() -> Iterator[CheckMessage]:
    for name, setting in SETTINGS.items():
        complaint = setting.complaint(given()[name]) if name in given() else None
        if complaint:
            hint = f"Change it in API_ACCESS, or leave it out: the default is {setting.default!r}."
            yield error(CheckId.BAD_VALUE, f"API_ACCESS[{name!r}] {complaint}.", hint)


def check_proxies() -> Iterator[CheckMessage]:
    if not sound("TRUSTED_PROXIES"):
        return
    proxies = access_settings.TRUSTED_PROXIES
    if any(network.prefixlen == 0 for network in proxies):
        yield error(
            CheckId.EVERYBODY_IS_A_PROXY,
            "API_ACCESS['TRUSTED_PROXIES'] holds every address, so every client can claim any address in X-Forwarded-For.",
            "Name the networks of your own reverse proxies only, as ['10.0.0.0/8'].",
        )
    named = [name for name in ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST") if getattr(settings, name, None)]
    if named and not proxies:
        yield warning(
            CheckId.PROXY_NOT_TRUSTED,
            f"{named[0]} says that a reverse proxy stands in front, but API_ACCESS['TRUSTED_PROXIES'] is empty: the proxy's address "
            "counts as every client's, for keys that are bound to networks and in events, and its word on TLS is not believed.",
            "Add the proxy's network, as API_ACCESS = {'TRUSTED_PROXIES': ['10.0.0.0/8']}.",
        )


# -- what is installed


def check_rest_framework() -> Iterator[CheckMessage]:
    from django.apps import apps

    if not apps.is_installed("rest_framework"):
        yield error(
            CheckId.NO_REST_FRAMEWORK,
            "rest_framework is not in INSTALLED_APPS.",
            "Add 'rest_framework' to INSTALLED_APPS, before 'django_apiaccess'.",
        )


def check_sessions() -> Iterator[CheckMessage]:
    if not sound("CREDENTIALS") or "session" not in access_settings.CREDENTIALS:
        return
    missing = [path for path in SESSION_MIDDLEWARE if not is_among(path, settings.MIDDLEWARE)]
    if missing:
        yield error(
            CheckId.NO_SESSIONS,
            f"API_ACCESS['CREDENTIALS'] holds 'session', but MIDDLEWARE lacks {missing[0]}: no session is ever seen.",
            f"Add {missing[0]!r} to MIDDLEWARE, or take 'session' out: API_ACCESS = {{'CREDENTIALS': ['api_key']}}.",
        )


def check_authentication() -> Iterator[CheckMessage]:
    classes = drf("DEFAULT_AUTHENTICATION_CLASSES")
    if is_among(AUTHENTICATION, classes) and not is_among(AUTHENTICATION, classes[:1]):
        yield warning(
            CheckId.AUTHENTICATION_NOT_FIRST,
            f"{classes[0].__name__} stands before ours in DEFAULT_AUTHENTICATION_CLASSES: it judges credentials first, and its challenge "
            "goes out with every 401.",
            f"Put {AUTHENTICATION!r} first in REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES'].",
        )


def check_throttle() -> Iterator[CheckMessage]:
    if not is_among(THROTTLE, drf("DEFAULT_THROTTLE_CLASSES")):
        yield warning(
            CheckId.NO_THROTTLE,
            "AccessRateThrottle is not in DEFAULT_THROTTLE_CLASSES: the rate of a key is not kept on views without throttles of their own.",
            f"Write REST_FRAMEWORK = {{'DEFAULT_THROTTLE_CLASSES': [{THROTTLE!r}], ...}}.",
        )


def check_anonymous_rates() -> Iterator[CheckMessage]:
    from rest_framework.settings import api_settings

    classes = drf("DEFAULT_THROTTLE_CLASSES")
    named = [path for path in BY_ADDRESS if is_among(path, classes)]
    if named and api_settings.NUM_PROXIES is None:
        yield warning(
            CheckId.ANONYMOUS_RATES_BY_HEADER,
            f"{named[0].rpartition('.')[2]} tells anonymous clients apart by the X-Forwarded-For that they send: each text is a new one.",
            "Set REST_FRAMEWORK['NUM_PROXIES'] to the number of your reverse proxies, 0 without one.",
        )


def check_tls() -> Iterator[CheckMessage]:
    if sound("REQUIRE_TLS") and not access_settings.REQUIRE_TLS:
        yield warning(
            CheckId.CLEARTEXT,
            "Credentials are accepted over plain HTTP, where everybody on the way reads them.",
            "Write API_ACCESS = {'REQUIRE_TLS': True}; behind a proxy that ends TLS set TRUSTED_PROXIES too.",
        )


def check_cleartext() -> Iterator[CheckMessage]:
    if (
        sound("REQUIRE_TLS", "ON_CLEARTEXT")
        and access_settings.ON_CLEARTEXT == "revoke"
        and not access_settings.REQUIRE_TLS
    ):
        yield error(
            CheckId.REVOKES_NOTHING,
            "API_ACCESS['ON_CLEARTEXT'] is 'revoke', but without REQUIRE_TLS plain HTTP is accepted: nothing is ever revoked.",
            "Write API_ACCESS = {'REQUIRE_TLS': True, 'ON_CLEARTEXT': 'revoke'}.",
        )


def check_hsts() -> Iterator[CheckMessage]:
    if settings.SECURE_HSTS_SECONDS < YEAR:
        yield warning(
            CheckId.HSTS_SHORT,
            f"SECURE_HSTS_SECONDS is {settings.SECURE_HSTS_SECONDS}: browsers do not keep to TLS for a year (ASVS 3.4.1).",
            f"Set SECURE_HSTS_SECONDS = {YEAR} and SECURE_HSTS_INCLUDE_SUBDOMAINS = True, or silence this when the proxy sends the header.",
        )


def check_redirect() -> Iterator[CheckMessage]:
    if settings.SECURE_SSL_REDIRECT and not settings.SECURE_REDIRECT_EXEMPT:
        yield warning(
            CheckId.REDIRECTS_CREDENTIALS,
            "SECURE_SSL_REDIRECT redirects the API too: a client that sends its credential in the clear never notices, and "
            "neither REQUIRE_TLS nor ON_CLEARTEXT sees it.",
            "Exempt the API, as SECURE_REDIRECT_EXEMPT = [r'^api/', r'^access/'].",
        )


def check_cookies() -> Iterator[CheckMessage]:
    if not sound("CREDENTIALS") or not {"session", "jwt"} & set(access_settings.CREDENTIALS):
        return
    open_ones = [name for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE") if not getattr(settings, name)]
    if open_ones:
        yield warning(
            CheckId.COOKIES_IN_CLEAR,
            f"{open_ones[0]} is off: the browser sends a cookie that lets people in over plain HTTP too (ASVS 3.3.1).",
            f"Set {open_ones[0]} = True.",
        )


def check_basic() -> Iterator[CheckMessage]:
    if (
        sound("CREDENTIALS", "REQUIRE_TLS")
        and "basic" in access_settings.CREDENTIALS
        and not access_settings.REQUIRE_TLS
    ):
        yield warning(
            CheckId.BASIC_IN_CLEAR,
            "Basic is enabled and REQUIRE_TLS is off: Basic itself is refused over plain HTTP, but the log-in takes passwords there.",
            "Write API_ACCESS = {'REQUIRE_TLS': True}.",
        )


CHECKS: Final[tuple[Check, ...]] = (
    check_is_dict,
    check_names,
    check_values,
    check_proxies,
    check_rest_framework,
    check_sessions,
    check_authentication,
    check_throttle,
    check_anonymous_rates,
    check_cleartext,
)
DEPLOY_CHECKS: Final[tuple[Check, ...]] = (check_tls, check_hsts, check_redirect, check_cookies, check_basic)
