"""URLs without an admin."""

from django.urls import include, path

from tests.testapp import views

urlpatterns = [
    path("access/", include("django_apiaccess.urls")),
    path("report/", views.report),
    path("read-only/", views.ReadOnly.as_view()),
]
