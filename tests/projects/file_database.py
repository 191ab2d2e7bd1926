"""The test suite's project with a database of its own, for tests that start processes of their own.

PROJECT_DATABASE is a path (SQLite) or, with PROJECT_SCHEMA, the name of a PostgreSQL database on the server of DATABASE_URL.
"""

import os

from tests import settings
from tests.settings import *  # noqa: F403

if os.environ.get("PROJECT_SCHEMA"):
    shared = settings.DATABASES["default"]
    options = {**shared["OPTIONS"], "options": f"-c search_path={os.environ['PROJECT_SCHEMA']}"}
    DATABASES = {"default": {**shared, "NAME": os.environ["PROJECT_DATABASE"], "OPTIONS": options}}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["PROJECT_DATABASE"],
            "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"},
        }
    }
