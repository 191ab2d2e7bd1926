"""The suite's URLs, and simplejwt's beside them."""

from django.urls import include, path

from tests.urls import urlpatterns as suite

urlpatterns = [path("api/token/", include("django_apiaccess.contrib.simplejwt.urls")), *suite]
