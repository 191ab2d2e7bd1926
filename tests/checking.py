"""What the tests of the system checks share: a project without a finding, and what a check says of it."""

import sys
import types

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings
from django.urls import include, path
from rest_framework.views import APIView

from django_apiaccess.authentication import AccessAuthentication
from django_apiaccess.permissions import HasAccess

PEPPER = "Zk3vY8qLw0RrT5uBn1Xc7MdHs9Pa2Gf4Je6"
FRAMEWORK = settings.REST_FRAMEWORK


def found(*, deploy=False):
    """All messages of ours, by id."""
    messages = run_checks(tags=["apiaccess"], include_deployment_checks=deploy)
    return {message.id: message for message in messages if message.id not in settings.SILENCED_SYSTEM_CHECKS}


def ids(**options):
    return set(found(**options))


def with_access(**entries):
    return override_settings(API_ACCESS={"PEPPERS": [PEPPER], **entries})


@pytest.fixture
def urls():
    """`urls(view, ...)`: a URL conf with these views alone."""
    made = []

    def make(*routes):
        name = f"urls_of_test_{len(made)}_{id(made)}"
        module = types.ModuleType(name)
        module.urlpatterns = [
            route if hasattr(route, "pattern") else path(f"view{place}/", route) for place, route in enumerate(routes)
        ]
        module.urlpatterns.append(path("security/", include("django_apiaccess.pages.urls")))
        sys.modules[name] = module
        override = override_settings(ROOT_URLCONF=name)
        override.enable()
        made.append((name, override))

    yield make
    for name, override in reversed(made):
        override.disable()
        del sys.modules[name]


@pytest.fixture
def clean_project(urls):
    """A project without a finding, so that each test sees what it makes."""
    override = override_settings(API_ACCESS={"PEPPERS": [PEPPER]})
    override.enable()
    urls(Declared.as_view())
    yield
    override.disable()


class Declared(APIView):
    permission_classes = (HasAccess,)
    authentication_classes = (AccessAuthentication,)
    access = {"read": "docs:read", "write": "docs:write"}

    def get(self, request):
        raise NotImplementedError

    post = get


def view(**attributes):
    return type("View", (Declared,), attributes).as_view()
