"""Ours, and one view."""

from django.urls import include, path

from django_apiaccess import HasPermission
from tests.testapp.views import Answer


class ByPermission(Answer):
    access = HasPermission("testapp.view_document")


class ByScope(Answer):
    access = "docs:read"


urlpatterns = [
    path("access/", include("django_apiaccess.urls")),
    path("by-permission/", ByPermission.as_view()),
    path("by-scope/", ByScope.as_view()),
]
