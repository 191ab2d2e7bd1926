"""The least that an API with keys needs: no admin, no sessions, no messages, no second factors, no templates."""

from tests.projects.variant import variant_database

SECRET_KEY = "the-secret-key-of-the-minimal-project-of-more-than-fifty-characters"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "tests.projects.variant_urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_apiaccess",
    "tests.testapp",
]
AUTHENTICATION_BACKENDS = ["django_apiaccess.backends.AccessBackend", "django.contrib.auth.backends.ModelBackend"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["django_apiaccess.authentication.AccessAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["django_apiaccess.permissions.HasAccess"],
    "DEFAULT_THROTTLE_CLASSES": ["django_apiaccess.throttling.AccessRateThrottle"],
}
API_ACCESS = {"PEPPERS": ["5Dn0FMzamkY3raBMYSgkmunwHWxhPeXuLhguDVOZqK2sNvPB"], "CREDENTIALS": ["api_key"]}
DATABASES = {"default": variant_database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
