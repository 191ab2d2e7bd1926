"""A project that moves from knox, stage by stage; see `coming`."""

from tests.projects.coming import ON_OURS
from tests.projects.coming_settings import *  # noqa: F403 - settings build on others
from tests.projects.coming_settings import INSTALLED_APPS, REST_FRAMEWORK

COMING_FROM = "knox"
if not ON_OURS:
    INSTALLED_APPS += ["knox"]
    REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = [
        "rest_framework.authentication.BasicAuthentication",
        "knox.auth.TokenAuthentication",
    ]
