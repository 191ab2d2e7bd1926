"""Endpoints of the app: `path("access/", include("django_apiaccess.urls"))`."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .access.views import MeView
from .keys.views import APIKeyViewSet

router = SimpleRouter()
router.register("keys", APIKeyViewSet, basename="apiaccess-key")

urlpatterns = [
    path("me/", MeView.as_view(), name="apiaccess-me"),
    path("", include(router.urls)),
]
