"""The bookshop as tests/servers runs it: the example project, with a database file and entries of `API_ACCESS` from the environment.

SQLITE_FILE: the database without DATABASE_URL. API_ACCESS: JSON that is laid over the project's own. CONN_MAX_AGE: seconds, 0.
CACHE_PREFIX: keeps the counters of one run apart from those of another on the same Redis.
"""

import json
import os
from pathlib import Path

from config.database import database
from config.settings import *  # noqa: F403 - settings build on others
from config.settings import API_ACCESS, CACHES

DEBUG = False
DATABASES = {
    "default": {
        **database(os.environ.get("DATABASE_URL", ""), Path(os.environ.get("SQLITE_FILE", ":memory:"))),
        "CONN_MAX_AGE": int(os.environ.get("CONN_MAX_AGE", "0")),
        "CONN_HEALTH_CHECKS": True,
    }
}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MFA = {**API_ACCESS["MFA"], "SMS_GATEWAY": os.environ.get("SMS_GATEWAY")}  # the terminal's is for DEBUG
API_ACCESS = {**API_ACCESS, "MFA": MFA, **json.loads(os.environ.get("API_ACCESS", "{}"))}
CACHES["default"]["KEY_PREFIX"] = os.environ.get("CACHE_PREFIX", "")
