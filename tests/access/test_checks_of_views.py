"""Checks of what views declare."""

import pytest
from django.test import override_settings
from rest_framework import permissions, viewsets
from rest_framework.authentication import BasicAuthentication
from rest_framework.decorators import action, api_view
from rest_framework.routers import DefaultRouter

from django_apiaccess import PUBLIC, HasMFA, HasPermission, HasScope, require_access
from django_apiaccess.authentication import AccessAuthentication
from django_apiaccess.permissions import HasAccess
from tests.checking import FRAMEWORK, Declared, found, ids, view, with_access

pytestmark = pytest.mark.usefixtures("clean_project")


def test_a_project_where_nothing_reads_our_credentials_is_warned_of(urls):
    urls(view(authentication_classes=(BasicAuthentication,)))
    assert ids() == {"apiaccess.W012"}


def test_open_default_permissions_are_warned_of():
    with override_settings(
        REST_FRAMEWORK={**FRAMEWORK, "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"]}
    ):
        assert ids() == {"apiaccess.W013"}


def test_a_view_that_asks_for_an_unknown_scope_is_an_error_that_names_the_nearest(urls):
    urls(view(access=HasScope("docs:read") | "dosc:write"))
    message = found()["apiaccess.E021"]
    assert "asks for the scope 'dosc:write'" in message.msg
    assert "Did you mean 'docs:write'?" in message.msg


def test_a_view_that_asks_for_a_wildcard_is_an_error(urls):
    urls(view(access="docs:*"))
    assert "a view asks for one" in found()["apiaccess.E021"].msg


def test_an_unknown_scope_in_require_access_is_found_too(urls):
    @api_view(["GET"])
    @require_access("reports:raed")
    def report(request):
        raise NotImplementedError

    urls(report)
    assert "Did you mean 'reports:read'?" in found()["apiaccess.E021"].msg


@pytest.mark.parametrize(("guards", "said"), [((), "apiaccess.W021"), ((permissions.AllowAny,), "apiaccess.W022")])
def test_the_advice_for_a_function_view_is_a_decorator(urls, guards, said):
    def report(request):
        raise NotImplementedError

    if guards:
        report.permission_classes = guards
    urls(api_view(["GET"])(report))
    assert "@require_access('orders:read') below @api_view" in found()[said].hint


def test_a_permission_of_no_model_in_a_view_is_warned_of(urls):
    urls(view(access=HasScope("docs:read") & HasPermission("testapp.veiw_document")))
    assert found()["apiaccess.W020"].hint == "Did you mean 'testapp.view_document'?"


@pytest.mark.parametrize("access", [7, ["docs:read"], {"read": ["docs:read"]}, {7: "docs:read"}])
def test_a_declaration_of_a_bad_form_is_an_error(urls, access):
    urls(view(access=access))
    assert ids() == {"apiaccess.E022"}


class Orders(viewsets.ViewSet):
    permission_classes = (HasAccess,)
    authentication_classes = (AccessAuthentication,)
    access = {"read": "docs:read", "write": "docs:write", "refund": "docs:delete", "PATCH": "docs:write"}

    def list(self, request):
        raise NotImplementedError

    @action(detail=True, methods=["post"])
    def refund(self, request, pk=None):
        raise NotImplementedError


def router_urls(viewset, **options):
    router = DefaultRouter(**options)
    router.include_root_view = options.get("root", False)
    router.register("orders", viewset, basename="orders")
    return router.urls


def test_actions_and_methods_are_known_keys_of_access(urls):
    urls(*router_urls(Orders))
    assert ids() == set()


def test_a_key_of_access_that_names_no_action_is_an_error_that_names_the_nearest(urls):
    class Mistyped(Orders):
        access = {"read": "docs:read", "write": "docs:write", "refnud": "docs:delete"}

    urls(*router_urls(Mistyped))
    message = found()["apiaccess.E023"]
    assert "access['refnud']" in message.msg
    assert message.hint == "Did you mean 'refund'?"


def test_a_view_that_is_no_viewset_has_no_actions(urls):
    urls(view(access={"read": "docs:read", "write": "docs:write", "list": "docs:read"}))
    assert ids() == {"apiaccess.E023"}


def test_a_guarded_view_without_a_declaration_is_warned_of_with_its_methods(urls):
    urls(view(access={"read": "docs:read"}))
    message = found()["apiaccess.W021"]
    assert "POST /view0/" in message.msg
    assert "GET" not in message.msg
    assert "access = {'write': 'orders:write'}" in message.hint


def test_the_api_root_of_a_default_router_is_named_as_such(urls):
    router = DefaultRouter()
    router.register("orders", Orders, basename="orders")
    urls(*router.urls)
    assert "SimpleRouter" in found()["apiaccess.W021"].hint


def test_a_view_without_our_guard_is_warned_of(urls):
    urls(view(permission_classes=(permissions.IsAdminUser | HasAccess,)))
    assert ids() == {"apiaccess.W022"}


def test_a_view_that_our_authentication_does_not_read_needs_no_guard(urls):
    urls(Declared.as_view(), view(permission_classes=(), authentication_classes=(BasicAuthentication,)))
    assert ids() == set()


def test_a_public_view_is_declared(urls):
    urls(view(access=PUBLIC))
    assert ids() == set()


def test_a_second_factor_that_nobody_can_prove_is_warned_of(urls):
    urls(view(access=HasScope("docs:read") & HasMFA(max_age=300)))
    assert ids() == set()
    with with_access(MFA={"METHODS": ["recovery"]}):
        assert ids() == {"apiaccess.W023"}


def test_a_project_without_a_url_conf_passes():
    with override_settings(ROOT_URLCONF=None):
        assert ids() == set()
