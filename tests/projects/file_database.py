"""The test suite's project with its tables in a file, for tests that start processes of their own.

PROJECT_DATABASE is a path (SQLite); where DATABASE_URL names PostgreSQL, PROJECT_SCHEMA is a schema of its own there.
"""

import os

from tests import settings
from tests.settings import *  # noqa: F403

if os.environ.get("PROJECT_SCHEMA"):
    own = {"options": f"-c search_path={os.environ['PROJECT_SCHEMA']}"}
    DATABASES = {
        "default": {**settings.DATABASES["default"], "OPTIONS": {**settings.DATABASES["default"]["OPTIONS"], **own}}
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["PROJECT_DATABASE"],
            "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"},
        }
    }
