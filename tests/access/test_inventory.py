"""Every endpoint and what it asks: as live requests meet it, whatever the view is made of, in no time."""

import contextlib
import functools
import json
import sys
import time
import types
from io import StringIO

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import transaction
from django.http import Http404, HttpResponse
from django.test import override_settings
from django.urls import include, path, re_path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page
from django.views.generic import TemplateView
from rest_framework import permissions, viewsets
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter, SimpleRouter
from rest_framework.views import APIView

from django_apiaccess import PUBLIC, HasRole, HasScope, require_access
from django_apiaccess.access.inventory import endpoints
from django_apiaccess.permissions import HasAccess


class Plain(APIView):
    access = {"read": "docs:read", "POST": "docs:write"}

    def get(self, request, **kwargs):
        return Response()

    post = put = get


class Orders(viewsets.ViewSet):
    access = {"read": "docs:read", "write": "docs:write", "refund": HasScope("docs:delete") & HasRole("editor")}

    def list(self, request):
        return Response()

    def create(self, request):
        return Response()

    @action(detail=True, methods=["post"])
    def refund(self, request, pk=None):
        return Response()

    @action(detail=False, permission_classes=[permissions.AllowAny])
    def open_door(self, request):
        return Response()

    @action(detail=False)
    @require_access("reports:read")
    def report(self, request):
        return Response()


@pytest.fixture
def inventory():
    """`inventory(urlpattern, ...)`: the endpoints of such a URL conf."""
    made = []

    def make(*patterns):
        module = types.ModuleType(f"inventory_urls_{len(made)}_{id(made)}")
        module.urlpatterns = list(patterns)
        sys.modules[module.__name__] = module
        made.append(module.__name__)
        with override_settings(ROOT_URLCONF=module.__name__):
            return endpoints()

    yield make
    for name in made:
        del sys.modules[name]


def asked(found):
    return {
        (endpoint.method, endpoint.path): None if endpoint.requirement is None else str(endpoint.requirement)
        for endpoint in found
    }


def test_methods_of_a_class_view_ask_what_it_declares(inventory):
    assert asked(inventory(path("plain/", Plain.as_view()))) == {
        ("GET", "/plain/"): 'HasScope("docs:read")',
        ("POST", "/plain/"): 'HasScope("docs:write")',
        ("PUT", "/plain/"): None,
    }


def test_actions_of_a_viewset_ask_what_they_declare(inventory):
    router = SimpleRouter()
    router.register("orders", Orders, basename="order")
    found = inventory(path("api/", include(router.urls)))
    assert asked(found) == {
        ("GET", "/api/orders/"): 'HasScope("docs:read")',
        ("POST", "/api/orders/"): 'HasScope("docs:write")',
        ("POST", "/api/orders/{pk}/refund/"): 'HasScope("docs:delete") & HasRole("editor")',
        ("GET", "/api/orders/open_door/"): None,
        ("GET", "/api/orders/report/"): 'HasScope("reports:read")',
    }
    by_action = {endpoint.action: endpoint for endpoint in found}
    assert by_action["refund"].scopes == ("docs:delete",)
    assert by_action["refund"].roles == ("editor",)
    assert by_action["refund"].name == "order-refund"
    assert by_action["refund"].guarded
    assert not by_action["open_door"].guarded


def test_function_views_show_the_decorators_requirement_and_their_own_name(inventory):
    @api_view(["GET", "POST"])
    @require_access("reports:read")
    def report(request):
        return Response()

    @api_view(["GET"])
    def forgotten(request):
        return Response()

    found = {endpoint.path: endpoint for endpoint in inventory(path("r/", report), path("f/", forgotten))}
    assert str(found["/r/"].requirement) == 'HasScope("reports:read")'
    assert found["/r/"].view == f"{__name__}.report"
    assert (found["/f/"].declared, found["/f/"].guarded) == (False, True)


def test_a_function_whose_guard_was_replaced_is_unguarded_but_still_asks(inventory):
    @api_view(["GET"])
    @permission_classes([permissions.AllowAny])
    @require_access("reports:read")
    def report(request):
        return Response()

    (found,) = inventory(path("r/", report))
    assert (found.guarded, str(found.requirement)) == (False, 'HasScope("reports:read")')


def test_nested_includes_namespaces_and_regular_expressions_give_readable_paths(inventory):
    inner = [
        re_path(r"^items/(?P<pk>[0-9]{1,5})/edit/$", Plain.as_view(), name="item"),
        path("<slug:s>/<int:n>", Plain.as_view()),
    ]
    found = inventory(path("api/<str:version>/", include((inner, "app"), namespace="v")))
    assert list(dict.fromkeys((endpoint.path, endpoint.name) for endpoint in found)) == [
        ("/api/{version}/items/{pk}/edit/", "v:item"),
        ("/api/{version}/{s}/{n}", ""),
    ]


def test_format_suffixes_are_the_same_endpoint(inventory):
    router = DefaultRouter()
    router.register("orders", Orders, basename="order")
    assert not [endpoint.path for endpoint in inventory(path("", include(router.urls))) if "format" in endpoint.path]


def test_a_route_of_the_projects_own_that_ends_in_a_format_is_not_hidden(inventory):
    found = inventory(path("plain/", Plain.as_view()), path("report.<str:format>", Plain.as_view()))
    assert "/report.{format}" in {endpoint.path for endpoint in found}


def test_public_is_told(inventory):
    class Open(Plain):
        access = PUBLIC

    assert all(endpoint.public and endpoint.declared for endpoint in inventory(path("open/", Open.as_view())))


def test_a_bad_declaration_is_a_problem_not_an_exception(inventory):
    class Bad(Plain):
        access = {"read": 7}

    (get, *_rest) = inventory(path("bad/", Bad.as_view()))
    assert not get.declared
    assert "access['read']" in get.problem


class Callable:
    def __call__(self, request):
        return HttpResponse()


def test_odd_views_are_listed_and_none_breaks_it(inventory):
    class NeedsRequest(Plain):
        def get_permissions(self):
            return [HasAccess()] if self.request.user else []

    class Cached(Plain):
        @method_decorator(cache_page(5))
        def dispatch(self, *args, **kwargs):
            return super().dispatch(*args, **kwargs)

    class Refuses(Plain):
        def __init__(self, **kwargs):
            raise RuntimeError("not today")

    @functools.wraps(Plain.as_view())
    def wrapped(request):
        return HttpResponse()

    def hidden(request):
        return HttpResponse()

    hidden.__wrapped__ = Plain.as_view()
    found = inventory(
        path("lambda/", lambda request: HttpResponse()),
        path("partial/", functools.partial(lambda request, x: HttpResponse(), x=1)),
        path("partial-drf/", functools.partial(Plain.as_view())),
        path("instance/", Callable()),
        path("template/", TemplateView.as_view(template_name="x.html")),
        path("cached/", cache_page(5)(Plain.as_view())),
        path("cached-too/", Cached.as_view()),
        path("needs/", NeedsRequest.as_view()),
        path("refuses/", Refuses.as_view()),
        path("wrapped/", wrapped),
        path("hidden/", hidden),
    )
    by_path = {endpoint.path.strip("/"): endpoint for endpoint in found if endpoint.method in {"GET", "*"}}
    assert {name for name, endpoint in by_path.items() if not endpoint.is_drf} == {
        "lambda",
        "partial",
        "instance",
        "template",
    }
    assert by_path["instance"].view == f"{__name__}.Callable"
    assert by_path["template"].view == "django.views.generic.base.TemplateView"
    for name in ("partial-drf", "cached", "cached-too", "needs", "wrapped", "hidden"):
        assert str(by_path[name].requirement) == 'HasScope("docs:read")', name
    assert "not today" in by_path["refuses"].problem


def test_permissions_are_asked_method_by_method_with_a_request_at_hand(inventory):
    class ByMethod(Plain):
        def get_permissions(self):
            return [permissions.AllowAny()] if self.request.method == "POST" else [HasAccess()]

    class NeedsMore(Plain):
        def get_permissions(self):
            return [HasAccess(self.kwargs["pk"])]

    found = inventory(path("by-method/", ByMethod.as_view()), path("more/", NeedsMore.as_view()))
    guarded = {(one.path, one.method): one.guarded for one in found}
    assert (guarded["/by-method/", "GET"], guarded["/by-method/", "POST"]) == (True, False)
    assert not guarded["/more/", "GET"]
    assert "KeyError('pk')" in next(one.unknown for one in found if one.path == "/more/")


class Around:
    def swallow(self, request):
        with contextlib.suppress(Exception):
            super().check_permissions(request)

    def caught(self, request):
        try:
            super().check_permissions(request)
        except PermissionDenied:
            return

    def sometimes(self, request):
        if request.method == "GET":
            super().check_permissions(request)

    def after_a_return(self, request):
        if request.method == "POST":
            return
        super().check_permissions(request)

    def short(self, request):
        return request.user.is_staff or super().check_permissions(request)

    def of_another(self, request):
        super().check_throttles(request)


@pytest.mark.parametrize("name", [name for name in vars(Around) if not name.startswith("__")])
def test_a_view_that_does_not_surely_ask_as_drf_asks_is_never_guarded(inventory, name):
    method = vars(Around)[name]
    view = type("Odd", (Plain,), {"check_permissions": method})
    (get, *_rest) = inventory(path("odd/", view.as_view()))
    assert not get.guarded
    assert "Odd.check_permissions replaces DRF's own" in get.unknown


def test_a_view_that_does_more_than_drf_is_guarded_as_before(inventory):
    class More(Plain):
        def initial(self, request, *args, **kwargs):
            """Docs."""
            if request.method == "TRACE":
                raise Http404
            with transaction.atomic():
                super().initial(request, *args, **kwargs)
            if request.method == "POST":
                return
            self.more = True

        def check_permissions(self, request):
            return super().check_permissions(request) or None

    class Deep(More):
        def check_permissions(self, request):
            pass

    class Replaces(HasAccess):
        def has_permission(self, request, view):
            return True

    class Beside(Plain):
        permission_classes = [Replaces, HasAccess]

    found = inventory(path("more/", More.as_view()), path("deep/", Deep.as_view()), path("beside/", Beside.as_view()))
    guarded = {one.path: one.guarded for one in found}
    assert guarded == {"/more/": True, "/deep/": False, "/beside/": True}


def test_two_thousand_endpoints_take_less_than_a_second(inventory):
    patterns = []
    for index in range(400):
        router = SimpleRouter()
        router.register(f"orders{index}", type(f"Orders{index}", (Orders,), {}), basename=f"order{index}")
        patterns.append(path(f"api{index}/", include(router.urls)))
    started = time.perf_counter()
    assert len(inventory(*patterns)) == 2000
    assert time.perf_counter() - started < 1


# -- show_access


def shown(*args):
    out = StringIO()
    call_command("show_access", *args, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_show_access_gives_json_rows_of_the_promised_shape():
    rows = json.loads(shown("--format", "json"))
    assert {"path", "method", "view", "requirement", "scopes", "roles", "public", "declared"} <= set(rows[0])
    row = next(row for row in rows if (row["method"], row["path"]) == ("DELETE", "/documents/{pk}/"))
    assert row["view"] == "tests.testapp.views.DocumentViewSet"
    assert row["requirement"] == 'HasScope("docs:delete") & HasRole("editor")'
    assert (row["scopes"], row["roles"], row["public"], row["declared"]) == (["docs:delete"], ["editor"], False, True)


def test_show_access_lets_undeclared_and_unguarded_endpoints_stand_out():
    table = {tuple(line.split()[:2]): line for line in shown().splitlines() if line.strip()}
    assert "UNDECLARED" in table["POST", "/read-only/"]
    assert "UNGUARDED" in table["GET", "/anybody/"]
    assert "UNDECLARED" not in table["GET", "/read-only/"]
    paths = {row["path"] for row in json.loads(shown("--undeclared", "--format", "json"))}
    assert paths == {"/undeclared/", "/read-only/", "/admin-only/", "/anybody/", "/either/"}


def test_show_access_markdown_is_a_table():
    lines = shown("--format", "markdown").splitlines()
    assert lines[:2] == ["| method | path | asks for | view |", "|---|---|---|---|"]
    assert '| GET | `/read-only/` | `HasScope("docs:read")` | `tests.testapp.views.ReadOnly` |' in lines


def test_show_access_lists_djangos_own_views_when_asked():
    assert "/admin/login/" not in shown()
    assert "/admin/login/" in shown("--all")
