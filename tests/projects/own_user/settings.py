"""A project with a user model of its own: no groups, no is_superuser, no permissions, an e-mail address to log in, a UUID as its key."""

from tests.settings import *

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "django_otp",
    "django_apiaccess",
    "tests.testapp",
    "tests.projects.own_user",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
AUTH_USER_MODEL = "own_user.Person"
AUTHENTICATION_BACKENDS = ["django_apiaccess.backends.AccessBackend", "django.contrib.auth.backends.ModelBackend"]
ROOT_URLCONF = "tests.projects.own_user.urls"
USE_TZ = False
TIME_ZONE = "Asia/Kolkata"
DATABASES["default"]["TEST"] = {"NAME": "test_apiaccess_own_user"}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": ":memory:"}
MIGRATION_MODULES = {"own_user": "tests.projects.own_user.migrations"}
