"""A project that runs django-oauth-toolkit beside us. Its tests are `dot_behaviour.py`, run by `test_dot.py` in a process of their own."""

import os

from tests import settings
from tests.settings import *  # noqa: F403

INSTALLED_APPS = [*settings.INSTALLED_APPS, "oauth2_provider"]
ROOT_URLCONF = "tests.contrib.dot_urls"
OAUTH2_PROVIDER = {
    "SCOPES": {"read": "Read", "write": "Write", "docs:read": "See documents", "reports:read": "See reports"},
    "DEFAULT_SCOPES": ["read"],
    "CLIENT_SECRET_HASHER": "md5",
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": os.environ.get("DOT_STORAGE") == "hashed",
    "ALWAYS_RELOAD_OAUTHLIB_CORE": True,
}
API_ACCESS = {
    **settings.API_ACCESS,
    "DOT": {
        "ACCEPT_UNTIL": "2999-01-01",
        "SCOPES": {"read": "docs:read", "write": ["docs:read", "docs:write"]},
    },
}
LOGIN_URL = "/admin/login/"
DATABASES = {"default": {**settings.DATABASES["default"]}}
if os.environ.get("DATABASE_URL"):
    DATABASES["default"]["TEST"] = {"NAME": f"test_dot_{os.getpid()}"}
