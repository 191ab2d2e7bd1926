"""One Django project for every contender; peers that are not installed are left out.

DATABASE_URL names the PostgreSQL server (see `run.sh`); without it, SQLite in BENCHMARK_DIR. BENCHMARK_DATABASE names the
database there.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "example_project"))
from config.database import database

PEERS = ("rest_framework.authtoken", "rest_framework_api_key", "knox", "oauth2_provider")

SECRET_KEY = "benchmark-" + "k" * 60
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "benchmarks.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rest_framework",
    "django_apiaccess",
    "benchmarks",
    *(peer for peer in PEERS if find_spec(peer.partition(".")[0])),
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
AUTHENTICATION_BACKENDS = ["django_apiaccess.backends.AccessBackend", "django.contrib.auth.backends.ModelBackend"]
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
}
API_ACCESS = {"PEPPERS": ["benchmark-pepper-0123456789abcdef-0123456789"]}
OAUTH2_PROVIDER = {"SCOPES": {"read": "Read"}}
DATABASES = {
    "default": {
        **database(
            os.environ.get("DATABASE_URL", ""), Path(os.environ.get("BENCHMARK_DIR", "/tmp")) / "benchmark.sqlite3"
        ),
        "CONN_MAX_AGE": None,
    }
}
if "BENCHMARK_DATABASE" in os.environ:
    NAME = os.environ["BENCHMARK_DATABASE"]
    old = DATABASES["default"]["NAME"]
    DATABASES["default"]["NAME"] = old.with_name(f"{NAME}.sqlite3") if isinstance(old, Path) else NAME
if os.environ.get("BENCHMARK_SERVER_BINDING"):
    DATABASES["default"]["OPTIONS"] |= {"server_side_binding": True, "prepare_threshold": 5}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": True,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "root": {"handlers": ["null"]},
}
