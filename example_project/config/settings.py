"""Settings of the example project: a bookshop's API.

From the environment: DEBUG (1), SECRET_KEY, PEPPERS (comma-separated, the newest first), ALLOWED_HOSTS (comma-separated),
ISSUER (the address of the site; http://127.0.0.1:PORT without it, PORT is 8000 without one), GITHUB_KEYS_URL (where the keys of
GitHub's alerts are),
DATABASE_URL (SQLite without it), REDIS_URL (a cache in the process's memory without it).
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .database import database

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = os.environ.get("DEBUG", "1").strip().lower() in {"1", "true", "yes", "on"}

# Both are for the demo only. `manage.py check --deploy` says so.
SECRET_KEY = os.environ.get("SECRET_KEY") or "django-insecure-bookshop-demo-set-SECRET_KEY-for-anything-real"
PEPPERS = os.environ.get("PEPPERS") or "insecure-bookshop-demo-pepper-set-PEPPERS-for-anything-real"

ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_otp_webauthn",
    "django_apiaccess",
    "django_apiaccess.contrib.oauth",
    "shop",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_apiaccess.middleware.SecondFactorMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

AUTHENTICATION_BACKENDS = ["django_apiaccess.backends.AccessBackend", "django.contrib.auth.backends.ModelBackend"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["django_apiaccess.authentication.AccessAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["django_apiaccess.permissions.HasAccess"],
    "DEFAULT_THROTTLE_CLASSES": ["django_apiaccess.throttling.AccessRateThrottle"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "DEFAULT_SCHEMA_CLASS": "django_apiaccess.contrib.spectacular.AccessSchema",
    "PAGE_SIZE": 50,
}

# Where this site is for its clients: the `iss` of its tokens, and what OAuth clients find its endpoints by.
PORT = os.environ.get("PORT") or "8000"
ISSUER = os.environ.get("ISSUER") or f"http://127.0.0.1:{PORT}"

CONSOLE = "django_apiaccess.sms.console.ConsoleGateway"
API_ACCESS: dict[str, Any] = {
    "PEPPERS": PEPPERS.split(","),
    "ISSUER": ISSUER,
    "AUDIENCE": f"{ISSUER}/api/",
    "MFA": {
        "NAME": "Bookshop",
        # Staff must add a second factor, and have two weeks for it. MFA_GRACE=0s: at the next log-in.
        "REQUIRED_FOR": ["staff"],
        "GRACE": os.environ.get("MFA_GRACE", "14d"),
        # Codes go to this terminal, while DEBUG is on. For real: twilio, vonage, sns or apprise, or a list of them.
        "SMS_GATEWAY": os.environ.get("SMS_GATEWAY") or (CONSOLE if DEBUG else None),
    },
}

# Alerts of GitHub's secret scanning. GITHUB_KEYS_URL: another place of its public keys, to try it out against a server of one's own.
GITHUB_KEYS_URL = os.environ.get("GITHUB_KEYS_URL", "")
API_ACCESS["LEAKS"] = {"GITHUB": True}
if GITHUB_KEYS_URL:
    API_ACCESS["LEAKS"] |= {"GITHUB_KEYS_URL": GITHUB_KEYS_URL, "GITHUB_ALLOW_HTTP": True, "GITHUB_ALLOW_PRIVATE": True}

# No credential in logs, on the page of DEBUG or in mails about errors.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "django_apiaccess.logging.RedactSecrets"}},
    "formatters": {
        "server": {"()": "django.utils.log.ServerFormatter", "format": "[{server_time}] {message}", "style": "{"}
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "filters": ["redact"]},
        "server": {"class": "logging.StreamHandler", "filters": ["redact"], "formatter": "server"},
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.server": {"handlers": ["server"], "level": "INFO", "propagate": False},
    },
}
DEFAULT_EXCEPTION_REPORTER = "django_apiaccess.errors.RedactingExceptionReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "django_apiaccess.errors.RedactingReporterFilter"

OTP_ADMIN_HIDE_SENSITIVE_DATA = True
# What people are told of their account goes to this terminal, too.
EMAIL_BACKEND = os.environ.get("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")

# Passkeys belong to a host name: http://localhost:8000, not 127.0.0.1. While DEBUG is on, every port of localhost will do.
OTP_WEBAUTHN_RP_ID = os.environ.get("RP_ID", "localhost")
OTP_WEBAUTHN_RP_NAME = "Bookshop"
OTP_WEBAUTHN_ALLOWED_ORIGINS = os.environ.get("WEBAUTHN_ORIGINS", "http://localhost:8000").split(",")

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Bookshop",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",  # from 3.1 on, an operation's security names its scopes
    "DESCRIPTION": "The example project of django-apiaccess.",
    "SERVE_PERMISSIONS": ["django_apiaccess.permissions.HasAccess"],
    "SERVE_INCLUDE_SCHEMA": False,
}
if find_spec("drf_spectacular_sidecar"):  # the page's scripts from here, so that it works without the internet
    INSTALLED_APPS.append("drf_spectacular_sidecar")
    SPECTACULAR_SETTINGS |= {"SWAGGER_UI_DIST": "SIDECAR", "SWAGGER_UI_FAVICON_HREF": "SIDECAR"}

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": database(os.environ.get("DATABASE_URL", ""), BASE_DIR / "db.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", "")
if REDIS_URL:
    CACHES: dict[str, Any] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},  # a Redis that hangs must not hang the shop
        }
    }
    API_ACCESS["SHARED_CACHE"] = "default"  # one set of rate counters for all workers
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LOGIN_URL = "apiaccess-security-login"
LOGIN_REDIRECT_URL = "apiaccess-security"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
