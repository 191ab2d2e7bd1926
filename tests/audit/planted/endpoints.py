"""Weak endpoints."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import DeleteView
from rest_framework import authentication, generics, permissions, routers, serializers, throttling, viewsets
from rest_framework.decorators import api_view, permission_classes
from rest_framework.response import Response
from rest_framework.views import APIView

from django_apiaccess import PUBLIC, declare_scope
from django_apiaccess.core.scopes import registry
from django_apiaccess.permissions import HasAccess
from tests.testapp.models import Document
from tests.testapp.views import DocumentSerializer

from . import plant


class Base(APIView):
    def get(self, request: Any, pk: Any = None) -> Response:
        return Response({})

    def post(self, request: Any, pk: Any = None) -> Response:
        return Response({})


def view(**attributes: Any) -> Any:
    return type("Weak", (Base,), {"__module__": __name__, **attributes}).as_view()


@plant("endpoints.undeclared", finds="api/weak0", severity="low")
def nothing_declared(project: Any) -> None:
    project.urls(view())


@plant("endpoints.undeclared", finds="include_root_view")
def the_list_of_routes_of_drf(project: Any) -> None:
    project.urls(path("api/v2/", routers.DefaultRouter().get_api_root_view()))


@plant("endpoints.undeclared", finds="access", severity="medium")
def a_declaration_of_a_bad_form(project: Any) -> None:
    project.urls(view(access={"read": 7}))


class Unmade(Base):
    def __init__(self, **kwargs: Any) -> None:
        raise RuntimeError("needs a request")


@plant("endpoints.undeclared", finds="could not be made", severity="medium")
def a_view_that_cannot_be_looked_at(project: Any) -> None:
    project.urls(Unmade.as_view())


class Everybody(HasAccess):
    def has_permission(self, request: Any, view: Any) -> bool:
        return True


def nothing(self: Any, *args: Any, **kwargs: Any) -> None:
    pass


@plant("endpoints.not-answerable", finds="check_permissions", severity="high")
def a_view_that_checks_nothing(project: Any) -> None:
    project.urls(view(access="docs:read", check_permissions=nothing))


@plant("endpoints.not-answerable", finds="initial", severity="high")
def a_view_that_starts_in_its_own_way(project: Any) -> None:
    project.urls(view(access="docs:read", initial=nothing))


@plant("endpoints.not-answerable", finds="Everybody.has_permission", severity="high")
def a_class_that_stands_in_for_ours(project: Any) -> None:
    project.urls(view(access="docs:read", permission_classes=[Everybody]))


@plant("endpoints.not-answerable", finds="KeyError", severity="high")
def permissions_that_cannot_be_asked(project: Any) -> None:
    project.urls(view(access="docs:read", get_permissions=lambda self: [self.kwargs["pk"]]))


@plant("endpoints.unsafe-open", finds="AllowAny", severity="critical")
def open_for_one_method_only(project: Any) -> None:
    def by_method(self: Any) -> Any:
        return [permissions.AllowAny()] if self.request.method == "POST" else [HasAccess()]

    project.urls(view(access="docs:read", get_permissions=by_method))


@plant("endpoints.unguarded", finds="IsAdminUser", severity="medium")
def a_permission_class_that_knows_no_scopes(project: Any) -> None:
    project.urls(view(permission_classes=[permissions.IsAdminUser]))


@plant("endpoints.unguarded", finds="composition", severity="medium")
def a_composition_that_lets_staff_pass_by(project: Any) -> None:
    project.urls(view(permission_classes=[permissions.IsAdminUser | HasAccess], access="docs:read"))


@plant("endpoints.default-permission", finds="AllowAny", severity="high")
def everything_open_by_default(project: Any) -> None:
    project.framework(DEFAULT_PERMISSION_CLASSES=["rest_framework.permissions.AllowAny"])


@plant("endpoints.default-permission", finds="IsAuthenticated", severity="medium")
def anybody_with_a_log_in_by_default(project: Any) -> None:
    project.framework(DEFAULT_PERMISSION_CLASSES=["rest_framework.permissions.IsAuthenticated"])


@plant("endpoints.public-by-accident", finds="GET /api/weak0/", severity="high")
def allow_any(project: Any) -> None:
    project.urls(view(permission_classes=[permissions.AllowAny]))


@plant("endpoints.public-by-accident", finds="GET /api/weak0/", severity="high")
def no_permission_classes(project: Any) -> None:
    project.urls(view(permission_classes=[]))


@api_view(["GET"])
@permission_classes([permissions.AllowAny])
def a_function(request: Any) -> Response:
    return Response({})


@plant("endpoints.public-by-accident", finds="tests/audit/planted/endpoints.py", severity="high")
def a_function_view(project: Any) -> None:
    project.urls(a_function)


@plant("endpoints.public-by-accident", finds="IsAuthenticatedOrReadOnly", severity="medium")
def open_to_read(project: Any) -> None:
    project.urls(view(permission_classes=[permissions.IsAuthenticatedOrReadOnly]))


class SaysYes(permissions.BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return True


@plant("endpoints.public-by-accident", finds="SaysYes", severity="medium")
def a_class_of_its_own_that_says_yes(project: Any) -> None:
    project.urls(view(permission_classes=[SaysYes]))


@plant("endpoints.public-by-accident", finds="a view of a package", severity="low")
def a_view_of_a_package(project: Any) -> None:
    from drf_spectacular.views import SpectacularAPIView

    project.urls(SpectacularAPIView.as_view(permission_classes=[permissions.AllowAny]))


@plant("endpoints.unsafe-open", finds="POST /api/weak0/", severity="critical")
def anybody_posts(project: Any) -> None:
    project.urls(view(permission_classes=[permissions.AllowAny]))


@plant("endpoints.unsafe-open", finds="DELETE", severity="critical")
def anybody_deletes(project: Any) -> None:
    actions = {"get": "retrieve", "delete": "destroy"}
    fields = {"permission_classes": [], "queryset": Document.objects.all(), "serializer_class": DocumentSerializer}
    weak: Any = type("WeakSet", (viewsets.ModelViewSet,), {"__module__": __name__, **fields})
    project.urls(path("api/weak/<int:pk>/", weak.as_view(actions)))


@plant("endpoints.public-writes", finds="POST /api/weak0/", severity="high")
def public_on_a_whole_view(project: Any) -> None:
    project.urls(view(access=PUBLIC))


@plant("endpoints.public-writes", finds="which is declared", severity="info")
def public_writing_on_purpose(project: Any) -> None:
    project.urls(view(access={"read": "docs:read", "write": PUBLIC}))


@plant("endpoints.other-authentication", finds="BasicAuthentication", severity="high")
def basic_beside_ours(project: Any) -> None:
    project.urls(view(access="docs:read", authentication_classes=[authentication.BasicAuthentication]))


@plant("endpoints.other-authentication", finds="TokenAuthentication", severity="medium")
def tokens_by_default(project: Any) -> None:
    ours = "django_apiaccess.authentication.AccessAuthentication"
    project.framework(
        DEFAULT_AUTHENTICATION_CLASSES=[ours, "rest_framework.authentication.TokenAuthentication"],
    )


class NoCsrf(authentication.SessionAuthentication):
    def enforce_csrf(self, request: Any) -> None:
        return None


@plant("endpoints.csrf-disabled", finds="NoCsrf", severity="high")
def sessions_without_csrf(project: Any) -> None:
    project.urls(view(access="docs:read", authentication_classes=[NoCsrf]))


@plant("endpoints.throttle-missing", finds="REST_FRAMEWORK", severity="medium")
def no_throttle_by_default(project: Any) -> None:
    project.framework(DEFAULT_THROTTLE_CLASSES=[])


@plant("endpoints.throttle-missing", finds="UserRateThrottle", severity="low")
def another_throttle_in_its_place(project: Any) -> None:
    project.urls(view(access="docs:read", throttle_classes=[throttling.UserRateThrottle]))


@plant("endpoints.public-unlimited", finds="Weak", severity="low")
def public_writing_without_a_limit(project: Any) -> None:
    project.urls(view(access={"read": "docs:read", "write": PUBLIC}))


class LogSerializer(serializers.ModelSerializer[LogEntry]):
    class Meta:
        model = LogEntry
        fields = ("id",)


class Logs(generics.RetrieveAPIView[LogEntry]):
    access = "docs:read"
    queryset = LogEntry.objects.all()
    serializer_class = LogSerializer


@plant("endpoints.objects-unfiltered", finds="belongs to somebody (user)", severity="medium")
def rows_that_belong_to_people(project: Any) -> None:
    project.urls(path("api/logs/<int:pk>/", Logs.as_view()))


class Searched(Logs):
    def get_queryset(self) -> Any:
        return LogEntry.objects.filter(object_repr__contains=self.request.query_params.get("q", ""))


class Combined(Logs):
    permission_classes = [HasAccess & permissions.IsAuthenticated]


@plant("endpoints.objects-unfiltered", finds="belongs to somebody (user)", severity="medium")
def rows_filtered_by_what_was_searched(project: Any) -> None:
    project.urls(path("api/logs/<int:pk>/", Searched.as_view()))


@plant("endpoints.objects-unfiltered", finds="belongs to somebody (user)", severity="medium")
def rows_behind_a_composition(project: Any) -> None:
    project.urls(path("api/logs/<int:pk>/", Combined.as_view()))


class Unfiltered(generics.RetrieveAPIView[Document]):
    access = "docs:read"
    queryset = Document.objects.all()
    serializer_class = DocumentSerializer


@plant("endpoints.objects-unfiltered", finds="1 grant on single documents", severity="medium")
def grants_on_objects_that_nothing_looks_at(project: Any) -> None:
    from django_apiaccess.roles import service

    document = Document.objects.create(title="x")
    service.grant(
        user=project.fixture("make_user")("bob"), scope="docs:read", on=document, by=project.fixture("operator")
    )
    project.urls(path("api/unfiltered/<int:pk>/", Unfiltered.as_view()))


@plant("endpoints.objects-unfiltered", finds="Documents keeps to those", severity="low")
def a_sibling_that_filters(project: Any) -> None:
    project.urls(path("api/unfiltered/<int:pk>/", Unfiltered.as_view()))


def posted(request: HttpRequest) -> HttpResponse:
    Document.objects.create(title=request.POST["title"])
    return HttpResponse()


def saved_by_get(request: HttpRequest) -> HttpResponse:
    Document.objects.filter(pk=1).update(title="x")
    return HttpResponse()


class Removal(DeleteView):
    model = Document
    success_url = "/"


@plant("endpoints.plain-writes", finds="exempt from CSRF", severity="high")
def anybody_posts_to_a_django_view(project: Any) -> None:
    project.urls(csrf_exempt(posted))


@plant("endpoints.plain-writes", finds="tests/audit/planted/endpoints.py", severity="medium")
def a_django_view_that_changes_rows(project: Any) -> None:
    project.urls(saved_by_get)


@plant("endpoints.plain-writes", finds="change_weak", severity="medium")
def a_generic_view_that_deletes(project: Any) -> None:
    project.urls(path("weak/<int:pk>/", Removal.as_view()))


def export(request: HttpRequest) -> JsonResponse:
    return JsonResponse(list(Document.objects.values()), safe=False)


class Export(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse({"all": list(Document.objects.values())})


def by_cursor(request: HttpRequest) -> JsonResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return JsonResponse({"rows": cursor.fetchall()})


def people(request: HttpRequest) -> JsonResponse:
    return JsonResponse(list(User.objects.values()), safe=False)


def by_author(request: HttpRequest) -> JsonResponse:
    author = request.GET["author"]
    return JsonResponse({"by": [entry.user.username for entry in LogEntry.objects.filter(user__username=author)]})


@plant("endpoints.plain-reads", finds="/api/weak0/", severity="medium")
def the_list_of_people(project: Any) -> None:
    project.urls(people)


@plant("endpoints.plain-reads", finds="/api/weak0/", severity="medium")
def rows_of_somebody_else(project: Any) -> None:
    project.urls(by_author)


@plant("endpoints.plain-reads", finds="/api/weak0/", severity="medium")
def a_function_that_gives_rows(project: Any) -> None:
    project.urls(export)


@plant("endpoints.plain-reads", finds="method_decorator", severity="medium")
def a_class_that_gives_rows(project: Any) -> None:
    project.urls(Export.as_view())


@plant("endpoints.plain-reads", finds="/api/weak0/", severity="medium")
def a_function_that_gives_what_sql_says(project: Any) -> None:
    project.urls(by_cursor)


@csrf_exempt
@login_required
def for_people(request: HttpRequest) -> HttpResponse:
    Document.objects.create(title="x")
    return HttpResponse()


@method_decorator([csrf_exempt, login_required], name="dispatch")
class ForPeople(View):
    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


@plant("endpoints.csrf-exempt", finds="/api/weak0/", severity="high")
def a_function_for_people_without_csrf(project: Any) -> None:
    project.urls(for_people)


@plant("endpoints.csrf-exempt", finds="/api/weak0/", severity="high")
def a_class_for_people_without_csrf(project: Any) -> None:
    project.urls(ForPeople.as_view())


class AsksTheUser(APIView):
    access = "docs:read"

    def get(self, request: Any) -> Response:
        if request.user.is_superuser:
            return Response({"all": True})
        return Response({})


class AsksGuardian(APIView):
    access = "docs:read"

    def get(self, request: Any) -> Response:
        from guardian.shortcuts import get_objects_for_user

        return Response({"found": len(get_objects_for_user(request.user, "testapp.view_document"))})


@plant("endpoints.ceiling-bypassed", finds="asks is_superuser in line", severity="low")
def asks_whether_the_user_is_a_superuser(project: Any) -> None:
    project.urls(AsksTheUser.as_view())


@plant("endpoints.ceiling-bypassed", finds="get_objects_for_user", severity="low")
def asks_guardian(project: Any) -> None:
    project.urls(AsksGuardian.as_view())


@plant("endpoints.scope-unheld", finds="spare:read", severity="low")
def a_scope_that_nobody_holds(project: Any) -> None:
    _declared(project, "spare:read")
    project.urls(view(access="spare:read"))


@plant("endpoints.scope-unused", finds="spare:read", severity="info")
def a_scope_that_nothing_asks_for(project: Any) -> None:
    _declared(project, "spare:read")


def _declared(project: Any, name: str) -> None:
    declare_scope(name, "planted")
    project.fixture("request").addfinalizer(lambda: registry.forget(name))
