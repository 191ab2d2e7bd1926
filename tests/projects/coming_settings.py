"""What both projects that move to this package have in common."""

from tests.projects.coming import ON_OURS, STAGE
from tests.projects.variant import variant_database

SECRET_KEY = "the-secret-key-of-a-project-that-moves-of-more-than-sixty-four-characters"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "tests.projects.coming_urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]}
if STAGE != "before":
    INSTALLED_APPS += ["django_apiaccess", "tests.testapp"]
    AUTHENTICATION_BACKENDS = ["django_apiaccess.backends.AccessBackend", "django.contrib.auth.backends.ModelBackend"]
if ON_OURS:
    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["django_apiaccess.authentication.AccessAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["django_apiaccess.permissions.HasAccess"],
    }
REST_FRAMEWORK["TEST_REQUEST_DEFAULT_FORMAT"] = "json"
API_ACCESS = {"PEPPERS": ["kqj6mQ2tWZcV5hY8sRp3nXf7uLb9dAe4"], "CREDENTIALS": ["api_key", "jwt"]}
DATABASES = {"default": variant_database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
