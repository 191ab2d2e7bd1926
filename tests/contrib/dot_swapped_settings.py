"""As `dot_settings`, with every model of django-oauth-toolkit swapped."""

from tests.contrib.dot_settings import *  # noqa: F403
from tests.contrib.dot_settings import INSTALLED_APPS as OF_THE_OTHER

INSTALLED_APPS = [*OF_THE_OTHER, "tests.contrib.dot_swapped"]
OAUTH2_PROVIDER_APPLICATION_MODEL = "dot_swapped.Application"
OAUTH2_PROVIDER_GRANT_MODEL = "dot_swapped.Grant"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "dot_swapped.AccessToken"
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "dot_swapped.RefreshToken"
OAUTH2_PROVIDER_ID_TOKEN_MODEL = "dot_swapped.IDToken"
OAUTH2_PROVIDER_DEVICE_GRANT_MODEL = "dot_swapped.DeviceGrant"
