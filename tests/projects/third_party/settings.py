"""The suite's project, with django-guardian and django-rules beside us."""

from tests.settings import *

INSTALLED_APPS = [*INSTALLED_APPS, "guardian", "rules.apps.AutodiscoverRulesConfig", "tests.projects.third_party"]
AUTHENTICATION_BACKENDS = [
    *AUTHENTICATION_BACKENDS,
    "rules.permissions.ObjectPermissionBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ROOT_URLCONF = "tests.projects.third_party.urls"
MIGRATION_MODULES = {"third_party": None}
DATABASES["default"]["TEST"] = {"NAME": "test_apiaccess_third_party"}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": ":memory:"}
