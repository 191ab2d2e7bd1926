"""With django-axes, which counts and locks by itself: its back-end first, and its middleware where AXES_MIDDLEWARE says so."""

import os

from tests import settings
from tests.projects.variant import variant_database
from tests.settings import *  # noqa: F403 - settings build on others

INSTALLED_APPS = [*settings.INSTALLED_APPS, "axes"]
MIDDLEWARE = [*settings.MIDDLEWARE, *(["axes.middleware.AxesMiddleware"] if os.environ.get("AXES_MIDDLEWARE") else [])]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", *settings.AUTHENTICATION_BACKENDS]
AXES_FAILURE_LIMIT = 3
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = ["username"]
API_ACCESS = {**settings.API_ACCESS, "CREDENTIALS": ["api_key", "jwt", "basic"], "LOCKOUT": {"ACCOUNT_FREE": 1000}}
DATABASES = {"default": variant_database()}
