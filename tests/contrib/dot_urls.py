"""The suite's URLs, with the endpoints of django-oauth-toolkit and a view that takes its tokens only."""

from django.urls import include, path

from django_apiaccess.contrib.dot.authentication import DOTAuthentication
from tests.testapp.views import Answer
from tests.urls import urlpatterns as of_the_suite


class OnlyDOT(Answer):
    authentication_classes = (DOTAuthentication,)
    access = "docs:read"


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("only-dot/", OnlyDOT.as_view()),
    *of_the_suite,
]
