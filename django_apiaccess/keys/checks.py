"""Checks of what protects keys: peppers, lifetimes, how fast a revocation is felt, and where their rates are counted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.core.checks import CheckMessage
from django.db import connections, router

from ..authn.models import RateCounter
from ..check_ids import Check, CheckId, error, sound, warning
from ..conf import access_settings
from ..core.durations import humanise

MAKE_PEPPER: Final = "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
FOR_SHOW: Final = re.compile(r"insecure|change.?me|example|demo|placeholder|0123456789|secret.?key", re.IGNORECASE)
LEAST_DIFFERENT: Final = 10
"""Different characters in a pepper: a random one of 32 has more than 20."""


def check_derived_pepper() -> Iterator[CheckMessage]:
    if sound("PEPPERS") and access_settings.peppers_are_derived and not settings.DEBUG:
        yield warning(
            CheckId.DERIVED_PEPPER,
            "API_ACCESS['PEPPERS'] is empty, so keys are verified under a pepper that derives from SECRET_KEY: changing SECRET_KEY "
            "ends every key.",
            f"Set API_ACCESS = {{'PEPPERS': [os.environ['API_PEPPER']]}}. {MAKE_PEPPER}. Keys that exist are upgraded when they are used, "
            "once SECRET_KEY's pepper is named second; see the page on rotating peppers.",
        )


def check_weak_pepper() -> Iterator[CheckMessage]:
    if not sound("PEPPERS") or access_settings.peppers_are_derived:
        return
    for place, pepper in enumerate(access_settings.PEPPERS, 1):
        why = ""
        if pepper == settings.SECRET_KEY:
            why = "is SECRET_KEY itself: whoever learns one has both"
        elif len(set(pepper)) < LEAST_DIFFERENT:
            why = "is easy to guess"
        elif FOR_SHOW.search(pepper) and not settings.DEBUG:
            why = "looks like a value for show"
        if why:
            yield warning(
                CheckId.WEAK_PEPPER,
                f"Pepper {place} of API_ACCESS['PEPPERS'] {why}.",
                f"{MAKE_PEPPER}. Put it first and keep the old one behind it until no key needs it.",
            )


def check_revocation_lag() -> Iterator[CheckMessage]:
    if not sound("CACHE_SECONDS", "GENERATION_SECONDS", "MAX_REVOCATION_LAG") or not access_settings.CACHE_SECONDS:
        return
    lag, most = access_settings.GENERATION_SECONDS, access_settings.MAX_REVOCATION_LAG
    if most < lag:
        yield error(
            CheckId.REVOCATION_LAG,
            f"With CACHE_SECONDS a revocation is felt {lag:g} s late (GENERATION_SECONDS), but MAX_REVOCATION_LAG accepts {most:g} s.",
            f"Accept it with API_ACCESS['MAX_REVOCATION_LAG'] = {lag:g}, or set CACHE_SECONDS to 0: then it is felt at once.",
        )


def check_shared_cache() -> Iterator[CheckMessage]:
    if not sound("SHARED_CACHE") or access_settings.SHARED_CACHE is None:
        return
    alias = access_settings.SHARED_CACHE
    if alias not in settings.CACHES:
        near = difflib.get_close_matches(alias, settings.CACHES, n=1)
        known = f"Did you mean {near[0]!r}?" if near else f"CACHES has: {', '.join(sorted(settings.CACHES))}."
        yield error(
            CheckId.SHARED_CACHE_UNKNOWN,
            f"API_ACCESS['SHARED_CACHE'] names {alias!r}, which CACHES does not have.",
            f"{known} With None the database counts.",
        )
        return
    problem = access_settings.cache_not_shared(alias)
    if problem:
        yield warning(
            CheckId.CACHE_NOT_SHARED,
            f"API_ACCESS['SHARED_CACHE'] names {alias!r}, whose backend no other worker shares: {problem}. So a rate holds once a worker.",
            "Use Redis or Memcached there, or API_ACCESS = {'SHARED_CACHE': None}: then the database counts, exactly.",
        )


def check_counts_last() -> Iterator[CheckMessage]:
    if not sound("SHARED_CACHE") or access_settings.SHARED_CACHE is not None:
        return
    alias = router.db_for_write(RateCounter)
    if connections[alias].settings_dict.get("ATOMIC_REQUESTS"):
        yield warning(
            CheckId.COUNTS_ROLLED_BACK,
            f"Rates are counted in the database {alias!r}, which has ATOMIC_REQUESTS: a request that fails takes its count back "
            "with it, and requests of one key wait for each other.",
            "Name a cache that all workers share in API_ACCESS['SHARED_CACHE'], or route RateCounter to another database.",
        )


def check_lifetimes() -> Iterator[CheckMessage]:
    if not sound("KEY_DEFAULT_LIFETIME", "KEY_MAX_LIFETIME"):
        return
    default, most = access_settings.KEY_DEFAULT_LIFETIME, access_settings.KEY_MAX_LIFETIME
    if most is not None and (default is None or default > most):
        told = "does not end" if default is None else f"is {humanise(default)}"
        yield warning(
            CheckId.LIFETIME_ABOVE_MAXIMUM,
            f"KEY_DEFAULT_LIFETIME {told}, but KEY_MAX_LIFETIME is {humanise(most)}: the default is never what it says.",
            f"Write API_ACCESS['KEY_DEFAULT_LIFETIME'] = {humanise(most)!r} or less.",
        )


def check_endless() -> Iterator[CheckMessage]:
    if not sound("KEY_DEFAULT_LIFETIME", "KEY_MAX_LIFETIME"):
        return
    if access_settings.KEY_DEFAULT_LIFETIME is None and access_settings.KEY_MAX_LIFETIME is None:
        yield warning(
            CheckId.ENDLESS_KEYS,
            "Keys never expire unless somebody says so for each: a forgotten one opens the API for ever.",
            "Write API_ACCESS = {'KEY_DEFAULT_LIFETIME': '365d'}, and KEY_MAX_LIFETIME to make it a rule.",
        )


CHECKS: Final[tuple[Check, ...]] = (
    check_derived_pepper,
    check_weak_pepper,
    check_revocation_lag,
    check_shared_cache,
    check_counts_last,
    check_lifetimes,
)
DEPLOY_CHECKS: Final[tuple[Check, ...]] = (check_endless,)
