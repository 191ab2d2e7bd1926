"""Where everything is."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from django_apiaccess import PUBLIC


class Schema(SpectacularAPIView):
    """The OpenAPI description, open to everybody on purpose."""

    access = PUBLIC


class Docs(SpectacularSwaggerView):
    """The OpenAPI description as a page."""

    access = PUBLIC


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),
    path("api/", include("shop.urls")),
    path("api/schema/", Schema.as_view(), name="schema"),
    path("api/docs/", Docs.as_view(url_name="schema"), name="docs"),
    path("access/", include("django_apiaccess.urls")),
    path("oauth/", include("django_apiaccess.contrib.oauth.urls")),
    path(".well-known/", include("django_apiaccess.wellknown")),
    path("admin/", admin.site.urls),
]
