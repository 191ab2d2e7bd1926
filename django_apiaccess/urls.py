"""Endpoints of the app: `path("access/", include("django_apiaccess.urls"))`."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .access.views import MeView, TokenView
from .keys.views import APIKeyViewSet
from .tokens.views import IntrospectView, RefreshView, RevokeView, SessionViewSet

router = SimpleRouter()
router.register("keys", APIKeyViewSet, basename="apiaccess-key")

urlpatterns = [
    path("me/", MeView.as_view(), name="apiaccess-me"),
    path("token/", TokenView.as_view(), name="apiaccess-token"),
    path("token/refresh/", RefreshView.as_view(), name="apiaccess-token-refresh"),
    path("token/revoke/", RevokeView.as_view(), name="apiaccess-token-revoke"),
    path("token/introspect/", IntrospectView.as_view(), name="apiaccess-token-introspect"),
    path("sessions/", SessionViewSet.as_view({"get": "list", "delete": "destroy_all"}), name="apiaccess-session-list"),
    path(
        "sessions/<str:id>/",
        SessionViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="apiaccess-session-detail",
    ),
    path("", include(router.urls)),
]
