"""The endpoints of both authorization servers."""

from __future__ import annotations

from django.apps import apps
from django.urls import include, path

urlpatterns = [path("ours/", include("django_apiaccess.contrib.oauth.urls"))]
if apps.is_installed("oauth2_provider"):
    urlpatterns.append(path("toolkit/", include("oauth2_provider.urls", namespace="oauth2_provider")))
