"""URLs of a project that has the middleware, and not our pages."""

from django.contrib import admin
from django.urls import path

from tests.test_middleware import whoami

urlpatterns = [path("admin/", admin.site.urls), path("whoami/", whoami)]
