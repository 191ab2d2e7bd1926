"""A clean project, with the settings of a production, in which a test plants a weakness."""

from __future__ import annotations

import copy
import sys
import types
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import override_settings
from django.urls import clear_url_caches, include, path
from rest_framework import viewsets
from rest_framework.routers import SimpleRouter
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from django_apiaccess import PUBLIC, HasMFA, HasScope
from django_apiaccess.filters import GrantedObjectsFilter
from tests.testapp.models import Document, Parcel
from tests.testapp.views import DocumentSerializer, ParcelSerializer

PEPPER = "Zk3vY8qLw0RrT5uBn1Xc7MdHs9Pa2Gf4Je6LmQwE"
VALIDATION = "django.contrib.auth.password_validation"
AT_IMPORT = {
    "DEFAULT_AUTHENTICATION_CLASSES": "authentication_classes",
    "DEFAULT_PERMISSION_CLASSES": "permission_classes",
    "DEFAULT_THROTTLE_CLASSES": "throttle_classes",
}


class Documents(viewsets.ModelViewSet[Document]):
    """Narrowed to what was granted."""

    queryset = Document.objects.order_by("pk")
    serializer_class = DocumentSerializer
    filter_backends = (GrantedObjectsFilter,)
    access = {"read": "docs:read", "write": "docs:write", "destroy": HasScope("docs:delete") & HasMFA(max_age=300)}


class Parcels(viewsets.ReadOnlyModelViewSet[Parcel]):
    """Open on purpose, to read."""

    queryset = Parcel.objects.order_by("title")
    serializer_class = ParcelSerializer
    access = PUBLIC


def clean_urls() -> list[Any]:
    router = SimpleRouter()
    router.register("documents", Documents)
    router.register("parcels", Parcels)
    return [
        path("api/", include(router.urls)),
        path("access/", include("django_apiaccess.urls")),
        path("security/", include("django_apiaccess.pages.urls")),
    ]


def clean_settings(checkpoints: str) -> dict[str, Any]:
    """What a careful project sets."""
    return {
        "DEBUG": False,
        "SECRET_KEY": "q8Zk3vY8qLw0RrT5uBn1Xc7MdHs9Pa2Gf4Je6Wy5Vt8Ui1Oz3Kx",
        "ALLOWED_HOSTS": ["api.example.com"],
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 31536000,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "MIDDLEWARE": [*django_settings.MIDDLEWARE, "django.middleware.clickjacking.XFrameOptionsMiddleware"],
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.PBKDF2PasswordHasher"],
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": f"{VALIDATION}.MinimumLengthValidator"},
            {"NAME": f"{VALIDATION}.CommonPasswordValidator"},
        ],
        "API_ACCESS": {
            "PEPPERS": [PEPPER],
            "ISSUER": "https://api.example.com",
            "AUDIENCE": "https://api.example.com/api/",
            "REQUIRE_TLS": True,
            "MFA": {"REQUIRED_FOR": ["staff"]},
            "EVENTS": {
                "RETENTION": "400d",
                "SEAL_KEY": None,
                "SINKS": [
                    {"BACKEND": "django_apiaccess.events.sinks.FileSink", "OPTIONS": {"checkpoints": checkpoints}}
                ],
            },
        },
    }


class Project:
    """What a plant gets: `settings`, `access`, `framework` and `urls` change it, `fixture` gives a fixture of the suite."""

    def __init__(self, request: pytest.FixtureRequest, checkpoints: str) -> None:
        self._request = request
        self._overrides: list[Any] = []
        self._modules: list[str] = []
        self.settings(**clean_settings(checkpoints))
        self.urls()

    def fixture(self, name: str) -> Any:
        """A fixture of tests/conftest.py, as `make_user`."""
        return self._request.getfixturevalue(name)

    def settings(self, **changes: Any) -> None:
        """Settings, as `override_settings`."""
        override = override_settings(**changes)
        override.enable()
        self._overrides.append(override)

    def access(self, **entries: Any) -> None:
        """Entries of API_ACCESS; a dict is merged with the entry that is there."""
        given = copy.deepcopy(dict(django_settings.API_ACCESS))
        for name, value in entries.items():
            merged = {**given.get(name, {}), **value} if isinstance(value, dict) else value
            given[name] = merged
        self.settings(API_ACCESS=given)

    def framework(self, **entries: Any) -> None:
        """Entries of REST_FRAMEWORK. DRF reads some when it is imported: a project has them from the start, a test does not."""
        self.settings(REST_FRAMEWORK={**django_settings.REST_FRAMEWORK, **entries})
        for name in entries.keys() & AT_IMPORT.keys():
            self.fixture("monkeypatch").setattr(APIView, AT_IMPORT[name], getattr(api_settings, name))

    def urls(self, *routes: Any) -> None:
        """Routes beside the clean ones. A view alone gets a path of its own."""
        name = f"urls_of_audit_{id(self)}_{len(self._modules)}"
        module: Any = types.ModuleType(name)
        made = [each if hasattr(each, "pattern") else path(f"api/weak{n}/", each) for n, each in enumerate(routes)]
        module.urlpatterns = [*made, *clean_urls()]
        sys.modules[name] = module
        self._modules.append(name)
        self.settings(ROOT_URLCONF=name)
        clear_url_caches()

    def end(self) -> None:
        for override in reversed(self._overrides):
            override.disable()
        for name in self._modules:
            del sys.modules[name]
        clear_url_caches()
