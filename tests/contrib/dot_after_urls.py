"""The same project after its move: our authorization server stands where django-oauth-toolkit stood."""

from django.urls import include, path

from tests.urls import urlpatterns as of_the_suite

urlpatterns = [path("o/", include("django_apiaccess.contrib.oauth.urls")), *of_the_suite]
