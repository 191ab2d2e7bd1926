"""The URLs of a project that moves to this package. The view is the same in every stage; what guards it is in the settings."""

from django.conf import settings
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.projects.coming import ON_OURS, STAGE


class Orders(APIView):
    access = "docs:read"

    def get(self, request):
        return Response({"user": request.user.get_username()})


urlpatterns = [path("orders/", Orders.as_view())]
if STAGE != "before":
    urlpatterns.append(path("access/", include("django_apiaccess.urls")))
if settings.COMING_FROM == "knox":
    urlpatterns.append(path("api/auth/", include("django_apiaccess.contrib.knox.urls" if ON_OURS else "knox.urls")))
elif ON_OURS:
    urlpatterns.append(path("api/token/", include("django_apiaccess.contrib.simplejwt.urls")))
else:
    from rest_framework_simplejwt import views

    urlpatterns += [
        path("api/token/", views.token_obtain_pair),
        path("api/token/refresh/", views.token_refresh),
        path("api/token/verify/", views.token_verify),
        path("api/token/blacklist/", views.token_blacklist),
    ]
