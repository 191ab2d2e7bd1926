"""Every setting: its name, its default, and the form that its value must have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..core.secrets import PREFIX
from . import entries, forms
from .forms import Setting, table

CREDENTIAL_KINDS: Final = frozenset({"api_key", "jwt", "basic", "session"})
ON_CLEARTEXT: Final = ("reject", "revoke")
SIGNING_ALGORITHMS: Final = ("EdDSA", "ES256", "RS256", "PS256")


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


def _issuers(value: Any) -> str | None:
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence)
        or not all(isinstance(entry, Mapping) for entry in value)
    ):
        return "must be a list of dicts, as [{'issuer': 'https://id.example', 'audience': 'https://api.example'}]"
    return None


SETTINGS: Final = table(
    Setting("KEY_PREFIX", "ak", _prefix),
    Setting("KEY_DEFAULT_LIFETIME", "365d", forms.optional_span),
    Setting("KEY_MAX_LIFETIME", None, forms.optional_span),
    Setting("KEY_ROTATION_GRACE", "24h", forms.span),
    Setting("PEPPERS", (), _peppers),
    Setting("CREDENTIALS", ("api_key", "jwt", "session"), _credentials),
    Setting("REQUIRE_TLS", False, forms.boolean),
    Setting("ON_CLEARTEXT", "reject", forms.one_of(ON_CLEARTEXT)),
    Setting("TRUSTED_PROXIES", (), forms.networks),
    Setting("CACHE_SECONDS", 0, forms.seconds),
    Setting("GENERATION_SECONDS", 1, forms.seconds),
    Setting("MAX_REVOCATION_LAG", 0, forms.seconds),
    Setting("SHARED_CACHE", None, forms.optional_alias),
    Setting("STATELESS_SECONDS", 0, forms.seconds),
    Setting("ISSUER", "urn:django-apiaccess", forms.text),
    Setting("AUDIENCE", "urn:django-apiaccess", forms.text),
    Setting("SIGNING_ALGORITHM", "EdDSA", forms.one_of(SIGNING_ALGORITHMS)),
    Setting("ACCESS_TOKEN_LIFETIME", "10m", forms.span),
    Setting("REFRESH_TOKEN_LIFETIME", "14d", forms.span),
    Setting("SESSION_MAX_LIFETIME", "90d", forms.span),
    Setting("REFRESH_GRACE", "10s", forms.span),
    Setting("SESSIONS_PER_USER", 20, forms.count),
    Setting("TRUSTED_ISSUERS", (), _issuers),
    Setting(
        "LEGACY_JWT",
        {},
        forms.entries_of(
            entries.LEGACY_JWT_ENTRIES,
            "{'ALGORITHM': 'HS256', 'SIGNING_KEY': '...', 'ACCEPT_UNTIL': '2027-01-31', 'SCOPES': 'all'}",
        ),
    ),
    Setting("DOT", {}, forms.entries_of(entries.DOT_ENTRIES, "{'ACCEPT_UNTIL': '2027-01-31', 'SCOPES': 'same'}")),
    Setting("DPOP", {}, forms.entries_of(entries.DPOP_ENTRIES, "{'NONCE': True}")),
    Setting("OAUTH", {}, forms.entries_of(entries.OAUTH_ENTRIES, "{'CODE_LIFETIME': '60s'}")),
    Setting("LOCKOUT", {}, forms.entries_of(entries.LOCKOUT_ENTRIES, "{'ACCOUNT_FREE': 5}")),
    Setting("MFA", {}, forms.entries_of(entries.MFA_ENTRIES, "{'REQUIRED_FOR': ['staff'], 'GRACE': '14d'}")),
    Setting("NOTIFIER", "django_apiaccess.notifications.send_email", forms.text),
    Setting("EVENTS", {}, forms.entries_of(entries.EVENTS_ENTRIES, "{'RETENTION': '365d'}")),
    Setting("AUDIT", {}, forms.entries_of(entries.AUDIT_ENTRIES, "{'IGNORE': [...]}")),
    Setting("REMINDERS", {}, forms.entries_of(entries.REMINDERS_ENTRIES, "{'INACTIVE': '90d'}")),
    Setting("APPROVALS", {}, forms.entries_of(entries.APPROVALS_ENTRIES, "{'SCOPES': ['orders:refund']}")),
    Setting("LEAKS", {}, forms.entries_of(entries.LEAKS_ENTRIES, "{'GITHUB': True, 'ON_LEAK': 'revoke'}")),
)
