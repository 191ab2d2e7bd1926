from django.contrib import admin
from django.urls import include, path
from rest_framework.routers import DefaultRouter

from .testapp import views

router = DefaultRouter()
router.include_root_view = False
router.register("documents", views.DocumentViewSet)
router.register("unfiltered", views.UnfilteredDocumentViewSet, basename="unfiltered")
router.register("parcels", views.ParcelViewSet)
router.register("model-permissions", views.ModelPermissions, basename="model-permissions")

urlpatterns = [
    path("admin/", admin.site.urls),
    path("access/", include("django_apiaccess.urls")),
    path("oauth/", include("django_apiaccess.contrib.oauth.urls")),
    path(".well-known/", include("django_apiaccess.wellknown")),
    path("report/", views.report),
    *(path(f"{name}/", view.as_view()) for name, view in views.urlpatterns_views.items()),
    path("", include(router.urls)),
]
