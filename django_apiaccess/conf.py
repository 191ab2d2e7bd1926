"""The app's settings: one dict, `API_ACCESS`, read when they are used and again after `override_settings`.

This is the only module that reads `django.conf` for us. To add a setting: add a `Setting` below, and a line in
`docs/reference/settings.md`; the check for unknown names and wrong types follows from the table.
Long because it is a list: one property a setting, whose docstring is the setting's reference.
"""

from __future__ import annotations

import difflib
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Any, Final

from django.conf import settings as django_settings
from django.core.signals import setting_changed

from .core.addresses import IPNetwork, parse_networks
from .core.durations import duration
from .core.rates import parse_rate
from .core.secrets import PREFIX


@dataclass(frozen=True, slots=True)
class Setting:
    """One entry of `API_ACCESS`: its default, and a function that says what is wrong with a value (or None)."""

    name: str
    default: Any
    complaint: Callable[[Any], str | None]


def _duration_complaint(value: Any) -> str | None:
    try:
        if duration(value) < timedelta(0):
            return "must not be negative"
    except (ValueError, TypeError, AttributeError):
        return "must be a timedelta or a text as '90d', '24h', '30m'"
    return None


def _optional_duration(value: Any) -> str | None:
    return None if value is None else _duration_complaint(value)


def _seconds(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return "must be a number of seconds, 0 or more"
    return None


def _prefix(value: Any) -> str | None:
    if isinstance(value, str) and PREFIX.fullmatch(value):
        return None
    return "must be 1 to 16 lower-case letters and digits that begin with a letter, as 'ak'"


def _peppers(value: Any) -> str | None:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return "must be a list of secret texts, the newest first"
    if not all(isinstance(pepper, str) and len(pepper) >= 32 for pepper in value):
        return "must hold texts of at least 32 characters; make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    return "must not hold the same pepper twice" if len(set(value)) != len(value) else None


def _credentials(value: Any) -> str | None:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(kind, str) for kind in value):
        return "must be a list of credential kinds, as ['api_key', 'session']"
    unknown = sorted(set(value) - CREDENTIAL_KINDS)
    return f"knows no kind {unknown[0]!r}; kinds: {', '.join(sorted(CREDENTIAL_KINDS))}" if unknown else None


def _networks(value: Any) -> str | None:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return "must be a list of networks, as ['10.0.0.0/8']"
    try:
        parse_networks(" ".join(value))
    except (ValueError, TypeError) as error:
        return f"holds a bad network: {error}"
    return None


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be True or False"


def _optional_alias(value: Any) -> str | None:
    return None if value is None or isinstance(value, str) else "must be None or the name of an entry of CACHES"


def _events(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "must be a dict, as {'RETENTION': '365d'}"
    unknown = sorted(set(value) - EVENTS_DEFAULTS.keys())
    if unknown:
        return f"knows no entry {unknown[0]!r}; entries: {', '.join(sorted(EVENTS_DEFAULTS))}"
    complaints: dict[str, Callable[[Any], str | None]] = {
        "RETENTION": _optional_duration,
        "SEAL_EVERY": _count,
        "SEAL_AFTER": _duration_complaint,
        "SEAL_KEY": _optional_text,
        "SINKS": _sinks,
    }
    found = {name: complaints[name](given_value) for name, given_value in value.items()}
    return next((f"{name} {problem}" for name, problem in found.items() if problem), None)


@dataclass(frozen=True, slots=True)
class IgnoreEntry:
    """What the audit is to accept: a rule (or a pattern as `keys.*`), on a subject (or a pattern), for a reason, until a day."""

    rule: str
    reason: str
    subject: str = "*"
    until: date | None = None

    @classmethod
    def read(cls, entry: Any) -> IgnoreEntry:
        """From the setting. Raises `ValueError` that says how to write it."""
        how = "{'rule': 'keys.never-expires', 'subject': '*', 'reason': 'why', 'until': '2027-01-31'}"
        if not isinstance(entry, Mapping) or set(entry) - {"rule", "subject", "reason", "until"}:
            raise ValueError(f"an entry must be written as {how}")
        rule, reason, subject, until = (entry.get(name) for name in ("rule", "reason", "subject", "until"))
        if not (isinstance(rule, str) and rule and isinstance(reason, str) and reason.strip()):
            raise ValueError(f"an entry needs a rule and a reason, as {how}")
        try:
            day = until if until is None or isinstance(until, date) else date.fromisoformat(until)
        except (TypeError, ValueError):
            raise ValueError(f"'until' must be a day, as '2027-01-31', not {until!r}") from None
        return cls(rule, reason, str(subject or "*"), day)


def _audit(value: Any) -> str | None:
    if not isinstance(value, Mapping) or set(value) - {"IGNORE"}:
        return "must be a dict, as {'IGNORE': [...]}"
    entries = value.get("IGNORE", ())
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        return "IGNORE must be a list"
    try:
        for entry in entries:
            IgnoreEntry.read(entry)
    except ValueError as problem:
        return f"IGNORE: {problem}"
    return None


def _sinks(value: Any) -> str | None:
    how = "must be a list of {'BACKEND': dotted path, 'OPTIONS': {...}}"
    if isinstance(value, str) or not isinstance(value, Sequence):
        return how
    for sink in value:
        parts = {"BACKEND": sink} if isinstance(sink, str) else sink
        if (
            not isinstance(parts, Mapping)
            or not isinstance(parts.get("BACKEND"), str)
            or set(parts) - {"BACKEND", "OPTIONS"}
        ):
            return how
    return None


CREDENTIAL_KINDS: Final = frozenset({"api_key", "jwt", "basic", "session"})


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "must be a text that is not empty"


def _count(value: Any) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) and value > 0 else "must be a number above 0"


def _algorithm(value: Any) -> str | None:
    return None if value in SIGNING_ALGORITHMS else f"must be one of {', '.join(SIGNING_ALGORITHMS)}"


def _issuers(value: Any) -> str | None:
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence)
        or not all(isinstance(entry, Mapping) for entry in value)
    ):
        return "must be a list of dicts, as [{'issuer': 'https://id.example', 'audience': 'https://api.example'}]"
    return None


def _lockout(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "must be a dict, as {'ACCOUNT_FREE': 5}"
    unknown = sorted(set(value) - LOCKOUT_DEFAULTS.keys())
    if unknown:
        return f"knows no entry {unknown[0]!r}; entries: {', '.join(sorted(LOCKOUT_DEFAULTS))}"
    for name in ("ACCOUNT_FREE", "NETWORK_FREE"):
        if name in value and _count(value[name]):
            return f"{name} {_count(value[name])}"
    return next(
        (
            f"{name} {_duration_complaint(value[name])}"
            for name in ("MAX_DELAY", "FORGET_AFTER")
            if name in value and _duration_complaint(value[name])
        ),
        None,
    )


def _mfa(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "must be a dict, as {'REQUIRED_FOR': ['staff'], 'GRACE': '14d'}"
    for name, given_value in value.items():
        if name not in MFA_ENTRIES:
            near = difflib.get_close_matches(str(name), MFA_ENTRIES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"entries: {', '.join(sorted(MFA_ENTRIES))}"
            return f"knows no entry {name!r}; {hint}"
        problem = MFA_ENTRIES[name].complaint(given_value)
        if problem:
            return f"{name} {problem}"
    return None


def _methods(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Sequence):
        return "must be a list of methods, as ['totp', 'webauthn', 'recovery']"
    unknown = [method for method in value if method not in MFA_METHODS]
    return f"knows no method {unknown[0]!r}; methods: {', '.join(MFA_METHODS)}" if unknown else None


def _required_for(value: Any) -> str | None:
    if callable(value) or (isinstance(value, str) and "." in value):
        return None
    if isinstance(value, str) or not isinstance(value, Sequence):
        return "must be a list as ['staff', 'superusers', 'role:manager', 'scope:orders:refund', 'everyone'], or a function of a user"
    for item in value:
        word, colon, name = str(item).partition(":")
        if str(item) not in MFA_GROUPS and not (word in {"role", "scope"} and colon and name):
            return f"knows no {item!r}: write {', '.join(MFA_GROUPS)}, 'role:<name>' or 'scope:<name>'"
    return None


def _gateway(value: Any) -> str | None:
    entries = value if isinstance(value, list | tuple) else [value]
    for entry in entries:
        if entry is None or (isinstance(entry, str) and entry):
            continue
        if not (
            isinstance(entry, Mapping)
            and isinstance(entry.get("BACKEND"), str)
            and set(entry) <= {"BACKEND", "OPTIONS"}
        ):
            return "must be a dotted path, {'BACKEND': path, 'OPTIONS': {...}}, or a list of these (the next one when one fails)"
    return None


def _countries(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Sequence):
        return "must be a list of two-letter country codes, as ['NL', 'BE']"
    odd = [
        code for code in value if not (isinstance(code, str) and len(code) == 2 and code.isalpha() and code.isupper())
    ]
    return f"knows no country {odd[0]!r}: write two capital letters, as 'NL'" if odd else None


def _rate(value: Any) -> str | None:
    try:
        parse_rate(value)
    except (ValueError, TypeError, AttributeError):
        return "must be a rate, as '5/h' or '30/10m'"
    return None


def _optional_text(value: Any) -> str | None:
    return None if value is None else _text(value)


MFA_METHODS: Final = ("totp", "sms", "webauthn", "recovery")
MFA_GROUPS: Final = ("everyone", "staff", "superusers")


def _on_cleartext(value: Any) -> str | None:
    return None if value in ON_CLEARTEXT else "must be 'reject' or 'revoke'"


ON_CLEARTEXT: Final = ("reject", "revoke")


def _legacy_jwt(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "must be a dict, as {'ALGORITHM': 'HS256', 'SIGNING_KEY': '...', 'ACCEPT_UNTIL': '2027-01-31', 'SCOPES': 'all'}"
    unknown = sorted(set(value) - LEGACY_JWT_DEFAULTS.keys())
    return f"knows no entry {unknown[0]!r}; entries: {', '.join(sorted(LEGACY_JWT_DEFAULTS))}" if unknown else None


LEGACY_JWT_DEFAULTS: Final[dict[str, Any]] = {
    "ALGORITHM": None,
    "SIGNING_KEY": None,
    "VERIFYING_KEY": None,
    "AUDIENCE": None,
    "ISSUER": None,
    "USER_ID_CLAIM": "user_id",
    "USER_ID_FIELD": "id",
    "TOKEN_TYPE_CLAIM": "token_type",
    "JTI_CLAIM": "jti",
    "PASSWORD_CLAIM": None,
    "ACCEPT_UNTIL": None,
    "SCOPES": None,
    "ACCESS_TOKEN_LIFETIME": "24h",
    "REFRESH_TOKEN_LIFETIME": "90d",
    "LEEWAY": "10s",
}
"""By what tokens that simplejwt made are recognised; `contrib.simplejwt` reads it."""
MFA_ENTRIES: Final[dict[str, Setting]] = {
    setting.name: setting
    for setting in (
        Setting("METHODS", None, _methods),
        Setting("MAX_AGE", "10m", _duration_complaint),
        Setting("REQUIRED_FOR", (), _required_for),
        Setting("GRACE", "0s", _duration_complaint),
        Setting("TRUST_LIFETIME", "30d", _duration_complaint),
        Setting("NAME", None, _optional_text),
        Setting("SMS_GATEWAY", None, _gateway),
        Setting("SMS_REGION", None, _optional_text),
        Setting("SMS_COUNTRIES", None, _countries),
        Setting("SMS_BLOCKED_COUNTRIES", (), _countries),
        Setting("SMS_COOLDOWN", "30s", _duration_complaint),
        Setting("SMS_PER_USER", "5/h", _rate),
        Setting("SMS_PER_NUMBER", "10/h", _rate),
        Setting("SMS_PER_NETWORK", "30/h", _rate),
        Setting("SMS_DAILY_CAP", 1000, _count),
    )
}
"""The entries of `MFA`; `docs/reference/settings.md` explains each."""
MFA_DURATIONS: Final = frozenset({"MAX_AGE", "GRACE", "TRUST_LIFETIME", "SMS_COOLDOWN"})


def _dot(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "must be a dict, as {'ACCEPT_UNTIL': '2027-01-31', 'SCOPES': 'same'}"
    unknown = sorted(set(value) - DOT_DEFAULTS.keys())
    return f"knows no entry {unknown[0]!r}; entries: {', '.join(sorted(DOT_DEFAULTS))}" if unknown else None


DOT_DEFAULTS: Final[dict[str, Any]] = {
    "ACCEPT_UNTIL": None,
    "SCOPES": None,
    "SERVICE_ACCOUNTS": {},
    "RESOURCES": None,
}
"""What becomes of access tokens that django-oauth-toolkit made; `contrib.dot` reads it."""


def _dpop(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "must be a dict, as {'NONCE': True}"
    unknown = sorted(set(value) - DPOP_DEFAULTS.keys())
    if unknown:
        return f"knows no entry {unknown[0]!r}; entries: {', '.join(sorted(DPOP_DEFAULTS))}"
    for name in ("NONCE", "REQUIRED"):
        if name in value and _boolean(value[name]):
            return f"{name} {_boolean(value[name])}"
    if "LEEWAY" in value:
        if _duration_complaint(value["LEEWAY"]):
            return f"LEEWAY {_duration_complaint(value['LEEWAY'])}"
        if not timedelta(seconds=1) <= duration(value["LEEWAY"]) <= timedelta(minutes=10):
            return "LEEWAY must be between 1s and 10m"
    return None


DPOP_DEFAULTS: Final[dict[str, Any]] = {"NONCE": False, "REQUIRED": False, "LEEWAY": "60s"}


def _oauth(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "must be a dict, as {'CODE_LIFETIME': '60s'}"
    unknown = sorted(set(value) - OAUTH_DEFAULTS.keys())
    if unknown:
        return f"knows no entry {unknown[0]!r}; entries: {', '.join(sorted(OAUTH_DEFAULTS))}"
    found = ((name, OAUTH_COMPLAINTS[name](entry)) for name, entry in value.items())
    return next((f"{name} {complaint}" for name, complaint in found if complaint), None)


def _up_to(longest: timedelta) -> Callable[[Any], str | None]:
    def complaint(value: Any) -> str | None:
        wrong = _duration_complaint(value)
        if wrong is None and not timedelta(0) < duration(value) <= longest:
            return f"must be above 0 and at most {int(longest.total_seconds())} seconds"
        return wrong

    return complaint


def _grants(value: Any) -> str | None:
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        return f"must be a list of grants: {', '.join(OAUTH_GRANTS)}"
    unknown = [name for name in value if name not in OAUTH_GRANTS]
    return f"knows no grant {unknown[0]!r}; grants: {', '.join(OAUTH_GRANTS)}" if unknown else None


def _scope_list(value: Any) -> str | None:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
        return "must be a list of scopes, as ['orders:read']"
    return None


def _resources(value: Any) -> str | None:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
        return "must be a list of resource identifiers, as ['https://files.example/']"
    return next((complaint for item in value if (complaint := resource_complaint(item))), None)


def resource_complaint(value: str) -> str | None:
    """What is wrong with a resource identifier (RFC 8707 section 2): it is an absolute URI without a fragment."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", value) or "#" in value or '"' in value:
        return f"holds {value[:80]!r}, which is no absolute URI without a fragment"
    return None


def _dpop_policy(value: Any) -> str | None:
    return None if value in OAUTH_DPOP else f"must be one of {', '.join(OAUTH_DPOP)}"


def _registration(value: Any) -> str | None:
    return None if value in OAUTH_REGISTRATION else f"must be one of {', '.join(OAUTH_REGISTRATION)}"


def _entries(table: Callable[[], Mapping[str, Setting]], example: str) -> Callable[[Any], str | None]:
    """What is wrong with a dict whose entries are those of `table`: an unknown name (with the nearest), or an entry's own complaint."""

    def complaint(value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return f"must be a dict, as {example}"
        for name, given_value in value.items():
            entry = table().get(name)
            if entry is None:
                near = difflib.get_close_matches(str(name), table(), n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"entries: {', '.join(sorted(table()))}"
                return f"knows no entry {name!r}; {hint}"
            problem = entry.complaint(given_value)
            if problem:
                return f"{name} {problem}"
        return None

    return complaint


def _stages(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Sequence):
        return "must be a list of durations, as ['14d', '3d', '1d'], or None"
    return next((f"holds {stage!r}, which {found}" for stage in value if (found := _positive(stage))), None)


def _positive(value: Any) -> str | None:
    return _duration_complaint(value) or (None if duration(value) else "must be above 0")


def _optional_positive(value: Any) -> str | None:
    return None if value is None else _positive(value)


def _patterns(of_scopes: bool) -> Callable[[Any], str | None]:
    form = re.compile(r"\*|[a-z0-9*._-]+:[a-z0-9*._-]+" if of_scopes else r"\S(?:.*\S)?")
    example = "['orders:refund', '*:write']" if of_scopes else "['manager']"

    def complaint(value: Any) -> str | None:
        if isinstance(value, str) or not isinstance(value, Sequence):
            return f"must be a list of patterns, as {example}"
        odd = [item for item in value if not (isinstance(item, str) and form.fullmatch(item))]
        return f"holds {odd[0]!r}; write patterns as {example}" if odd else None

    return complaint


def _optional_function(value: Any) -> str | None:
    if value is None or callable(value) or (isinstance(value, str) and "." in value):
        return None
    return "must be None, a function of a principal and a set of scopes, or its dotted path"


REMINDERS_ENTRIES: Final[dict[str, Setting]] = {
    setting.name: setting
    for setting in (Setting("EXPIRING", ("14d", "3d", "1d"), _stages), Setting("INACTIVE", "90d", _optional_positive))
}
"""The entries of `REMINDERS`; `docs/reference/settings.md` explains each."""
APPROVALS_ENTRIES: Final[dict[str, Setting]] = {
    setting.name: setting
    for setting in (
        Setting("SCOPES", (), _patterns(of_scopes=True)),
        Setting("ROLES", (), _patterns(of_scopes=False)),
        Setting("FUNCTION", None, _optional_function),
        Setting("EXPIRES", "7d", _positive),
        Setting("CLAIM_WITHIN", "3d", _positive),
    )
}
"""The entries of `APPROVALS`; `docs/reference/settings.md` explains each."""
OAUTH_DPOP: Final = ("off", "optional", "required")
OAUTH_REGISTRATION: Final = ("off", "token", "open")
OAUTH_GRANTS: Final = ("authorization_code", "refresh_token", "client_credentials", "device_code", "token_exchange")
"""By the short names that settings and commands use; the last two have longer ones on the wire."""
OAUTH_DEFAULTS: Final[dict[str, Any]] = {
    "GRANTS": OAUTH_GRANTS,
    "CODE_LIFETIME": "60s",
    "PAR_LIFETIME": "60s",
    "PAR_REQUIRED": False,
    "DEVICE_CODE_LIFETIME": "10m",
    "DPOP": "optional",
    "REGISTRATION": "off",
    "REGISTRATION_SCOPES": (),
    "REGISTRATION_UNUSED": "7d",
    "RESOURCES": (),
    "ASSERTION_LIFETIME": "5m",
    "CONSENT_MAX_AGE": "90d",
    "RATE": "300/min",
}
OAUTH_COMPLAINTS: Final[dict[str, Callable[[Any], str | None]]] = {
    "GRANTS": _grants,
    "CODE_LIFETIME": _up_to(timedelta(minutes=10)),
    "PAR_LIFETIME": _up_to(timedelta(minutes=10)),
    "PAR_REQUIRED": _boolean,
    "DEVICE_CODE_LIFETIME": _up_to(timedelta(minutes=30)),
    "DPOP": _dpop_policy,
    "REGISTRATION": _registration,
    "REGISTRATION_SCOPES": _scope_list,
    "REGISTRATION_UNUSED": _duration_complaint,
    "RESOURCES": _resources,
    "ASSERTION_LIFETIME": _up_to(timedelta(hours=1)),
    "CONSENT_MAX_AGE": _duration_complaint,
    "RATE": _rate,
}


def _on_leak(value: Any) -> str | None:
    return None if value in ON_LEAK else f"must be one of {', '.join(map(repr, ON_LEAK))}"


def _leaks(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "must be a dict, as {'GITHUB': True, 'ON_LEAK': 'revoke'}"
    for name, given_value in value.items():
        if name not in LEAKS_ENTRIES:
            near = difflib.get_close_matches(str(name), LEAKS_ENTRIES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"entries: {', '.join(sorted(LEAKS_ENTRIES))}"
            return f"knows no entry {name!r}; {hint}"
        problem = LEAKS_ENTRIES[name].complaint(given_value)
        if problem:
            return f"{name} {problem}"
    return None


ON_LEAK: Final = ("revoke", "retire", "notify")
"""What becomes of a key that leaked, the strictest first."""
LEAKS_ENTRIES: Final[dict[str, Setting]] = {
    setting.name: setting
    for setting in (
        Setting("ON_LEAK", "revoke", _on_leak),
        Setting("RETIRE_AFTER", "1h", _up_to(timedelta(days=7))),
        Setting("REPORTS", True, _boolean),
        Setting("REPORTS_RATE", "60/h", _rate),
        Setting("GITHUB", False, _boolean),
        Setting("GITHUB_RATE", "600/min", _rate),
        Setting("GITHUB_KEYS_URL", "https://api.github.com/meta/public_keys/secret_scanning", _text),
        Setting("GITHUB_ALLOW_HTTP", False, _boolean),
        Setting("GITHUB_ALLOW_PRIVATE", False, _boolean),
    )
}
"""The entries of `LEAKS`; `docs/reference/settings.md` explains each."""
SIGNING_ALGORITHMS: Final = ("EdDSA", "ES256", "RS256", "PS256")
LOCKOUT_DEFAULTS: Final[dict[str, Any]] = {
    "ACCOUNT_FREE": 5,
    "NETWORK_FREE": 50,
    "MAX_DELAY": "15m",
    "FORGET_AFTER": "24h",
}
EVENTS_DEFAULTS: Final[dict[str, Any]] = {
    "RETENTION": None,
    "SINKS": (),
    "SEAL_EVERY": 500,
    "SEAL_AFTER": "5m",
    "SEAL_KEY": None,
}

NOT_SHARED: Final = {
    "django.core.cache.backends.locmem.LocMemCache": "each process has its own",
    "django.core.cache.backends.dummy.DummyCache": "it keeps nothing",
    "django.core.cache.backends.filebased.FileBasedCache": "its counting is not atomic, and each host has its own files",
}
"""Cache backends that not every worker sees, and why."""
SETTINGS: Final[dict[str, Setting]] = {
    setting.name: setting
    for setting in (
        Setting("KEY_PREFIX", "ak", _prefix),
        Setting("KEY_DEFAULT_LIFETIME", "365d", _optional_duration),
        Setting("KEY_MAX_LIFETIME", None, _optional_duration),
        Setting("KEY_ROTATION_GRACE", "24h", _duration_complaint),
        Setting("PEPPERS", (), _peppers),
        Setting("CREDENTIALS", ("api_key", "jwt", "session"), _credentials),
        Setting("REQUIRE_TLS", False, _boolean),
        Setting("ON_CLEARTEXT", "reject", _on_cleartext),
        Setting("TRUSTED_PROXIES", (), _networks),
        Setting("CACHE_SECONDS", 0, _seconds),
        Setting("GENERATION_SECONDS", 1, _seconds),
        Setting("MAX_REVOCATION_LAG", 0, _seconds),
        Setting("SHARED_CACHE", None, _optional_alias),
        Setting("STATELESS_SECONDS", 0, _seconds),
        Setting("ISSUER", "urn:django-apiaccess", _text),
        Setting("AUDIENCE", "urn:django-apiaccess", _text),
        Setting("SIGNING_ALGORITHM", "EdDSA", _algorithm),
        Setting("ACCESS_TOKEN_LIFETIME", "10m", _duration_complaint),
        Setting("REFRESH_TOKEN_LIFETIME", "14d", _duration_complaint),
        Setting("SESSION_MAX_LIFETIME", "90d", _duration_complaint),
        Setting("REFRESH_GRACE", "10s", _duration_complaint),
        Setting("SESSIONS_PER_USER", 20, _count),
        Setting("TRUSTED_ISSUERS", (), _issuers),
        Setting("LEGACY_JWT", {}, _legacy_jwt),
        Setting("DOT", {}, _dot),
        Setting("DPOP", {}, _dpop),
        Setting("OAUTH", {}, _oauth),
        Setting("LOCKOUT", {}, _lockout),
        Setting("MFA", {}, _mfa),
        Setting("NOTIFIER", "django_apiaccess.notifications.send_email", _text),
        Setting("EVENTS", {}, _events),
        Setting("AUDIT", {}, _audit),
        Setting("REMINDERS", {}, _entries(lambda: REMINDERS_ENTRIES, "{'INACTIVE': '90d'}")),
        Setting("APPROVALS", {}, _entries(lambda: APPROVALS_ENTRIES, "{'SCOPES': ['orders:refund']}")),
        Setting("LEAKS", {}, _leaks),
    )
}


def given() -> Mapping[str, Any]:
    """`API_ACCESS` as the project wrote it; an empty dict when it is missing or no dict (a system check says so)."""
    value = getattr(django_settings, "API_ACCESS", {})
    return value if isinstance(value, Mapping) else {}


def _get(name: str) -> Any:
    return given().get(name, SETTINGS[name].default)


def _entry(name: str, defaults: Mapping[str, Any], entry: str) -> Any:
    return {**defaults, **_get(name)}[entry]


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
        value = _get("LEGACY_JWT")
        return {**LEGACY_JWT_DEFAULTS, **value} if value else {}

    @cached_property
    def DOT(self) -> Mapping[str, Any]:
        """How access tokens of django-oauth-toolkit are accepted while they still live; empty: none is."""
        value = _get("DOT")
        return {**DOT_DEFAULTS, **value} if value else {}

    @cached_property
    def DPOP_NONCE(self) -> bool:
        """Whether a DPoP proof must hold a nonce of this server (RFC 9449 section 8): none can then be made in advance."""
        return bool(_entry("DPOP", DPOP_DEFAULTS, "NONCE"))

    @cached_property
    def DPOP_REQUIRED(self) -> bool:
        """Whether access tokens must be bound to a key: none is given or accepted without a proof. API keys have their own choice."""
        return bool(_entry("DPOP", DPOP_DEFAULTS, "REQUIRED"))

    @cached_property
    def DPOP_LEEWAY(self) -> timedelta:
        """How far the clock of who made a proof may be off, either way; so long a proof lives."""
        return duration(_entry("DPOP", DPOP_DEFAULTS, "LEEWAY"))

    @cached_property
    def OAUTH(self) -> Mapping[str, Any]:
        """How `contrib.oauth` gives tokens; it reads the entries by `contrib.oauth.options`."""
        return {**OAUTH_DEFAULTS, **_get("OAUTH")}

    @property
    def login_url(self) -> str:
        """Where people log in to the site."""
        return str(django_settings.LOGIN_URL)

    @cached_property
    def LOCKOUT_ACCOUNT_FREE(self) -> int:
        """Failures on one account that cost no delay."""
        return int(_entry("LOCKOUT", LOCKOUT_DEFAULTS, "ACCOUNT_FREE"))

    @cached_property
    def LOCKOUT_NETWORK_FREE(self) -> int:
        """Failures from one network that cost no delay."""
        return int(_entry("LOCKOUT", LOCKOUT_DEFAULTS, "NETWORK_FREE"))

    @cached_property
    def LOCKOUT_MAX_DELAY(self) -> timedelta:
        """The longest delay after a failure."""
        return duration(_entry("LOCKOUT", LOCKOUT_DEFAULTS, "MAX_DELAY"))

    @cached_property
    def LOCKOUT_FORGET_AFTER(self) -> timedelta:
        """When failures are forgotten."""
        return duration(_entry("LOCKOUT", LOCKOUT_DEFAULTS, "FORGET_AFTER"))

    @cached_property
    def MFA(self) -> Mapping[str, Any]:
        """How second factors work: every entry of `MFA_ENTRIES`, as the project gave it or its default; durations as `timedelta`."""
        given_entries = _get("MFA")
        entries = {name: given_entries.get(name, entry.default) for name, entry in MFA_ENTRIES.items()}
        return {name: duration(value) if name in MFA_DURATIONS else value for name, value in entries.items()}

    @cached_property
    def NOTIFIER(self) -> str:
        """Dotted path of what tells a person of something: `notifier(user, kind, context)`."""
        return str(_get("NOTIFIER"))

    @cached_property
    def REMINDERS_EXPIRING(self) -> tuple[timedelta, ...]:
        """How long before their end owners of credentials are reminded, the shortest first; empty: never."""
        return tuple(sorted({duration(stage) for stage in self._reminders("EXPIRING") or ()}))

    @cached_property
    def REMINDERS_INACTIVE(self) -> timedelta | None:
        """After how long without use an owner is asked whether a credential is needed; None: never."""
        value = self._reminders("INACTIVE")
        return None if value is None else duration(value)

    @staticmethod
    def _reminders(entry: str) -> Any:
        return _get("REMINDERS").get(entry, REMINDERS_ENTRIES[entry].default)

    @cached_property
    def APPROVALS(self) -> Mapping[str, Any]:
        """Which keys need another person's approval: every entry of `APPROVALS_ENTRIES`; durations as `timedelta`."""
        given_entries = _get("APPROVALS")
        entries = {name: given_entries.get(name, entry.default) for name, entry in APPROVALS_ENTRIES.items()}
        return {
            name: duration(value) if name in {"EXPIRES", "CLAIM_WITHIN"} else value for name, value in entries.items()
        }

    @cached_property
    def LEAKS(self) -> Mapping[str, Any]:
        """What becomes of credentials that leaked, and who may report them: every entry of `LEAKS_ENTRIES`."""
        given_entries = _get("LEAKS")
        entries = {name: given_entries.get(name, entry.default) for name, entry in LEAKS_ENTRIES.items()}
        return {**entries, "RETIRE_AFTER": duration(entries["RETIRE_AFTER"])}

    @cached_property
    def AUDIT_IGNORE(self) -> tuple[IgnoreEntry, ...]:
        """The findings that the project accepts, with a reason and a last day."""
        return tuple(IgnoreEntry.read(entry) for entry in _get("AUDIT").get("IGNORE", ()))

    @cached_property
    def EVENTS_SINKS(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Where events go besides the database and the logger: dotted path and options of each."""
        sinks = _entry("EVENTS", EVENTS_DEFAULTS, "SINKS")
        return tuple(
            (sink, {}) if isinstance(sink, str) else (sink["BACKEND"], sink.get("OPTIONS", {})) for sink in sinks
        )

    @cached_property
    def EVENTS_SEAL_EVERY(self) -> int:
        """After how many events a process seals."""
        return int(_entry("EVENTS", EVENTS_DEFAULTS, "SEAL_EVERY"))

    @cached_property
    def EVENTS_SEAL_AFTER(self) -> timedelta:
        """After how long a process seals what is not sealed."""
        return duration(_entry("EVENTS", EVENTS_DEFAULTS, "SEAL_AFTER"))

    @cached_property
    def EVENTS_SEAL_KEY(self) -> str | None:
        """Path of a PEM file with the Ed25519 key that signs checkpoints; None: a key derived from the newest pepper."""
        value = _entry("EVENTS", EVENTS_DEFAULTS, "SEAL_KEY")
        return None if value is None else str(value)

    @cached_property
    def EVENTS_RETENTION(self) -> timedelta | None:
        """How long `prune_access` keeps events; None: for ever."""
        value = _get("EVENTS").get("RETENTION")
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
