"""Settings of the test suite: the minimal project of the README, on SQLite or on what DATABASE_URL names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "example_project"))
from config.database import database

SECRET_KEY = "test-secret-key-of-more-than-fifty-characters-for-the-suite-only"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "tests.urls"
STATIC_URL = "static/"

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
    "tests.testapp",
    "tests.kinapp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_apiaccess.middleware.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
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
AUTHENTICATION_BACKENDS = ["django_apiaccess.backends.AccessBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["django_apiaccess.authentication.AccessAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["django_apiaccess.permissions.HasAccess"],
    "DEFAULT_THROTTLE_CLASSES": ["django_apiaccess.throttling.AccessRateThrottle"],
    "DEFAULT_SCHEMA_CLASS": "django_apiaccess.contrib.spectacular.AccessSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SILENCED_SYSTEM_CHECKS = ["apiaccess.E071"]  # tests of contrib.oauth name an issuer of their own
API_ACCESS = {"PEPPERS": ["test-pepper-of-the-suite-0123456789abcdef"]}
OTP_WEBAUTHN_RP_ID = "localhost"
OTP_WEBAUTHN_RP_NAME = "Tests"
OTP_WEBAUTHN_ALLOWED_ORIGINS = ["http://localhost:8000"]
DATABASES = {"default": database(os.environ.get("DATABASE_URL", ""), ":memory:")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {"timeout": 20}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
