"""The suite's URLs, and knox's beside them."""

from django.urls import include, path

from tests.urls import urlpatterns as suite

urlpatterns = [path("api/auth/", include("django_apiaccess.contrib.knox.urls")), *suite]
