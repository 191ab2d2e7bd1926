"""What careful projects do is not called a weakness."""

from __future__ import annotations

import hashlib
import hmac
import logging
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import ListView, RedirectView, TemplateView, View
from rest_framework import generics, permissions

from django_apiaccess import AUTHENTICATED, PUBLIC, HasRole
from django_apiaccess.audit.finding import Finding, Severity
from django_apiaccess.audit.run import run
from django_apiaccess.permissions import HasAccess
from tests.testapp.models import Document
from tests.testapp.views import DocumentSerializer

from .planted.endpoints import Logs, LogSerializer, for_people, view
from .project import Project


def found() -> list[Finding]:
    return [finding for finding in run().findings if finding.severity > Severity.INFO]


@login_required
def exported(request: HttpRequest) -> JsonResponse:
    return JsonResponse(list(Document.objects.values()), safe=False)


@permission_required("testapp.change_document", raise_exception=True)
def changed(request: HttpRequest) -> HttpResponse:
    Document.objects.create(title="x")
    return HttpResponse()


@csrf_exempt
def hook(request: HttpRequest) -> HttpResponse:
    sent = request.headers.get("X-Hub", "")
    if not hmac.compare_digest(hmac.new(b"k", request.body, hashlib.sha256).hexdigest(), sent):
        return HttpResponseForbidden()
    Document.objects.create(title="x")
    return HttpResponse()


def by_itself(request: HttpRequest) -> JsonResponse:
    if not request.user.is_authenticated:
        return JsonResponse({}, status=401)
    return JsonResponse(list(Document.objects.values()), safe=False)


def by_a_helper(request: HttpRequest) -> JsonResponse:
    check_token(request)
    return JsonResponse(list(Document.objects.values()), safe=False)


def check_token(request: HttpRequest) -> None:
    raise PermissionError


def page(request: HttpRequest) -> HttpResponse:
    return render(request, "page.html", {"documents": Document.objects.all()})


def health(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ok": True})


def contact(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return HttpResponse("thanks")
    return HttpResponse("form")


class Listed(ListView):
    model = Document


class Mine(LoginRequiredMixin, View):
    def get(self, request: HttpRequest) -> JsonResponse:
        return JsonResponse(list(Document.objects.values()), safe=False)


@method_decorator(login_required, name="dispatch")
class MineToo(View):
    def post(self, request: HttpRequest) -> HttpResponse:
        Document.objects.create(title="x")
        return HttpResponse()


def unguarded_export(request: HttpRequest) -> JsonResponse:
    return JsonResponse(list(Document.objects.values()), safe=False)


@pytest.mark.parametrize(
    "route",
    [
        exported,
        changed,
        hook,
        by_itself,
        by_a_helper,
        page,
        health,
        contact,
        Listed.as_view(),
        Mine.as_view(),
        MineToo.as_view(),
        login_required(unguarded_export),
        permission_required("testapp.view_document")(unguarded_export),
        RedirectView.as_view(url="/"),
        TemplateView.as_view(template_name="x.html"),
        LoginView.as_view(),
        path("admin/", admin.site.urls),
    ],
)
def test_a_django_view_that_is_guarded_or_gives_nothing_away_is_no_finding(route: Any, project: Project) -> None:
    project.urls(route)
    assert found() == []


def test_a_view_behind_the_log_in_middleware_is_no_finding(project: Project) -> None:
    from django.conf import settings

    project.settings(
        MIDDLEWARE=[*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"],
    )
    project.urls(unguarded_export)
    assert found() == []


class Own(permissions.BasePermission):
    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        return bool(obj.user == request.user)


class Filtered(generics.RetrieveAPIView[LogEntry]):
    access = "docs:read"
    serializer_class = LogSerializer
    queryset = LogEntry.objects.all()

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(user=self.request.user)


class OfTheAccess(Filtered):
    def get_queryset(self) -> Any:
        return self.request.auth.queryset(LogEntry.objects.all(), "docs:read")


class Guarded(Logs):
    permission_classes = (HasAccess, Own)


class All(generics.ListAPIView[LogEntry]):
    access = "docs:read"
    queryset = LogEntry.objects.all()
    serializer_class = LogSerializer


class Everything(generics.ListAPIView[Document]):
    access = {"read": PUBLIC}
    queryset = Document.objects.all()
    serializer_class = DocumentSerializer


@pytest.mark.parametrize(
    "route",
    [
        path("logs/<int:pk>/", Filtered.as_view()),
        path("logs/<int:pk>/", OfTheAccess.as_view()),
        path("logs/<int:pk>/", Guarded.as_view()),
        path("logs/", All.as_view()),
        Everything.as_view(),
        view(access=AUTHENTICATED),
        view(access={"read": PUBLIC, "write": "docs:write"}),
        view(access=HasRole("editor")),
        view(access="docs:read", permission_classes=[HasAccess & permissions.IsAdminUser]),
        view(access="docs:read", permission_classes=[permissions.IsAdminUser, HasAccess]),
    ],
)
def test_a_view_that_declares_and_filters_is_no_finding(route: Any, project: Project) -> None:
    project.urls(route)
    assert found() == []


def test_a_view_for_people_is_found_for_its_exemption_alone(project: Project) -> None:
    project.urls(for_people)
    assert [finding.rule for finding in found()] == ["endpoints.csrf-exempt"]


def test_asking_permission_classes_changes_nothing(project: Project) -> None:
    class Counts(permissions.BasePermission):
        def has_permission(self, request: Any, view: Any) -> bool:
            Document.objects.create(title="counted")
            return False

    class Fails(permissions.BasePermission):
        def has_permission(self, request: Any, view: Any) -> bool:
            return bool(view.kwargs["nothing"])

    project.urls(view(permission_classes=[Counts]), view(permission_classes=[Fails]))
    assert {finding.rule for finding in found()} == {"endpoints.unguarded"}
    assert not Document.objects.filter(title="counted").exists()


def test_checkpoints_that_a_handler_logs_are_a_copy(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.access(EVENTS={"SINKS": []})
    logger = logging.getLogger("django_apiaccess")
    monkeypatch.setattr(logger, "handlers", [logging.NullHandler()])
    monkeypatch.setattr(logger, "level", logging.INFO)
    logger.manager._clear_cache()  # type: ignore[attr-defined]
    try:
        assert found() == []
    finally:
        monkeypatch.undo()
        logger.manager._clear_cache()  # type: ignore[attr-defined]
