"""Settings of the project as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.conf import settings

from ...audit import places
from ...audit.finding import Finding, Severity
from ...audit.rules import rule
from ...audit.run import Audit

SIGNED_COOKIES: Final = "django.contrib.sessions.backends.signed_cookies"
COOKIES: Final = ("SESSION_COOKIE", "CSRF_COOKIE")


@rule(
    "settings.debug",
    Severity.HIGH,
    title="DEBUG is on",
    why="Error pages show code, settings and SQL to whoever causes an error. The rest of this report is about development settings.",
    fix="DEBUG = False",
    references=("ASVS 13.4.2", "CWE-489"),
)
def debug(audit: Audit) -> Iterator[Finding]:
    if settings.DEBUG:
        yield audit.found(places.setting("DEBUG"), "is on. Run the audit with the settings of production.")


@rule(
    "settings.allowed-hosts",
    Severity.MEDIUM,
    title="Any host name is accepted",
    why="A request may name any host, and links in e-mails (a password reset) then lead there.",
    fix='ALLOWED_HOSTS = ["api.example.com"]',
    references=("ASVS 4.1.3", "CWE-644"),
)
def allowed_hosts(audit: Audit) -> Iterator[Finding]:
    wide = [host for host in settings.ALLOWED_HOSTS if host in {"*", ".", "[*]"}]
    if wide:
        yield audit.found(places.setting("ALLOWED_HOSTS"), f"holds {wide[0]!r}")


@rule(
    "settings.cookie-in-clear",
    Severity.MEDIUM,
    title="Cookies that let people in go over plain HTTP too",
    why="Without Secure the browser sends them with every request in the clear, where whoever is on the way reads them.",
    fix="SESSION_COOKIE_SECURE = True\nCSRF_COOKIE_SECURE = True",
    references=("ASVS 3.3.1", "RFC 6265 section 4.1.2.5", "CWE-614"),
)
def cookie_in_clear(audit: Audit) -> Iterator[Finding]:
    for cookie in COOKIES:
        if not getattr(settings, f"{cookie}_SECURE"):
            yield audit.found(places.setting(f"{cookie}_SECURE"), "is off", fix=f"{cookie}_SECURE = True")


@rule(
    "settings.cookie-in-script",
    Severity.HIGH,
    title="Scripts read the session cookie",
    why="One hole for a foreign script (XSS) then gives away the session itself, not only what it can do while the page is open.",
    fix="SESSION_COOKIE_HTTPONLY = True",
    references=("ASVS 3.3.4", "CWE-1004"),
)
def cookie_in_script(audit: Audit) -> Iterator[Finding]:
    if not settings.SESSION_COOKIE_HTTPONLY:
        yield audit.found(places.setting("SESSION_COOKIE_HTTPONLY"), "is off")


@rule(
    "settings.cookie-samesite",
    Severity.MEDIUM,
    title="Cookies go along with what other sites make the browser send",
    why="SameSite is the second defence against forged requests (CSRF). Without it the token in the form is the only one.",
    fix='SESSION_COOKIE_SAMESITE = "Lax"\nCSRF_COOKIE_SAMESITE = "Lax"',
    references=("ASVS 3.3.2", "CWE-1275"),
)
def cookie_samesite(audit: Audit) -> Iterator[Finding]:
    for cookie in COOKIES:
        value = getattr(settings, f"{cookie}_SAMESITE")
        if str(value).lower() not in {"lax", "strict"}:
            fix = f'{cookie}_SAMESITE = "Lax"'
            yield audit.found(places.setting(f"{cookie}_SAMESITE"), f"is {value!r}", fix=fix)


@rule(
    "settings.sessions-in-cookies",
    Severity.MEDIUM,
    title="Sessions cannot be ended",
    why="With signed_cookies the session is the cookie: logging out, or ending a session, deletes it in one browser and nowhere else.",
    fix='SESSION_ENGINE = "django.contrib.sessions.backends.db"',
    references=("ASVS 7.4.1", "CWE-613"),
)
def sessions_in_cookies(audit: Audit) -> Iterator[Finding]:
    if settings.SESSION_ENGINE == SIGNED_COOKIES:
        yield audit.found(places.setting("SESSION_ENGINE"), "keeps sessions in the browser")
