"""The app's settings: one dict, `API_ACCESS`, read when they are used and again after `override_settings`.

This is the only module that reads `django.conf` for us. To add a setting: a `Setting` in `conf/table.py` (an entry of a dict: in
`conf/entries.py`), a property here, and a line in `docs/reference/settings.md`; the check for unknown names and wrong types follows from
the table. Long because it is a list: one property a setting, whose docstring is the setting's reference.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import Any, Final

from django.conf import settings as django_settings
from django.core.signals import setting_changed

from ..core.addresses import IPNetwork, parse_networks
from ..core.durations import duration
from . import entries
from .entries import MFA_DURATIONS, MFA_METHODS, OAUTH_GRANTS, ON_LEAK, IgnoreEntry, resource_complaint
from .table import SETTINGS

__all__ = [
    "MFA_METHODS",
    "OAUTH_GRANTS",
    "ON_LEAK",
    "SETTINGS",
    "AccessSettings",
    "access_settings",
    "given",
    "of_another_package",
    "resource_complaint",
]

NOT_SHARED: Final = {
    "django.core.cache.backends.locmem.LocMemCache": "each process has its own",
    "django.core.cache.backends.dummy.DummyCache": "it keeps nothing",
    "django.core.cache.backends.filebased.FileBasedCache": "its counting is not atomic, and each host has its own files",
}
"""Cache backends that not every worker sees, and why."""


def given() -> Mapping[str, Any]:
    """`API_ACCESS` as the project wrote it; an empty dict when it is missing or no dict (a system check says so)."""
    value = getattr(django_settings, "API_ACCESS", {})
    return value if isinstance(value, Mapping) else {}


def _get(name: str) -> Any:
    return given().get(name, SETTINGS[name].default)


def _entry(name: str, entry: str) -> Any:
    return _entries(name)[entry]


def _entries(name: str) -> dict[str, Any]:
    """Every entry of a setting that is a dict, as the project gave it or its default."""
    known = getattr(entries, f"{name}_ENTRIES")
    return {**{entry.name: entry.default for entry in known.values()}, **_get(name)}


def of_another_package(name: str) -> Any:
    """A setting of the package that a project is coming from, as SIMPLE_JWT; None when there is none."""
    return getattr(django_settings, name, None)


class AccessSettings:
    """Typed views of the settings, each worked out once. Use the instance, `access_settings`."""

    @cached_property
    def KEY_PREFIX(self) -> str:
        """Leading word of every API key. Changing it makes keys with the old one unreadable: they must be rotated first."""
        return str(_get("KEY_PREFIX"))

    @cached_property
    def KEY_DEFAULT_LIFETIME(self) -> timedelta | None:
        """Life of a key for which nobody said otherwise; None: it does not expire (ASVS 13.3.4)."""
        value = _get("KEY_DEFAULT_LIFETIME")
        return None if value is None else duration(value)

    @cached_property
    def KEY_MAX_LIFETIME(self) -> timedelta | None:
        """Longest life of a key, counted from when it is set; None: no limit."""
        value = _get("KEY_MAX_LIFETIME")
        return None if value is None else duration(value)

    @cached_property
    def KEY_ROTATION_GRACE(self) -> timedelta:
        """How long the old secret lives on after a rotation."""
        return duration(_get("KEY_ROTATION_GRACE"))

    @cached_property
    def PEPPERS(self) -> tuple[str, ...]:
        """Secrets under which digests are made: the first signs, all verify. Without any, they derive from SECRET_KEY."""
        peppers = _get("PEPPERS")
        if peppers:
            return tuple(peppers)
        return _derived_peppers(django_settings.SECRET_KEY, tuple(django_settings.SECRET_KEY_FALLBACKS))

    @property
    def times_are_aware(self) -> bool:
        """Whether the project's dates carry a time zone (USE_TZ)."""
        return bool(django_settings.USE_TZ)

    @cached_property
    def peppers_are_derived(self) -> bool:
        return not _get("PEPPERS")

    @cached_property
    def imported_key_header(self) -> str:
        """The header (as META names it) in which djangorestframework-api-key took keys here: its clients go on using it."""
        name = str(getattr(django_settings, "API_KEY_CUSTOM_HEADER", None) or "")
        return "" if name in {"HTTP_AUTHORIZATION", "HTTP_X_API_KEY"} else name

    @cached_property
    def CREDENTIALS(self) -> tuple[str, ...]:
        """The enabled credential kinds."""
        return tuple(_get("CREDENTIALS"))

    @cached_property
    def REQUIRE_TLS(self) -> bool:
        """Refuse a credential that comes over plain HTTP, before looking at it (ASVS 4.1.2)."""
        return bool(_get("REQUIRE_TLS"))

    @cached_property
    def ON_CLEARTEXT(self) -> str:
        """With REQUIRE_TLS, what becomes of a credential that came over plain HTTP: "reject" it, or also "revoke" it."""
        return str(_get("ON_CLEARTEXT"))

    @property
    def debug(self) -> bool:
        """Whether the project runs in DEBUG."""
        return bool(django_settings.DEBUG)

    @property
    def middleware(self) -> tuple[str, ...]:
        """Django's MIDDLEWARE."""
        return tuple(django_settings.MIDDLEWARE)

    @property
    def proxy_ssl_header(self) -> tuple[str, str] | None:
        """Django's SECURE_PROXY_SSL_HEADER: the header (as META names it) and its value for HTTPS."""
        return django_settings.SECURE_PROXY_SSL_HEADER or None

    @property
    def session_cookie(self) -> str:
        """The name of the cookie of Django's sessions."""
        return str(django_settings.SESSION_COOKIE_NAME)

    @property
    def session_engine(self) -> str:
        """The module that keeps Django's sessions."""
        return str(django_settings.SESSION_ENGINE)

    @cached_property
    def TRUSTED_PROXIES(self) -> tuple[IPNetwork, ...]:
        """Networks of the reverse proxies whose X-Forwarded-* and Forwarded headers are believed (ASVS 4.1.3)."""
        proxies = _get("TRUSTED_PROXIES")
        return parse_networks(" ".join(proxies)) if proxies else ()

    @cached_property
    def CACHE_SECONDS(self) -> float:
        """How long a process may reuse what the database said of a key; 0: it asks at every request."""
        return float(_get("CACHE_SECONDS"))

    @cached_property
    def GENERATION_SECONDS(self) -> float:
        """With CACHE_SECONDS: how often a process asks whether anything was revoked or changed. The lag of a revocation."""
        return float(_get("GENERATION_SECONDS"))

    @cached_property
    def MAX_REVOCATION_LAG(self) -> float:
        """The lag, in seconds, that the project accepts; a system check refuses settings that cannot keep it."""
        return float(_get("MAX_REVOCATION_LAG"))

    @cached_property
    def SHARED_CACHE(self) -> str | None:
        """Alias of a cache that all workers share, for rate counters; None: the counters are in the database."""
        value = _get("SHARED_CACHE")
        return None if value is None else str(value)

    @cached_property
    def STATELESS_SECONDS(self) -> float:
        """How long workers may take what is known of a token session from SHARED_CACHE, without a statement; 0: they ask the database."""
        return float(_get("STATELESS_SECONDS"))

    @cached_property
    def stateless_cache(self) -> str | None:
        """SHARED_CACHE where sessions are taken from it: with STATELESS_SECONDS, and never a cache that not every worker sees."""
        alias = self.SHARED_CACHE
        return alias if self.STATELESS_SECONDS and alias is not None and not self.cache_not_shared(alias) else None

    def cache_not_shared(self, alias: str) -> str:
        """Why the cache of that name is not one that all workers see; empty where it may be."""
        entry = django_settings.CACHES.get(alias)
        return "there is no such cache" if entry is None else NOT_SHARED.get(str(entry.get("BACKEND")), "")

    @cached_property
    def ISSUER(self) -> str:
        """The `iss` of our access tokens: an https URL of this server, when others verify them."""
        return str(_get("ISSUER"))

    @cached_property
    def AUDIENCE(self) -> str:
        """The `aud` of our access tokens, and the one that is demanded of them."""
        return str(_get("AUDIENCE"))

    @cached_property
    def SIGNING_ALGORITHM(self) -> str:
        """The algorithm of new signing keys."""
        return str(_get("SIGNING_ALGORITHM"))

    @cached_property
    def ACCESS_TOKEN_LIFETIME(self) -> timedelta:
        """How long an access token lives."""
        return duration(_get("ACCESS_TOKEN_LIFETIME"))

    @cached_property
    def REFRESH_TOKEN_LIFETIME(self) -> timedelta:
        """How long a session may stay unused: a refresh token that is not used for so long is dead (ASVS 7.3.1)."""
        return duration(_get("REFRESH_TOKEN_LIFETIME"))

    @cached_property
    def SESSION_MAX_LIFETIME(self) -> timedelta:
        """How long a session lives at most, however often it is refreshed (ASVS 7.3.2)."""
        return duration(_get("SESSION_MAX_LIFETIME"))

    @cached_property
    def REFRESH_GRACE(self) -> timedelta:
        """How long a client that lost the answer may present a used refresh token once more."""
        return duration(_get("REFRESH_GRACE"))

    @cached_property
    def SESSIONS_PER_USER(self) -> int:
        """How many token sessions a user may have; beyond, the oldest ends (ASVS 7.1.2)."""
        return int(_get("SESSIONS_PER_USER"))

    @cached_property
    def TRUSTED_ISSUERS(self) -> tuple[Mapping[str, Any], ...]:
        """Other authorization servers whose access tokens are accepted; see `tokens.issuers.TrustedIssuer`."""
        return tuple(_get("TRUSTED_ISSUERS"))

    @cached_property
    def LEGACY_JWT(self) -> Mapping[str, Any]:
        """By what tokens of simplejwt are recognised while they still live; empty: none is accepted."""
        return _entries("LEGACY_JWT") if _get("LEGACY_JWT") else {}

    @cached_property
    def DOT(self) -> Mapping[str, Any]:
        """How access tokens of django-oauth-toolkit are accepted while they still live; empty: none is."""
        return _entries("DOT") if _get("DOT") else {}

    @cached_property
    def DPOP_NONCE(self) -> bool:
        """Whether a DPoP proof must hold a nonce of this server (RFC 9449 section 8): none can then be made in advance."""
        return bool(_entry("DPOP", "NONCE"))

    @cached_property
    def DPOP_REQUIRED(self) -> bool:
        """Whether access tokens must be bound to a key: none is given or accepted without a proof. API keys have their own choice."""
        return bool(_entry("DPOP", "REQUIRED"))

    @cached_property
    def DPOP_LEEWAY(self) -> timedelta:
        """How far the clock of who made a proof may be off, either way; so long a proof lives."""
        return duration(_entry("DPOP", "LEEWAY"))

    @cached_property
    def OAUTH(self) -> Mapping[str, Any]:
        """How `contrib.oauth` gives tokens; it reads the entries by `contrib.oauth.options`."""
        return _entries("OAUTH")

    @property
    def login_url(self) -> str:
        """Where people log in to the site."""
        return str(django_settings.LOGIN_URL)

    @cached_property
    def LOCKOUT_ACCOUNT_FREE(self) -> int:
        """Failures on one account that cost no delay."""
        return int(_entry("LOCKOUT", "ACCOUNT_FREE"))

    @cached_property
    def LOCKOUT_NETWORK_FREE(self) -> int:
        """Failures from one network that cost no delay."""
        return int(_entry("LOCKOUT", "NETWORK_FREE"))

    @cached_property
    def LOCKOUT_MAX_DELAY(self) -> timedelta:
        """The longest delay after a failure."""
        return duration(_entry("LOCKOUT", "MAX_DELAY"))

    @cached_property
    def LOCKOUT_FORGET_AFTER(self) -> timedelta:
        """When failures are forgotten."""
        return duration(_entry("LOCKOUT", "FORGET_AFTER"))

    @cached_property
    def MFA(self) -> Mapping[str, Any]:
        """How second factors work: every entry of `conf.entries`, as the project gave it or its default; durations as `timedelta`."""
        return {name: duration(value) if name in MFA_DURATIONS else value for name, value in _entries("MFA").items()}

    @cached_property
    def NOTIFIER(self) -> str:
        """Dotted path of what tells a person of something: `notifier(user, kind, context)`."""
        return str(_get("NOTIFIER"))

    @cached_property
    def REMINDERS_EXPIRING(self) -> tuple[timedelta, ...]:
        """How long before their end owners of credentials are reminded, the shortest first; empty: never."""
        return tuple(sorted({duration(stage) for stage in _entry("REMINDERS", "EXPIRING") or ()}))

    @cached_property
    def REMINDERS_INACTIVE(self) -> timedelta | None:
        """After how long without use an owner is asked whether a credential is needed; None: never."""
        value = _entry("REMINDERS", "INACTIVE")
        return None if value is None else duration(value)

    @cached_property
    def APPROVALS(self) -> Mapping[str, Any]:
        """Which keys need another person's approval: every entry of `conf.entries`; durations as `timedelta`."""
        found = _entries("APPROVALS")
        return {**found, "EXPIRES": duration(found["EXPIRES"]), "CLAIM_WITHIN": duration(found["CLAIM_WITHIN"])}

    @cached_property
    def LEAKS(self) -> Mapping[str, Any]:
        """What becomes of credentials that leaked, and who may report them: every entry of `conf.entries`."""
        found = _entries("LEAKS")
        return {**found, "RETIRE_AFTER": duration(found["RETIRE_AFTER"])}

    @cached_property
    def AUDIT_IGNORE(self) -> tuple[IgnoreEntry, ...]:
        """The findings that the project accepts, with a reason and a last day."""
        return tuple(IgnoreEntry.read(entry) for entry in _entry("AUDIT", "IGNORE"))

    @cached_property
    def EVENTS_SINKS(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Where events go besides the database and the logger: dotted path and options of each."""
        sinks = _entry("EVENTS", "SINKS")
        return tuple(
            (sink, {}) if isinstance(sink, str) else (sink["BACKEND"], sink.get("OPTIONS", {})) for sink in sinks
        )

    @cached_property
    def EVENTS_SEAL_EVERY(self) -> int:
        """After how many events a process seals."""
        return int(_entry("EVENTS", "SEAL_EVERY"))

    @cached_property
    def EVENTS_SEAL_AFTER(self) -> timedelta:
        """After how long a process seals what is not sealed."""
        return duration(_entry("EVENTS", "SEAL_AFTER"))

    @cached_property
    def EVENTS_SEAL_KEY(self) -> str | None:
        """Path of a PEM file with the Ed25519 key that signs checkpoints; None: a key derived from the newest pepper."""
        value = _entry("EVENTS", "SEAL_KEY")
        return None if value is None else str(value)

    @cached_property
    def EVENTS_RETENTION(self) -> timedelta | None:
        """How long `prune_access` keeps events; None: for ever."""
        value = _entry("EVENTS", "RETENTION")
        return None if value is None else duration(value)


@lru_cache(maxsize=8)
def _derived_peppers(secret_key: str, fallbacks: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        hmac.new(key.encode() if isinstance(key, str) else key, b"django_apiaccess.pepper", hashlib.sha256).hexdigest()
        for key in (secret_key, *fallbacks)
    )


access_settings: Final = AccessSettings()


def forget_settings(*, setting: str, **_kwargs: Any) -> None:
    """Read the settings anew. Connected to Django's signal for changed settings, which `override_settings` sends."""
    if setting in {"API_ACCESS", "SECRET_KEY", "SECRET_KEY_FALLBACKS", "API_KEY_CUSTOM_HEADER"}:
        access_settings.__dict__.clear()


setting_changed.connect(forget_settings, dispatch_uid="django_apiaccess.conf")
