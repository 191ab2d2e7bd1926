"""`SIMPLE_JWT` read: each of its settings as one of ours or why there is none, and what is insecure in it.

from django_apiaccess.contrib.simplejwt.mapping import read_simple_jwt
print(read_simple_jwt().text())
"""

from __future__ import annotations

import pprint
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from django.utils import timezone

from ...conf import of_another_package
from ...core.durations import humanise
from .insecure import Line, find_insecure, find_not_carried
from .options import HASHES, LONGEST

DEFAULTS: Final[dict[str, Any]] = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=1),
    "ROTATE_REFRESH_TOKENS": False,
    "BLACKLIST_AFTER_ROTATION": False,
    "UPDATE_LAST_LOGIN": False,
    "ALGORITHM": "HS256",
    "SIGNING_KEY": None,
    "VERIFYING_KEY": "",
    "AUDIENCE": None,
    "ISSUER": None,
    "JSON_ENCODER": None,
    "JWK_URL": None,
    "LEEWAY": 0,
    "AUTH_HEADER_TYPES": ("Bearer",),
    "AUTH_HEADER_NAME": "HTTP_AUTHORIZATION",
    "USER_ID_FIELD": "id",
    "USER_ID_CLAIM": "user_id",
    "USER_AUTHENTICATION_RULE": "rest_framework_simplejwt.authentication.default_user_authentication_rule",
    "AUTH_TOKEN_CLASSES": ("rest_framework_simplejwt.tokens.AccessToken",),
    "TOKEN_TYPE_CLAIM": "token_type",
    "JTI_CLAIM": "jti",
    "TOKEN_USER_CLASS": "rest_framework_simplejwt.models.TokenUser",
    "SLIDING_TOKEN_REFRESH_EXP_CLAIM": "refresh_exp",
    "SLIDING_TOKEN_LIFETIME": timedelta(minutes=5),
    "SLIDING_TOKEN_REFRESH_LIFETIME": timedelta(days=1),
    "TOKEN_OBTAIN_SERIALIZER": "rest_framework_simplejwt.serializers.TokenObtainPairSerializer",
    "TOKEN_REFRESH_SERIALIZER": "rest_framework_simplejwt.serializers.TokenRefreshSerializer",
    "TOKEN_VERIFY_SERIALIZER": "rest_framework_simplejwt.serializers.TokenVerifySerializer",
    "TOKEN_BLACKLIST_SERIALIZER": "rest_framework_simplejwt.serializers.TokenBlacklistSerializer",
    "SLIDING_TOKEN_OBTAIN_SERIALIZER": "rest_framework_simplejwt.serializers.TokenObtainSlidingSerializer",
    "SLIDING_TOKEN_REFRESH_SERIALIZER": "rest_framework_simplejwt.serializers.TokenRefreshSlidingSerializer",
    "CHECK_REVOKE_TOKEN": False,
    "REVOKE_TOKEN_CLAIM": "hash_password",
    "CHECK_USER_IS_ACTIVE": True,
    "ON_LOGIN_SUCCESS": None,
    "ON_LOGIN_FAILED": None,
}
"""The settings of simplejwt 5.5 with its defaults, and the two that came after it."""
CARRIED: Final[dict[str, str]] = {
    "ACCESS_TOKEN_LIFETIME": "ACCESS_TOKEN_LIFETIME; for old tokens LEGACY_JWT['ACCESS_TOKEN_LIFETIME']",
    "REFRESH_TOKEN_LIFETIME": "REFRESH_TOKEN_LIFETIME; for old tokens LEGACY_JWT['REFRESH_TOKEN_LIFETIME']",
    "ROTATE_REFRESH_TOKENS": "always on: every refresh gives a new refresh token",
    "BLACKLIST_AFTER_ROTATION": "always on: a used refresh token that comes again ends its session",
    "UPDATE_LAST_LOGIN": "none: a session has created_at and last_used_at of its own",
    "ALGORITHM": "SIGNING_ALGORITHM for new tokens (asymmetric only); for old ones LEGACY_JWT['ALGORITHM']",
    "SIGNING_KEY": "none for new tokens: signing keys are in the database; for old ones LEGACY_JWT['SIGNING_KEY'] (HS* only)",
    "VERIFYING_KEY": "none for new tokens: .well-known/jwks.json publishes them; for old ones LEGACY_JWT['VERIFYING_KEY']",
    "AUDIENCE": "AUDIENCE; for old tokens LEGACY_JWT['AUDIENCE']",
    "ISSUER": "ISSUER; for old tokens LEGACY_JWT['ISSUER']",
    "JSON_ENCODER": "none: tokens hold the claims of RFC 9068 and nothing that needs an encoder",
    "JWK_URL": "TRUSTED_ISSUERS with its jwks_uri: tokens that another server issues",
    "LEEWAY": "none: 10 seconds; for old tokens LEGACY_JWT['LEEWAY']",
    "AUTH_HEADER_TYPES": "none: Bearer, in any case of letters",
    "AUTH_HEADER_NAME": "none: Authorization",
    "USER_ID_FIELD": "none: sub is the primary key; for old tokens LEGACY_JWT['USER_ID_FIELD']",
    "USER_ID_CLAIM": "none: sub (RFC 7519); for old tokens LEGACY_JWT['USER_ID_CLAIM']",
    "USER_AUTHENTICATION_RULE": "none: the user must be active; write an authentication backend for more",
    "AUTH_TOKEN_CLASSES": "CREDENTIALS",
    "TOKEN_TYPE_CLAIM": "none: the header's typ is at+jwt (RFC 9068); for old tokens LEGACY_JWT['TOKEN_TYPE_CLAIM']",
    "JTI_CLAIM": "none: jti; for old tokens LEGACY_JWT['JTI_CLAIM']",
    "TOKEN_USER_CLASS": "none: request.user is always the user, read with the session in one query",
    "SLIDING_TOKEN_REFRESH_EXP_CLAIM": "none: there are no sliding tokens",
    "SLIDING_TOKEN_LIFETIME": "none: there are no sliding tokens",
    "SLIDING_TOKEN_REFRESH_LIFETIME": "none: there are no sliding tokens",
    "TOKEN_OBTAIN_SERIALIZER": "none: subclass contrib.simplejwt.views.TokenObtainPairView",
    "TOKEN_REFRESH_SERIALIZER": "none: subclass contrib.simplejwt.views.TokenRefreshView",
    "TOKEN_VERIFY_SERIALIZER": "none: subclass contrib.simplejwt.views.TokenVerifyView",
    "TOKEN_BLACKLIST_SERIALIZER": "none: subclass contrib.simplejwt.views.TokenBlacklistView",
    "SLIDING_TOKEN_OBTAIN_SERIALIZER": "none: there are no sliding tokens",
    "SLIDING_TOKEN_REFRESH_SERIALIZER": "none: there are no sliding tokens",
    "CHECK_REVOKE_TOKEN": "always on: a changed password ends the sessions; for old tokens LEGACY_JWT['PASSWORD_CLAIM']",
    "REVOKE_TOKEN_CLAIM": "none: no token holds anything of the password; for old tokens LEGACY_JWT['PASSWORD_CLAIM']",
    "CHECK_USER_IS_ACTIVE": "always on, felt at the next request",
    "ON_LOGIN_SUCCESS": "the event session.begun, by the signal access_event",
    "ON_LOGIN_FAILED": "the event login.refused, by the signal access_event",
}
"""Each of them as one of ours, or why there is none."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found. `api_access` is to be pasted; secrets are named in it, not shown."""

    api_access: dict[str, Any]
    mapped: dict[str, str]
    insecure: list[Line] = field(default_factory=list)
    not_carried: list[Line] = field(default_factory=list)

    def text(self) -> str:
        """For a person: what to paste, with what to look at above it."""
        lines = [f"# SIMPLE_JWT[{line.name!r}]: {line.text} {line.hint}" for line in self.insecure + self.not_carried]
        return "\n".join([*lines, f"API_ACCESS = {pprint.pformat(self.api_access, sort_dicts=False, width=100)}"])


def read_simple_jwt(given: Mapping[str, Any] | None = None, *, today: date | None = None) -> Reading:
    """Read `SIMPLE_JWT` (or `given` in its place). Without one there is nothing to say. Changes nothing."""
    given = of_another_package("SIMPLE_JWT") if given is None else given
    if not isinstance(given, Mapping):
        return Reading({}, {})
    values = {**DEFAULTS, **given}
    values["SIGNING_KEY"] = values["SIGNING_KEY"] or of_another_package("SECRET_KEY")
    return Reading(
        api_access(values, today or timezone.now().date()),
        {name: CARRIED[name] for name in given if name in CARRIED},
        list(find_insecure(values)),
        list(find_not_carried(values, DEFAULTS)),
    )


def api_access(values: Mapping[str, Any], today: date) -> dict[str, Any]:
    """`API_ACCESS` that carries these settings on. The old key stands in it by the name of where it is."""
    refresh = min(_length(values["REFRESH_TOKEN_LIFETIME"], timedelta(days=1)), LONGEST)
    access = min(_length(values["ACCESS_TOKEN_LIFETIME"], timedelta(minutes=5)), LONGEST)
    found: dict[str, Any] = {
        "ACCESS_TOKEN_LIFETIME": humanise(min(access, timedelta(hours=1))),
        "REFRESH_TOKEN_LIFETIME": humanise(refresh),
    }
    if refresh > timedelta(days=90):
        found["SESSION_MAX_LIFETIME"] = humanise(refresh)
    if isinstance(values["ISSUER"], str):
        found["ISSUER"] = values["ISSUER"]
    if isinstance(values["AUDIENCE"], str):
        found["AUDIENCE"] = values["AUDIENCE"]
    legacy: dict[str, Any] = {"ALGORITHM": values["ALGORITHM"]}
    name = "SIGNING_KEY" if values["ALGORITHM"] in HASHES else "VERIFYING_KEY"
    legacy[name] = (
        f"<the {name} of SIMPLE_JWT; where it has none, SECRET_KEY>"
        if name == "SIGNING_KEY"
        else ("<the VERIFYING_KEY of SIMPLE_JWT>")
    )
    for name in ("AUDIENCE", "ISSUER", "USER_ID_CLAIM", "USER_ID_FIELD", "TOKEN_TYPE_CLAIM", "JTI_CLAIM"):
        if values[name] != DEFAULTS[name]:
            legacy[name] = values[name]
    if values["CHECK_REVOKE_TOKEN"]:
        legacy["PASSWORD_CLAIM"] = values["REVOKE_TOKEN_CLAIM"]
    legacy |= {
        "ACCESS_TOKEN_LIFETIME": humanise(access),
        "REFRESH_TOKEN_LIFETIME": humanise(refresh),
        "ACCEPT_UNTIL": (today + refresh + timedelta(days=1)).isoformat(),
        "SCOPES": "all",
    }
    return {**found, "LEGACY_JWT": legacy}


def _length(value: Any, otherwise: timedelta) -> timedelta:
    return value if isinstance(value, timedelta) and value > timedelta(0) else otherwise
