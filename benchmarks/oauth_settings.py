"""The project of `settings`, with both authorization servers in it."""

from __future__ import annotations

from .settings import *  # noqa: F403 - settings build on others
from .settings import API_ACCESS, INSTALLED_APPS

ROOT_URLCONF = "benchmarks.oauth_urls"
INSTALLED_APPS = [*INSTALLED_APPS, "django_apiaccess.contrib.oauth"]
API_ACCESS = {
    **API_ACCESS,
    "ISSUER": "https://testserver",
    "OAUTH": {"RATE": "1000000/min"},  # counted as ever, and never reached
}
OAUTH2_PROVIDER = {"SCOPES": {"read": "Read"}}
