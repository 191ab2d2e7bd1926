"""The audit's rules about token sessions, lifetimes and the issuers that are trusted. Those about signing keys: `audit_keys`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.apps import apps
from django.db.models import F, Q

from ..audit.finding import Finding, Severity, Subject
from ..audit.many import each, page_of
from ..audit.rules import rule
from ..audit.run import Audit
from ..conf import access_settings, of_another_package
from ..core.durations import humanise
from . import audit_keys  # noqa: F401 - registers its rules
from .models import TokenSession

LONG_ACCESS: Final = timedelta(hours=1)
LONG_SESSION: Final = timedelta(days=365)
LONG_IDLE: Final = timedelta(days=90)
SLACK: Final = timedelta(minutes=5)
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def setting(name: str) -> Subject:
    """An entry of `API_ACCESS`."""
    return Subject("setting", f'API_ACCESS["{name}"]')


def issuer_subject(issuer: str) -> Subject:
    """A trusted issuer, by its `iss`."""
    return Subject("issuer", issuer[:200])


@rule(
    "tokens.long-access-tokens",
    Severity.MEDIUM,
    title="Access tokens that live long",
    why="A stolen access token is good until it ends, wherever it is verified by its signature alone. Clients refresh by themselves.",
    fix='API_ACCESS = {..., "ACCESS_TOKEN_LIFETIME": "10m"}',
    references=("ASVS 9.2.1", "RFC 9700 section 2.2.1", "CWE-613"),
)
def long_access_tokens(audit: Audit) -> Iterator[Finding]:
    if access_settings.ACCESS_TOKEN_LIFETIME > LONG_ACCESS:
        message = f"is {humanise(access_settings.ACCESS_TOKEN_LIFETIME)}"
        yield audit.found(setting("ACCESS_TOKEN_LIFETIME"), message)


@rule(
    "tokens.endless-sessions",
    Severity.MEDIUM,
    title="Token sessions without an end that matters",
    why="Whoever stole a refresh token, or found an old phone, stays logged in for as long as the session may live.",
    fix='API_ACCESS = {..., "SESSION_MAX_LIFETIME": "90d", "REFRESH_TOKEN_LIFETIME": "14d"}',
    references=("ASVS 7.3.1", "ASVS 7.3.2", "CWE-613"),
)
def endless_sessions(audit: Audit) -> Iterator[Finding]:
    if access_settings.SESSION_MAX_LIFETIME > LONG_SESSION:
        yield audit.found(setting("SESSION_MAX_LIFETIME"), f"is {humanise(access_settings.SESSION_MAX_LIFETIME)}")
    if access_settings.REFRESH_TOKEN_LIFETIME > LONG_IDLE:
        message = f"lets a session stay unused for {humanise(access_settings.REFRESH_TOKEN_LIFETIME)}"
        yield audit.found(setting("REFRESH_TOKEN_LIFETIME"), message)


@rule(
    "tokens.session-beyond-maximum",
    Severity.MEDIUM,
    title="Token sessions that live longer than the project allows",
    why="They began before SESSION_MAX_LIFETIME was lowered, or were written behind the service's back.",
    fix='manage.py revoke_tokens --session ID --reason "Older than SESSION_MAX_LIFETIME"',
    references=("ASVS 7.3.2", "CWE-613"),
)
def session_beyond_maximum(audit: Audit) -> Iterator[Finding]:
    longest = access_settings.SESSION_MAX_LIFETIME + SLACK

    def finding(session: Any) -> Finding:
        message = f"began on {session.created_at:%Y-%m-%d} and ends on {session.expires_at:%Y-%m-%d}"
        fix = f'manage.py revoke_tokens --session {session.sid} --reason "Older than SESSION_MAX_LIFETIME"'
        subject = Subject("token_session", session.sid, str(session), page_of(TokenSession, session.pk))
        return audit.found(subject, message, fix=fix, client=session.client_id)

    alive = TokenSession.objects.filter(revoked_at=None, expires_at__gt=audit.now).select_related("user")
    beyond = Q(expires_at__gt=F("created_at") + longest) | Q(created_at__lt=audit.now - longest)
    yield from each(audit, alive.filter(beyond), "token_session", finding)


def entries() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The trusted issuers as they were written: those that cannot be read are looked at, too."""
    for entry in access_settings.TRUSTED_ISSUERS:
        yield str(entry.get("issuer") or "an issuer without a name"), entry


def _texts(value: Any) -> list[str]:
    items = [value] if isinstance(value, str) else value if isinstance(value, list | tuple | set) else []
    return [str(item) for item in items if item]


@rule(
    "tokens.issuer-over-http",
    Severity.HIGH,
    title="Issuers over plain HTTP",
    why="Whoever is on the way puts in keys of their own, and is then anybody.",
    fix='API_ACCESS = {..., "TRUSTED_ISSUERS": [{"issuer": "https://id.example/", "audience": "https://api.example"}]}',
    references=("ASVS 12.2.1", "RFC 8414 section 2", "CWE-319"),
)
def issuer_over_http(audit: Audit) -> Iterator[Finding]:
    for issuer, entry in entries():
        addresses = [text for text in (issuer, str(entry.get("jwks_uri") or "")) if text.startswith("http://")]
        if addresses or entry.get("allow_http") is True:
            message = f"is fetched over {addresses[0]}" if addresses else "may be fetched over plain HTTP (allow_http)"
            yield audit.found(issuer_subject(issuer), message)
    own = urlsplit(access_settings.ISSUER)
    if own.scheme == "http" and own.hostname not in LOOPBACK:
        message = f"is {access_settings.ISSUER}: other servers fetch our keys over plain HTTP"
        yield audit.found(
            setting("ISSUER"),
            message,
            severity=Severity.MEDIUM,
            fix='API_ACCESS = {..., "ISSUER": "https://id.example"}',
        )


@rule(
    "tokens.issuer-without-audience",
    Severity.HIGH,
    title="Trusted issuers whose tokens are not pinned to this API",
    why="A token that the issuer gave for another API would open this one: whoever runs that API could use it here.",
    fix='API_ACCESS = {..., "TRUSTED_ISSUERS": [{"issuer": "https://id.example/", "audience": "https://api.example"}]}',
    references=("ASVS 9.2.3", "RFC 9068 section 4", "RFC 8725 section 3.9"),
)
def issuer_without_audience(audit: Audit) -> Iterator[Finding]:
    for issuer, entry in entries():
        audience = _texts(entry.get("audience"))
        if not audience:
            yield audit.found(issuer_subject(issuer), "names no audience")
        elif "*" in audience or issuer in audience:
            yield audit.found(issuer_subject(issuer), f"takes the audience {audience[0]!r}, which is not this API")


@rule(
    "tokens.weak-algorithm",
    Severity.HIGH,
    title="Tokens under shared secrets, or under no signature",
    why="With HS256 everybody who can verify a token can make one. With none everybody can.",
    fix='API_ACCESS = {..., "SIGNING_ALGORITHM": "EdDSA"}',
    references=("ASVS 9.1.2", "RFC 8725 section 3.2", "CWE-327", "CWE-347"),
)
def weak_algorithm(audit: Audit) -> Iterator[Finding]:
    for issuer, entry in entries():
        weak = [name for name in _texts(entry.get("algorithms")) if _is_weak(name)]
        if weak:
            fix = "In its entry of TRUSTED_ISSUERS: 'algorithms': ['RS256']"
            severity = Severity.CRITICAL if "none" in [name.lower() for name in weak] else None
            yield audit.found(issuer_subject(issuer), f"takes {weak[0]}", fix=fix, severity=severity)
    legacy = str(access_settings.LEGACY_JWT.get("ALGORITHM") or "") if access_settings.LEGACY_JWT else ""
    if _is_weak(legacy):
        until = access_settings.LEGACY_JWT.get("ACCEPT_UNTIL")
        message = f"takes {legacy} until {until or 'nobody knows when'}"
        fix = "Take LEGACY_JWT out once the last old token is dead; until then keep ACCEPT_UNTIL near."
        severity = Severity.CRITICAL if legacy.lower() == "none" else Severity.MEDIUM if until else Severity.HIGH
        yield audit.found(setting("LEGACY_JWT"), message, fix=fix, severity=severity)
    yield from _of_simplejwt(audit)
    if _is_weak(str(access_settings.SIGNING_ALGORITHM)):
        yield audit.found(setting("SIGNING_ALGORITHM"), f"is {access_settings.SIGNING_ALGORITHM}")


def _of_simplejwt(audit: Audit) -> Iterator[Finding]:
    """Simplejwt beside us: its default is HS256 under SECRET_KEY."""
    given = of_another_package("SIMPLE_JWT")
    if not isinstance(given, Mapping) and not apps.is_installed("rest_framework_simplejwt"):
        return
    written = given if isinstance(given, Mapping) else {}
    algorithm = str(written.get("ALGORITHM") or "HS256")
    if _is_weak(algorithm):
        key = "a secret of its own" if written.get("SIGNING_KEY") else "SECRET_KEY"
        fix = "SIMPLE_JWT = {'ALGORITHM': 'EdDSA', ...}  # or move: manage.py import_simplejwt"
        message = f"signs with {algorithm} under {key}: what can verify a token can make one"
        severity = Severity.CRITICAL if algorithm.lower() == "none" else Severity.MEDIUM
        yield audit.found(Subject("setting", "SIMPLE_JWT"), message, fix=fix, severity=severity)


def _is_weak(algorithm: str) -> bool:
    return algorithm.upper().startswith("HS") or algorithm.lower() == "none"
