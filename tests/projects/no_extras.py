"""The README's project where no optional package is installed: importing one fails as if it were not there."""

import sys
from importlib.abc import MetaPathFinder

from tests import settings
from tests.projects.variant import variant_database
from tests.settings import *  # noqa: F403 - settings build on others

EXTRAS = {
    "apprise", "authlib", "django_otp_webauthn", "drf_spectacular", "guardian", "knox", "phonenumbers", "redis",
    "rest_framework_api_key", "rest_framework_simplejwt", "rules", "unfold",
}  # fmt: skip


class Absent(MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


sys.meta_path.insert(0, Absent())

INSTALLED_APPS = [
    app
    for app in settings.INSTALLED_APPS
    if app.split(".")[0] not in EXTRAS and app != "django_apiaccess.contrib.oauth"  # its URLs stay: they are empty then
]
REST_FRAMEWORK = {name: value for name, value in settings.REST_FRAMEWORK.items() if name != "DEFAULT_SCHEMA_CLASS"}
API_ACCESS = {"PEPPERS": ["DLBGTDn4sNm0XBJBSn7cUiFeLMX7Tm86vVArpFYY4C6ioFXz"]}
ROOT_URLCONF = "tests.urls"
DATABASES = {"default": variant_database()}
