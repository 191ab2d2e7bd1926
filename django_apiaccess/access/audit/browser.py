"""Settings about other web sites: who may read with a visitor's cookies (CORS), and who may make the browser send (CSRF)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings

from ...audit import places
from ...audit.finding import Finding, Severity
from ...audit.rules import rule
from ...audit.run import Audit
from ...authn.checks import is_among

CSRF: Final = "django.middleware.csrf.CsrfViewMiddleware"
SECURITY: Final = "django.middleware.security.SecurityMiddleware"
FRAMES: Final = "django.middleware.clickjacking.XFrameOptionsMiddleware"
CORS: Final = "corsheaders.middleware.CorsMiddleware"
ANY_NAMES: Final = ("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL")
ENDINGS: Final = (".com", ".net", ".org", ".io", ".app", ".com:8443", ".example.net", "")


def _given(name: str, default: Any = None) -> Any:
    return getattr(settings, name, default)


@rule(
    "settings.cors-any",
    Severity.HIGH,
    title="Every web site may read this API in a visitor's browser",
    why="With credentials allowed, any page that a visitor opens calls the API with the visitor's cookies and reads the answers.",
    fix='CORS_ALLOW_ALL_ORIGINS = False\nCORS_ALLOWED_ORIGINS = ["https://app.example.com"]',
    references=("ASVS 3.5.3", "ASVS 3.4.2", "CWE-942"),
)
def cors_any(audit: Audit) -> Iterator[Finding]:
    named = next((name for name in ANY_NAMES if _given(name) is True), None)
    wide = [pattern for pattern in _given("CORS_ALLOWED_ORIGIN_REGEXES", ()) or () if _matches_strangers(pattern)]
    if named is None and not wide:
        return
    subject = places.setting(named or "CORS_ALLOWED_ORIGIN_REGEXES")
    installed = any(str(path).startswith("corsheaders.") for path in settings.MIDDLEWARE)
    idle = "" if installed else f" ({CORS} is not in MIDDLEWARE yet)"
    said = "is on" if named else f"lets sites of strangers in by {getattr(wide[0], 'pattern', wide[0])!r}"
    if _given("CORS_ALLOW_CREDENTIALS") is True:
        yield audit.found(subject, f"{said}, with CORS_ALLOW_CREDENTIALS{idle}")
    else:
        yield audit.found(
            subject,
            f"{said}: fine for an API without cookies and internal data only{idle}",
            severity=Severity.LOW,
            aspect="without credentials",
        )


def _matches_strangers(pattern: Any) -> bool:
    """Whether a pattern lets in an origin that nobody here can have meant, matched as django-cors-headers matches it."""
    name = f"x{secrets.token_hex(8)}"
    origins = [f"{scheme}://{name}{ending}" for scheme in ("https", "http") for ending in ENDINGS]
    try:
        return any(re.match(pattern, origin) for origin in origins)
    except (re.error, TypeError):
        return False


@rule(
    "settings.csrf-middleware",
    Severity.HIGH,
    title="No CSRF protection",
    why="Without the middleware every form of the site, the admin's too, can be sent by a foreign page in a visitor's name.",
    fix=f'MIDDLEWARE = [..., "{CSRF}", ...]  # after the session middleware',
    references=("ASVS 3.5.1", "CWE-352"),
)
def csrf_middleware(audit: Audit) -> Iterator[Finding]:
    sessions = any(str(path).endswith(".SessionMiddleware") for path in settings.MIDDLEWARE)
    if sessions and not is_among(CSRF, settings.MIDDLEWARE):
        yield audit.found(places.setting("MIDDLEWARE"), f"lacks {CSRF}, and sessions are on")


@rule(
    "settings.security-headers",
    Severity.MEDIUM,
    title="Headers that protect pages in the browser are missing",
    why="Without these middlewares nothing sends HSTS, whatever is set, and other sites may put pages of this one in a frame.",
    fix=f'MIDDLEWARE = ["{SECURITY}", ..., "{FRAMES}"]',
    references=("ASVS 3.4.1", "ASVS 3.4.4", "ASVS 3.4.6", "CWE-693", "CWE-1021"),
)
def security_headers(audit: Audit) -> Iterator[Finding]:
    if not is_among(SECURITY, settings.MIDDLEWARE):
        said = "lacks SecurityMiddleware: SECURE_SSL_REDIRECT and SECURE_HSTS_SECONDS do nothing"
        yield audit.found(places.setting("MIDDLEWARE"), said, fix=f'MIDDLEWARE = ["{SECURITY}", ...]', aspect=SECURITY)
    elif not settings.SECURE_CONTENT_TYPE_NOSNIFF:
        said = "is off: browsers guess what an answer is, and may run it"
        fix = "SECURE_CONTENT_TYPE_NOSNIFF = True"
        yield audit.found(places.setting("SECURE_CONTENT_TYPE_NOSNIFF"), said, fix=fix, severity=Severity.LOW)
    sessions = any(str(path).endswith(".SessionMiddleware") for path in settings.MIDDLEWARE)
    if sessions and not is_among(FRAMES, settings.MIDDLEWARE) and not _sends_policy():
        said = "lacks XFrameOptionsMiddleware: a page of another site may show this one in a frame and steal clicks"
        yield audit.found(places.setting("MIDDLEWARE"), said, fix=f'MIDDLEWARE = [..., "{FRAMES}"]', aspect=FRAMES)


def _sends_policy() -> bool:
    """Whether a Content-Security-Policy may forbid frames instead."""
    return any("csp" in str(path).lower() or "contentsecurity" in str(path).lower() for path in settings.MIDDLEWARE)


@rule(
    "settings.csrf-origins",
    Severity.MEDIUM,
    title="Too many sites are trusted to send forms",
    why="A page on any of these hosts, and with a wildcard on any subdomain that somebody may get hold of, passes the origin check.",
    fix='CSRF_TRUSTED_ORIGINS = ["https://app.example.com"]',
    references=("ASVS 3.5.1", "CWE-352", "CWE-346"),
)
def csrf_origins(audit: Audit) -> Iterator[Finding]:
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        scheme, _, host = str(origin).partition("://")
        everything = host.strip("*.") == "" or (host.startswith("*.") and host.count(".") == 1)
        if everything or "*" in host:
            severity = Severity.HIGH if everything else Severity.MEDIUM
            yield audit.found(
                places.setting("CSRF_TRUSTED_ORIGINS"), f"holds {origin!r}", severity=severity, aspect=str(origin)
            )
        elif scheme == "http" and host.partition(":")[0] not in {"localhost", "127.0.0.1", "[::1]"}:
            said = f"holds {origin!r}: whoever is on the way writes that page"
            fix = f'CSRF_TRUSTED_ORIGINS = ["https://{host}"]'
            yield audit.found(places.setting("CSRF_TRUSTED_ORIGINS"), said, fix=fix, aspect=str(origin))
