"""The shop's endpoints, under /api/."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from . import views

router = SimpleRouter()
router.register("books", views.BookViewSet)
router.register("orders", views.OrderViewSet)

urlpatterns = [
    path("", include(router.urls)),
    path("reports/sales/", views.sales, name="sales"),
]
