"""Settings about TLS, and about what is believed of a reverse proxy."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from ...audit import places
from ...audit.finding import Finding, Severity
from ...audit.rules import rule
from ...audit.run import Audit
from ...authn.checks import YEAR
from ...check_ids import sound
from ...conf import access_settings


@rule(
    "settings.tls-not-required",
    Severity.HIGH,
    title="Credentials are taken over plain HTTP",
    why="Whoever is on the way reads a key once and uses it for as long as it lives. With REQUIRE_TLS it is refused unread.",
    fix='API_ACCESS = {..., "REQUIRE_TLS": True}  # behind a proxy that ends TLS: TRUSTED_PROXIES too',
    references=("ASVS 12.2.1", "ASVS 4.1.2", "RFC 6750 section 5.3", "CWE-319"),
)
def tls_not_required(audit: Audit) -> Iterator[Finding]:
    if sound("REQUIRE_TLS") and not access_settings.REQUIRE_TLS:
        yield audit.found(places.setting('API_ACCESS["REQUIRE_TLS"]'), "is off")


@rule(
    "settings.ssl-redirect",
    Severity.LOW,
    title="Pages are served over plain HTTP",
    why="The admin and the log-in pages answer over plain HTTP instead of sending the browser to https.",
    fix="SECURE_SSL_REDIRECT = True\nSECURE_REDIRECT_EXEMPT = [r'^api/', r'^access/']",
    references=("ASVS 12.2.1", "CWE-319"),
)
def ssl_redirect(audit: Audit) -> Iterator[Finding]:
    if not settings.SECURE_SSL_REDIRECT:
        behind = settings.SECURE_PROXY_SSL_HEADER is not None
        said = "is off; a proxy in front may do it instead" if behind else "is off"
        severity = Severity.INFO if behind else Severity.LOW
        yield audit.found(places.setting("SECURE_SSL_REDIRECT"), said, severity=severity)


@rule(
    "settings.hsts",
    Severity.MEDIUM,
    title="Browsers are not told to keep to TLS",
    why="Without HSTS for a year a browser's first request may go out in the clear, with its cookies, to whoever is on the way.",
    fix=f"SECURE_HSTS_SECONDS = {YEAR}\nSECURE_HSTS_INCLUDE_SUBDOMAINS = True",
    references=("ASVS 3.4.1", "RFC 6797", "CWE-523"),
)
def hsts(audit: Audit) -> Iterator[Finding]:
    seconds = settings.SECURE_HSTS_SECONDS
    if seconds < YEAR:
        severity = Severity.LOW if seconds else Severity.MEDIUM
        yield audit.found(places.setting("SECURE_HSTS_SECONDS"), f"is {seconds}: less than a year", severity=severity)
    elif not settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        yield audit.found(
            places.setting("SECURE_HSTS_INCLUDE_SUBDOMAINS"),
            "is off: a page of a subdomain over plain HTTP can set cookies for this site",
            severity=Severity.INFO,
            fix="SECURE_HSTS_INCLUDE_SUBDOMAINS = True",
        )


@rule(
    "settings.proxy",
    Severity.MEDIUM,
    title="What is believed of a reverse proxy does not fit together",
    why="Whose headers are believed says from where a client calls and whether it used TLS. Networks of keys and delays go by that.",
    fix='API_ACCESS = {..., "TRUSTED_PROXIES": ["10.0.0.0/8"]}  # the networks of your own proxies, and no others',
    references=("ASVS 4.1.3", "RFC 7239 section 8.1", "CWE-348"),
)
def proxy(audit: Audit) -> Iterator[Finding]:
    if not sound("TRUSTED_PROXIES"):
        return
    proxies = access_settings.TRUSTED_PROXIES
    if any(network.prefixlen == 0 for network in proxies):
        yield audit.found(
            places.setting('API_ACCESS["TRUSTED_PROXIES"]'),
            "trusts every address, so any client says in X-Forwarded-For where it calls from",
            severity=Severity.HIGH,
            aspect="everybody",
        )
    if settings.SECURE_PROXY_SSL_HEADER and not proxies:
        yield audit.found(
            places.setting("SECURE_PROXY_SSL_HEADER"),
            "Django believes anybody who sends this header that TLS was used, and TRUSTED_PROXIES names no proxy",
            aspect="untrusted",
        )


@rule(
    "settings.forwarded-host",
    Severity.MEDIUM,
    title="The host name is taken from a header",
    why="With USE_X_FORWARDED_HOST the sender names the host that links in e-mails and redirects lead to.",
    fix="USE_X_FORWARDED_HOST = False  # let the proxy pass on Host",
    references=("ASVS 4.1.3", "CWE-644"),
)
def forwarded_host(audit: Audit) -> Iterator[Finding]:
    if settings.USE_X_FORWARDED_HOST:
        wide = "*" in settings.ALLOWED_HOSTS
        said = "is on, and ALLOWED_HOSTS takes any name" if wide else "is on; ALLOWED_HOSTS still limits the names"
        severity = Severity.HIGH if wide else Severity.INFO
        yield audit.found(places.setting("USE_X_FORWARDED_HOST"), said, severity=severity)
