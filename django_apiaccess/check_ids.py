"""The ids of the system checks, one place for all, and the two ways to report. `docs/reference/checks.md` explains each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Final

from django.core.checks import CheckMessage, Error, Tags, Warning  # noqa: A004 - Django's names

from .conf import SETTINGS, given

TAGS: Final = (Tags.security, "apiaccess")
Check = Callable[[], Iterable[CheckMessage]]


class CheckId(StrEnum):
    """E: the project cannot work as written, or is open by mistake. W: somebody should look. Ids are never used for something else."""

    # -- settings
    NOT_A_DICT = "apiaccess.E001"
    UNKNOWN_SETTING = "apiaccess.E002"
    BAD_VALUE = "apiaccess.E003"
    SHARED_CACHE_UNKNOWN = "apiaccess.E004"
    REVOCATION_LAG = "apiaccess.E005"
    EVERYBODY_IS_A_PROXY = "apiaccess.E006"
    BAD_TRUSTED_ISSUER = "apiaccess.E007"
    REVOKES_NOTHING = "apiaccess.E008"
    # -- what the project must install
    NO_REST_FRAMEWORK = "apiaccess.E010"
    NO_ACCESS_BACKEND = "apiaccess.E011"
    NO_SESSIONS = "apiaccess.E012"
    # -- scopes and views
    UNKNOWN_IMPLIED_SCOPE = "apiaccess.E020"
    UNKNOWN_SCOPE = "apiaccess.E021"
    BAD_DECLARATION = "apiaccess.E022"
    UNKNOWN_ACCESS_KEY = "apiaccess.E023"

    # -- settings
    DERIVED_PEPPER = "apiaccess.W001"
    WEAK_PEPPER = "apiaccess.W002"
    CACHE_NOT_SHARED = "apiaccess.W003"
    COUNTS_ROLLED_BACK = "apiaccess.W004"
    PROXY_NOT_TRUSTED = "apiaccess.W005"
    LIFETIME_ABOVE_MAXIMUM = "apiaccess.W006"
    CLEARTEXT_ISSUER = "apiaccess.W007"
    LONG_ACCESS_TOKENS = "apiaccess.W008"
    # -- what the project installs
    BACKEND_NOT_FIRST = "apiaccess.W010"
    AUTHENTICATION_NOT_FIRST = "apiaccess.W011"
    NO_AUTHENTICATION = "apiaccess.W012"
    NO_DEFAULT_PERMISSION = "apiaccess.W013"
    NO_THROTTLE = "apiaccess.W014"
    ANONYMOUS_RATES_BY_HEADER = "apiaccess.W015"
    # -- scopes and views
    UNKNOWN_PERMISSION = "apiaccess.W020"
    UNDECLARED = "apiaccess.W021"
    UNGUARDED = "apiaccess.W022"
    NO_SECOND_FACTOR = "apiaccess.W023"
    # -- deployment
    CLEARTEXT = "apiaccess.W030"
    ENDLESS_KEYS = "apiaccess.W031"
    UNNAMED_ISSUER = "apiaccess.W032"
    # -- coming from simplejwt
    BAD_LEGACY_JWT = "apiaccess.E040"
    INSECURE_SIMPLE_JWT = "apiaccess.W040"
    SIMPLE_JWT_NOT_CARRIED = "apiaccess.W041"
    LEGACY_JWT_OVER = "apiaccess.W042"
    HSTS_SHORT = "apiaccess.W033"
    REDIRECTS_CREDENTIALS = "apiaccess.W034"
    COOKIES_IN_CLEAR = "apiaccess.W035"
    BASIC_IN_CLEAR = "apiaccess.W036"
    # -- text messages
    BAD_SMS_GATEWAY = "apiaccess.E050"
    SMS_REACHES_NOBODY = "apiaccess.E051"
    SMS_EXTRA_MISSING = "apiaccess.E052"
    UNKNOWN_SMS_COUNTRY = "apiaccess.E053"
    SMS_COUNTRIES_UNTOLD = "apiaccess.E054"
    SMS_NUMBERS_BY_FORM = "apiaccess.W050"
    WEAK_SMS_GATEWAY = "apiaccess.W051"
    SMS_EVERYWHERE = "apiaccess.W052"
    # -- second factors
    METHOD_UNAVAILABLE = "apiaccess.E055"
    NO_USABLE_METHOD = "apiaccess.E056"
    BAD_REQUIRED_FOR = "apiaccess.E057"
    NO_RELYING_PARTY = "apiaccess.E058"
    STAFF_WITHOUT_FACTOR = "apiaccess.W053"
    SMS_ALONE = "apiaccess.W054"
    BAD_ORIGIN = "apiaccess.W055"
    OTHER_PASSKEY_VIEWS = "apiaccess.W056"
    UNKNOWN_REQUIRED_ROLE = "apiaccess.W057"
    PLAIN_SEEDS = "apiaccess.W058"
    SEEDS_IN_ADMIN = "apiaccess.W059"
    # -- beside django-oauth-toolkit
    BAD_DOT = "apiaccess.E045"
    INSECURE_DOT = "apiaccess.W045"
    UNKNOWN_DOT_SCOPE = "apiaccess.W046"
    DOT_OVER = "apiaccess.W047"
    # -- being an authorization server
    NO_AUTHLIB = "apiaccess.E070"
    BAD_OAUTH_ISSUER = "apiaccess.E071"
    OPEN_REGISTRATION = "apiaccess.W070"
    # -- sessions in the shared cache
    STATELESS_UNSHARED = "apiaccess.E075"
    STATELESS_REPLICAS = "apiaccess.W075"
    # -- pages
    NO_SECOND_FACTOR_MIDDLEWARE = "apiaccess.W060"
    MIDDLEWARE_MISPLACED = "apiaccess.W061"
    PAGES_NOT_ROUTED = "apiaccess.W062"
    # -- keys that another person must approve
    BAD_APPROVAL_FUNCTION = "apiaccess.E085"
    UNMATCHED_APPROVAL = "apiaccess.W085"
    TOO_FEW_APPROVERS = "apiaccess.W086"
    # -- leaks
    BAD_GITHUB_KEYS_URL = "apiaccess.E080"
    GITHUB_NOT_ROUTED = "apiaccess.E081"
    GITHUB_KEYS_UNSAFE = "apiaccess.W080"
    LEAKS_STAY_OPEN = "apiaccess.W081"
    # -- the checks themselves
    CHECK_FAILED = "apiaccess.W099"


def error(check_id: CheckId, message: str, hint: str, obj: Any = None) -> Error:
    """Something that must change."""
    return Error(message, hint=hint, obj=obj, id=check_id.value)


def warning(check_id: CheckId, message: str, hint: str, obj: Any = None) -> Warning:
    """Something that somebody should look at."""
    return Warning(message, hint=hint, obj=obj, id=check_id.value)


def sound(*names: str) -> bool:
    """Whether these settings can be read; where not, `BAD_VALUE` says so already."""
    return not any(name in given() and SETTINGS[name].complaint(given()[name]) for name in names)
