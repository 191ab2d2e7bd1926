"""Documents under `.well-known/` (RFC 8615): `path(".well-known/", include("django_apiaccess.wellknown"))`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe

from .core.scopes import registry


@require_safe
def protected_resource(request: HttpRequest) -> JsonResponse:
    """What this API is and which scopes it knows (RFC 9728). Empty lists are left out, as section 3.2 asks."""
    document: dict[str, Any] = {
        "resource": request.build_absolute_uri("/").rstrip("/"),
        "bearer_methods_supported": ["header"],
        "scopes_supported": sorted(registry.names()),
    }
    return JsonResponse({name: value for name, value in document.items() if value})


urlpatterns = [path("oauth-protected-resource", protected_resource, name="apiaccess-protected-resource")]
