"""A project that moves from simplejwt, stage by stage; see `coming`."""

from datetime import timedelta

from tests.projects.coming import ON_OURS, STAGE
from tests.projects.coming_settings import *  # noqa: F403 - settings build on others
from tests.projects.coming_settings import API_ACCESS, INSTALLED_APPS, REST_FRAMEWORK, SECRET_KEY

COMING_FROM = "simplejwt"
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
}
if not ON_OURS:
    INSTALLED_APPS += ["rest_framework_simplejwt", "rest_framework_simplejwt.token_blacklist"]
    REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = ["rest_framework_simplejwt.authentication.JWTAuthentication"]
if STAGE == "after":
    API_ACCESS["LEGACY_JWT"] = {
        "ALGORITHM": "HS256",
        "SIGNING_KEY": SECRET_KEY,
        "ACCESS_TOKEN_LIFETIME": "10m",
        "REFRESH_TOKEN_LIFETIME": "1d",
        "ACCEPT_UNTIL": "2999-01-01",
        "SCOPES": "all",
    }
