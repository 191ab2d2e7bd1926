"""Everything at once: unfold's admin, guardian, rules, OpenAPI, second factors, a shared cache, and every setting said."""

from tests import settings
from tests.projects.variant import variant_database
from tests.settings import *  # noqa: F403 - settings build on others

INSTALLED_APPS = ["unfold", *settings.INSTALLED_APPS, "guardian", "rules.apps.AutodiscoverRulesConfig"]
MIDDLEWARE = [*settings.MIDDLEWARE, "django_otp.middleware.OTPMiddleware"]
AUTHENTICATION_BACKENDS = [
    *settings.AUTHENTICATION_BACKENDS,
    "guardian.backends.ObjectPermissionBackend",
    "rules.permissions.ObjectPermissionBackend",
]
ROOT_URLCONF = "tests.urls"
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "shared": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "shared_cache"},
}
API_ACCESS = {
    "ISSUER": "https://id.example",
    "KEY_PREFIX": "shop",
    "KEY_DEFAULT_LIFETIME": "30d",
    "KEY_MAX_LIFETIME": "90d",
    "KEY_ROTATION_GRACE": "1h",
    "PEPPERS": ["mSlb__s8H4Jx_DpM_fifmpMcLT3U-kbkaQGFYPrXn8HEWjZc", "mMb5FiPmm_k3FExOtY3SueLek36Lbhe4c0NzGhDvWb0XHUX-"],
    "CREDENTIALS": ["api_key", "session"],
    "REQUIRE_TLS": False,
    "TRUSTED_PROXIES": ["127.0.0.0/8"],
    "CACHE_SECONDS": 30,
    "GENERATION_SECONDS": 0,
    "MAX_REVOCATION_LAG": 1,
    "SHARED_CACHE": "shared",
    "EVENTS": {"RETENTION": "365d"},
}
DATABASES = {"default": variant_database()}
