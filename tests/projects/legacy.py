"""A project that used three other packages for its keys and now takes them over. Run by `tests/keys/test_importers_packages.py`."""

import os

from tests import settings
from tests.settings import *  # noqa: F403

INSTALLED_APPS = [*settings.INSTALLED_APPS, "rest_framework.authtoken", "rest_framework_api_key", "knox"]
DATABASES = {"default": {**settings.DATABASES["default"]}}
if os.environ.get("DATABASE_URL"):
    DATABASES["default"]["TEST"] = {"NAME": f"test_legacy_{os.getpid()}"}
