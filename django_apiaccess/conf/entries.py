"""The entries of the settings that are dicts, each with its default and its form. `docs/reference/settings.md` explains each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from ..core.durations import duration
from . import forms
from .forms import Setting, table

# -- events and audit


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


EVENTS_ENTRIES: Final = table(
    Setting("RETENTION", None, forms.optional_span),
    Setting("SINKS", (), _sinks),
    Setting("SEAL_EVERY", 500, forms.count),
    Setting("SEAL_AFTER", "5m", forms.span),
    Setting("SEAL_KEY", None, forms.optional_text),
)


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


def _ignore(value: Any) -> str | None:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return "must be a list"
    try:
        for entry in value:
            IgnoreEntry.read(entry)
    except ValueError as problem:
        return f"holds a bad entry: {problem}"
    return None


AUDIT_ENTRIES: Final = table(Setting("IGNORE", (), _ignore))

# -- failures and second factors

LOCKOUT_ENTRIES: Final = table(
    Setting("ACCOUNT_FREE", 5, forms.count),
    Setting("NETWORK_FREE", 50, forms.count),
    Setting("MAX_DELAY", "15m", forms.span),
    Setting("FORGET_AFTER", "24h", forms.span),
)
MFA_METHODS: Final = ("totp", "sms", "webauthn", "recovery")
MFA_GROUPS: Final = ("everyone", "staff", "superusers")


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


MFA_ENTRIES: Final = table(
    Setting("METHODS", None, _methods),
    Setting("MAX_AGE", "10m", forms.span),
    Setting("REQUIRED_FOR", (), _required_for),
    Setting("GRACE", "0s", forms.span),
    Setting("TRUST_LIFETIME", "30d", forms.span),
    Setting("NAME", None, forms.optional_text),
    Setting("SMS_GATEWAY", None, _gateway),
    Setting("SMS_REGION", None, forms.optional_text),
    Setting("SMS_COUNTRIES", None, _countries),
    Setting("SMS_BLOCKED_COUNTRIES", (), _countries),
    Setting("SMS_COOLDOWN", "30s", forms.span),
    Setting("SMS_PER_USER", "5/h", forms.rate),
    Setting("SMS_PER_NUMBER", "10/h", forms.rate),
    Setting("SMS_PER_NETWORK", "30/h", forms.rate),
    Setting("SMS_DAILY_CAP", 1000, forms.count),
)
MFA_DURATIONS: Final = frozenset({"MAX_AGE", "GRACE", "TRUST_LIFETIME", "SMS_COOLDOWN"})

# -- other people's tokens

LEGACY_JWT_ENTRIES: Final = table(
    Setting("ALGORITHM", None, forms.anything),
    Setting("SIGNING_KEY", None, forms.anything),
    Setting("VERIFYING_KEY", None, forms.anything),
    Setting("AUDIENCE", None, forms.anything),
    Setting("ISSUER", None, forms.anything),
    Setting("USER_ID_CLAIM", "user_id", forms.anything),
    Setting("USER_ID_FIELD", "id", forms.anything),
    Setting("TOKEN_TYPE_CLAIM", "token_type", forms.anything),
    Setting("JTI_CLAIM", "jti", forms.anything),
    Setting("PASSWORD_CLAIM", None, forms.anything),
    Setting("ACCEPT_UNTIL", None, forms.anything),
    Setting("SCOPES", None, forms.anything),
    Setting("ACCESS_TOKEN_LIFETIME", "24h", forms.anything),
    Setting("REFRESH_TOKEN_LIFETIME", "90d", forms.anything),
    Setting("LEEWAY", "10s", forms.anything),
)
"""By what tokens that simplejwt made are recognised; `contrib.simplejwt` reads it, and checks it."""
DOT_ENTRIES: Final = table(
    Setting("ACCEPT_UNTIL", None, forms.anything),
    Setting("SCOPES", None, forms.anything),
    Setting("SERVICE_ACCOUNTS", {}, forms.anything),
    Setting("RESOURCES", None, forms.anything),
)
"""What becomes of access tokens that django-oauth-toolkit made; `contrib.dot` reads it, and checks it."""

# -- OAuth


def _leeway(value: Any) -> str | None:
    wrong = forms.span(value)
    if wrong is None and not timedelta(seconds=1) <= duration(value) <= timedelta(minutes=10):
        return "must be between 1s and 10m"
    return wrong


DPOP_ENTRIES: Final = table(
    Setting("NONCE", False, forms.boolean),
    Setting("REQUIRED", False, forms.boolean),
    Setting("LEEWAY", "60s", _leeway),
)
OAUTH_GRANTS: Final = ("authorization_code", "refresh_token", "client_credentials", "device_code", "token_exchange")
"""By the short names that settings and commands use; the last two have longer ones on the wire."""


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


OAUTH_ENTRIES: Final = table(
    Setting("GRANTS", OAUTH_GRANTS, _grants),
    Setting("CODE_LIFETIME", "60s", forms.up_to(timedelta(minutes=10))),
    Setting("PAR_LIFETIME", "60s", forms.up_to(timedelta(minutes=10))),
    Setting("PAR_REQUIRED", False, forms.boolean),
    Setting("DEVICE_CODE_LIFETIME", "10m", forms.up_to(timedelta(minutes=30))),
    Setting("DPOP", "optional", forms.one_of(("off", "optional", "required"))),
    Setting("REGISTRATION", "off", forms.one_of(("off", "token", "open"))),
    Setting("REGISTRATION_SCOPES", (), _scope_list),
    Setting("REGISTRATION_UNUSED", "7d", forms.span),
    Setting("RESOURCES", (), _resources),
    Setting("ASSERTION_LIFETIME", "5m", forms.up_to(timedelta(hours=1))),
    Setting("CONSENT_MAX_AGE", "90d", forms.span),
    Setting("RATE", "300/min", forms.rate),
)

# -- reviews and leaks


def _stages(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Sequence):
        return "must be a list of durations, as ['14d', '3d', '1d'], or None"
    return next((f"holds {stage!r}, which {found}" for stage in value if (found := forms.positive_span(stage))), None)


def _patterns(of_scopes: bool) -> forms.Complaint:
    form = re.compile(r"\*|[a-z0-9*._-]+:[a-z0-9*._-]+" if of_scopes else r"\S(?:.*\S)?")
    example = "['orders:refund', '*:write']" if of_scopes else "['manager']"

    def complaint(value: Any) -> str | None:
        if isinstance(value, str) or not isinstance(value, Sequence):
            return f"must be a list of patterns, as {example}"
        odd = [item for item in value if not (isinstance(item, str) and form.fullmatch(item))]
        return f"holds {odd[0]!r}; write patterns as {example}" if odd else None

    return complaint


REMINDERS_ENTRIES: Final = table(
    Setting("EXPIRING", ("14d", "3d", "1d"), _stages), Setting("INACTIVE", "90d", forms.optional_positive_span)
)
APPROVALS_ENTRIES: Final = table(
    Setting("SCOPES", (), _patterns(of_scopes=True)),
    Setting("ROLES", (), _patterns(of_scopes=False)),
    Setting("FUNCTION", None, forms.optional_function),
    Setting("EXPIRES", "7d", forms.positive_span),
    Setting("CLAIM_WITHIN", "3d", forms.positive_span),
)
ON_LEAK: Final = ("revoke", "retire", "notify")
"""What becomes of a key that leaked, the strictest first."""
LEAKS_ENTRIES: Final = table(
    Setting("ON_LEAK", "revoke", forms.one_of(ON_LEAK)),
    Setting("RETIRE_AFTER", "1h", forms.up_to(timedelta(days=7))),
    Setting("REPORTS", True, forms.boolean),
    Setting("REPORTS_RATE", "60/h", forms.rate),
    Setting("GITHUB", False, forms.boolean),
    Setting("GITHUB_RATE", "600/min", forms.rate),
    Setting("GITHUB_KEYS_URL", "https://api.github.com/meta/public_keys/secret_scanning", forms.text),
    Setting("GITHUB_ALLOW_HTTP", False, forms.boolean),
    Setting("GITHUB_ALLOW_PRIVATE", False, forms.boolean),
)
