"""Weak settings."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from . import plant

VALIDATION = "django.contrib.auth.password_validation"


@plant("settings.debug")
def debug(project: Any) -> None:
    project.settings(DEBUG=True)


@plant("settings.allowed-hosts", finds="'*'")
def any_host(project: Any) -> None:
    project.settings(ALLOWED_HOSTS=["*"])


@plant("settings.tls-not-required")
def plain_http(project: Any) -> None:
    project.access(REQUIRE_TLS=False)


@plant("settings.ssl-redirect", severity="low")
def no_redirect(project: Any) -> None:
    project.settings(SECURE_SSL_REDIRECT=False)


@plant("settings.ssl-redirect", severity="info")
def a_proxy_that_may_redirect(project: Any) -> None:
    project.settings(SECURE_SSL_REDIRECT=False, SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))


@plant("settings.hsts", severity="medium")
def no_hsts(project: Any) -> None:
    project.settings(SECURE_HSTS_SECONDS=0)


@plant("settings.hsts", severity="low")
def short_hsts(project: Any) -> None:
    project.settings(SECURE_HSTS_SECONDS=3600)


@plant("settings.hsts", severity="info", finds="INCLUDE_SUBDOMAINS")
def hsts_without_subdomains(project: Any) -> None:
    project.settings(SECURE_HSTS_INCLUDE_SUBDOMAINS=False)


@plant("settings.proxy", severity="high", finds="every address")
def everybody_is_a_proxy(project: Any) -> None:
    project.access(TRUSTED_PROXIES=["0.0.0.0/0"])


@plant("settings.proxy", severity="medium", finds="SECURE_PROXY_SSL_HEADER")
def a_proxy_that_is_not_named(project: Any) -> None:
    project.settings(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))


@plant("settings.forwarded-host", severity="high")
def any_host_from_a_header(project: Any) -> None:
    project.settings(USE_X_FORWARDED_HOST=True, ALLOWED_HOSTS=["*"])


@plant("settings.forwarded-host", severity="info")
def a_known_host_from_a_header(project: Any) -> None:
    project.settings(USE_X_FORWARDED_HOST=True)


@plant("settings.cookie-in-clear", finds="SESSION_COOKIE_SECURE")
def session_cookie_in_clear(project: Any) -> None:
    project.settings(SESSION_COOKIE_SECURE=False)


@plant("settings.cookie-in-clear", finds="CSRF_COOKIE_SECURE")
def csrf_cookie_in_clear(project: Any) -> None:
    project.settings(CSRF_COOKIE_SECURE=False)


@plant("settings.cookie-in-script")
def scripts_read_the_session(project: Any) -> None:
    project.settings(SESSION_COOKIE_HTTPONLY=False)


@plant("settings.cookie-samesite", finds="SESSION_COOKIE_SAMESITE")
def no_samesite(project: Any) -> None:
    project.settings(SESSION_COOKIE_SAMESITE=False)


@plant("settings.cookie-samesite", finds="CSRF_COOKIE_SAMESITE")
def samesite_none(project: Any) -> None:
    project.settings(CSRF_COOKIE_SAMESITE="None")


@plant("settings.sessions-in-cookies")
def sessions_in_cookies(project: Any) -> None:
    project.settings(SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies")


@plant("settings.secret-key", finds="begins with django-insecure-")
def the_key_of_startproject(project: Any) -> None:
    project.settings(SECRET_KEY="django-insecure-" + "q8Zk3vY8qLw0RrT5uBn1Xc7MdHs9Pa2Gf4Je6Wy5Vt8")


@plant("settings.secret-key", finds="shorter")
def a_short_key(project: Any) -> None:
    project.settings(SECRET_KEY="q8Zk3vY8qLw0")


@plant("settings.secret-key", finds="SECRET_KEY_FALLBACKS")
def a_weak_old_key(project: Any) -> None:
    project.settings(SECRET_KEY_FALLBACKS=["change-me-change-me-change-me-change-me-change-me"])


@plant("settings.pepper-derived")
def no_pepper(project: Any) -> None:
    project.access(PEPPERS=[])


@plant("settings.pepper-weak", finds="easy to guess")
def a_simple_pepper(project: Any) -> None:
    project.access(PEPPERS=["abc" * 20])


@plant("settings.pepper-weak", finds="SECRET_KEY itself")
def the_pepper_is_the_secret_key(project: Any) -> None:
    key = "q8Zk3vY8qLw0RrT5uBn1Xc7MdHs9Pa2Gf4Je6Wy5Vt8Ui1Oz3Kx"
    project.settings(SECRET_KEY=key)
    project.access(PEPPERS=[key])


@plant("settings.pepper-weak", finds="for show")
def a_pepper_for_show(project: Any) -> None:
    project.access(PEPPERS=["my-example-pepper-of-the-readme-xyz-123"])


@plant("settings.password-hasher", severity="high", finds="MD5PasswordHasher")
def fast_digests(project: Any) -> None:
    project.settings(
        PASSWORD_HASHERS=[
            "django.contrib.auth.hashers.MD5PasswordHasher",
            "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        ]
    )


class OneRound(PBKDF2PasswordHasher):
    iterations = 1


@plant("settings.password-hasher", severity="high", finds="of 1 iterations")
def hardly_any_rounds(project: Any) -> None:
    project.settings(PASSWORD_HASHERS=[f"{__name__}.OneRound"])


@plant("settings.password-validators", severity="medium")
def no_validators(project: Any) -> None:
    project.settings(AUTH_PASSWORD_VALIDATORS=[])


@plant("settings.password-validators", severity="low", finds="common passwords")
def common_passwords(project: Any) -> None:
    project.settings(AUTH_PASSWORD_VALIDATORS=[{"NAME": f"{VALIDATION}.MinimumLengthValidator"}])


@plant("settings.cors-any", severity="high")
def any_site_with_credentials(project: Any) -> None:
    project.settings(CORS_ALLOW_ALL_ORIGINS=True, CORS_ALLOW_CREDENTIALS=True)


@plant("settings.cors-any", severity="high", finds="REGEXES")
def a_pattern_for_any_site(project: Any) -> None:
    project.settings(CORS_ALLOWED_ORIGIN_REGEXES=[r"^https://.*$"], CORS_ALLOW_CREDENTIALS=True)


@plant("settings.cors-any", severity="high", finds="REGEXES")
def a_pattern_for_any_site_in_other_words(project: Any) -> None:
    project.settings(CORS_ALLOWED_ORIGIN_REGEXES=[r"(?:https?)://[\w.-]+(:\d+)?"], CORS_ALLOW_CREDENTIALS=True)


@plant("settings.cors-any", severity="high", finds="REGEXES")
def a_pattern_that_is_a_beginning(project: Any) -> None:
    project.settings(CORS_ALLOWED_ORIGIN_REGEXES=[re.compile("HTTPS", re.IGNORECASE)], CORS_ALLOW_CREDENTIALS=True)


@plant("settings.cors-any", severity="low")
def any_site_without_credentials(project: Any) -> None:
    project.settings(CORS_ORIGIN_ALLOW_ALL=True)


@plant("settings.csrf-middleware")
def no_csrf_middleware(project: Any) -> None:
    from django.conf import settings

    project.settings(MIDDLEWARE=[path for path in settings.MIDDLEWARE if "csrf" not in path])


@plant("settings.csrf-origins", severity="high")
def every_site_is_trusted(project: Any) -> None:
    project.settings(CSRF_TRUSTED_ORIGINS=["https://*"])


@plant("settings.csrf-origins", severity="medium", finds="*.example.com")
def every_subdomain_is_trusted(project: Any) -> None:
    project.settings(CSRF_TRUSTED_ORIGINS=["https://*.example.com"])


@plant("settings.csrf-origins", severity="medium", finds="https://app.example.com")
def a_site_over_plain_http(project: Any) -> None:
    project.settings(CSRF_TRUSTED_ORIGINS=["http://app.example.com"])


@plant("settings.throttle-cache", finds="AnonRateThrottle")
def drf_counts_in_the_process(project: Any) -> None:
    ours = "django_apiaccess.throttling.AccessRateThrottle"
    project.framework(DEFAULT_THROTTLE_CLASSES=[ours, "rest_framework.throttling.AnonRateThrottle"])


@plant("settings.throttle-cache", finds="SHARED_CACHE")
def the_shared_cache_is_not_shared(project: Any) -> None:
    project.access(SHARED_CACHE="default")


@plant("settings.lockout", severity="high", finds="MAX_DELAY")
def failures_cost_nothing(project: Any) -> None:
    project.access(LOCKOUT={"MAX_DELAY": "1s"})


@plant("settings.lockout", severity="high", finds="ACCOUNT_FREE")
def guesses_for_nothing(project: Any) -> None:
    project.access(LOCKOUT={"ACCOUNT_FREE": 100000})


@plant("settings.lockout", severity="medium", finds="FORGET_AFTER")
def failures_are_forgotten_at_once(project: Any) -> None:
    project.access(LOCKOUT={"FORGET_AFTER": "10s"})


@plant("settings.mfa-staff")
def staff_without_a_second_factor(project: Any) -> None:
    project.access(MFA={"REQUIRED_FOR": ["role:manager"]})


@plant("settings.security-headers", severity="medium", finds="SecurityMiddleware")
def no_security_middleware(project: Any) -> None:
    _without(project, "SecurityMiddleware")


@plant("settings.security-headers", severity="medium", finds="XFrameOptionsMiddleware")
def pages_in_frames(project: Any) -> None:
    _without(project, "XFrameOptionsMiddleware")


@plant("settings.security-headers", severity="low", finds="NOSNIFF")
def browsers_guess(project: Any) -> None:
    project.settings(SECURE_CONTENT_TYPE_NOSNIFF=False)


def _without(project: Any, name: str) -> None:
    from django.conf import settings

    project.settings(MIDDLEWARE=[path for path in settings.MIDDLEWARE if not path.endswith(name)])
