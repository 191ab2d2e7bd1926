"""Settings about what counts and delays: throttles, failed attempts, second factors of staff."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from ...audit import places
from ...audit.finding import Finding, Severity
from ...audit.rules import rule
from ...audit.run import Audit
from ...authn.checks import THROTTLE, drf, is_among
from ...check_ids import sound
from ...conf import access_settings
from .views import drf_endpoints

SHORTEST_DELAY: Final = timedelta(seconds=30)
MANY: Final = 100
"""Guesses at an account without a delay, from which on passwords of the common lists are found (ASVS 6.3.1)."""


def _counted_by_drf(audit: Audit) -> list[Any]:
    """DRF's own throttle classes, which count in a cache, among those that views use."""
    used = {cls for endpoint in drf_endpoints(audit) for cls in endpoint.throttles} | set(
        drf("DEFAULT_THROTTLE_CLASSES")
    )
    return sorted(
        (cls for cls in used if hasattr(cls, "cache") and not is_among(THROTTLE, [cls])),
        key=lambda cls: str(cls.__name__),
    )


@rule(
    "settings.throttle-cache",
    Severity.MEDIUM,
    title="Rates are counted in each process for itself",
    why="With ten workers a limit of 100 a minute is one of 1,000, and a restart forgets it.",
    fix='CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:6379/0"}}',
    references=("ASVS 2.4.1", "ASVS 6.3.1", "CWE-770"),
)
def throttle_cache(audit: Audit) -> Iterator[Finding]:
    alias = access_settings.SHARED_CACHE if sound("SHARED_CACHE") else None
    problem = access_settings.cache_not_shared(alias) if alias else None
    if problem:
        subject = places.setting('API_ACCESS["SHARED_CACHE"]')
        fix = 'API_ACCESS = {..., "SHARED_CACHE": None}  # the database counts, exactly; or name a Redis cache'
        yield audit.found(subject, f"names {alias!r}: {problem}", fix=fix)
    counted = _counted_by_drf(audit)
    problem = access_settings.cache_not_shared("default")
    if counted and problem:
        said = f"{', '.join(cls.__name__ for cls in counted)} counts in the default cache: {problem}"
        yield audit.found(places.setting("CACHES"), said)


@rule(
    "settings.lockout",
    Severity.HIGH,
    title="Guessing passwords costs no time",
    why="Delays after failures are what keeps somebody from trying the ten thousand most common passwords on an account.",
    fix='API_ACCESS = {..., "LOCKOUT": {}}  # the defaults: 5 free failures, then up to 15 minutes',
    references=("ASVS 6.3.1", "NIST SP 800-63B-4 section 3.2.2", "CWE-307"),
)
def lockout(audit: Audit) -> Iterator[Finding]:
    if not sound("LOCKOUT"):
        return
    subject = places.setting('API_ACCESS["LOCKOUT"]')
    if access_settings.LOCKOUT_MAX_DELAY < SHORTEST_DELAY:
        seconds = f"{access_settings.LOCKOUT_MAX_DELAY.total_seconds():g}"
        yield audit.found(subject, f"MAX_DELAY is {seconds} s: a failure costs next to nothing", aspect="MAX_DELAY")
    if access_settings.LOCKOUT_ACCOUNT_FREE >= MANY:
        said = f"ACCOUNT_FREE gives {access_settings.LOCKOUT_ACCOUNT_FREE:,} guesses at an account for nothing"
        yield audit.found(subject, said, aspect="ACCOUNT_FREE")
    if timedelta(minutes=5) > access_settings.LOCKOUT_FORGET_AFTER:
        said = "FORGET_AFTER forgets failures within minutes"
        yield audit.found(subject, said, severity=Severity.MEDIUM, aspect="FORGET_AFTER")


@rule(
    "settings.mfa-staff",
    Severity.MEDIUM,
    title="Staff need no second factor",
    why="A password that somebody gave away on a false page opens the admin, and with it everything.",
    fix='API_ACCESS = {..., "MFA": {"REQUIRED_FOR": ["staff"]}}',
    references=("ASVS 6.3.3", "NIST SP 800-63B-4 section 2.2.2", "CWE-308"),
)
def mfa_staff(audit: Audit) -> Iterator[Finding]:
    if not sound("MFA"):
        return
    required = access_settings.MFA["REQUIRED_FOR"]
    if callable(required) or isinstance(required, str):
        return  # the project's own policy; asking it of somebody invented says nothing
    if not ({"staff", "everyone"} & set(required)):
        yield audit.found(places.setting('API_ACCESS["MFA"]["REQUIRED_FOR"]'), "names neither staff nor everyone")
