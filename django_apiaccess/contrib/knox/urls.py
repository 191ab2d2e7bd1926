"""knox's endpoints under its names: `path("api/auth/", include("django_apiaccess.contrib.knox.urls"))`."""

from __future__ import annotations

from django.urls import path

from .views import LoginView, LogoutAllView, LogoutView

urlpatterns = [
    path("login/", LoginView.as_view(), name="knox_login"),
    path("logout/", LogoutView.as_view(), name="knox_logout"),
    path("logoutall/", LogoutAllView.as_view(), name="knox_logoutall"),
]
