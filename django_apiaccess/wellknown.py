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


@require_safe
def jwks(request: HttpRequest) -> JsonResponse:
    """The public keys that verify our access tokens, next ones included (RFC 7517)."""
    from .tokens.ring import JWKS_MAX_AGE, ring

    answer = JsonResponse({"keys": ring.jwks()})
    answer["Cache-Control"] = f"public, max-age={int(JWKS_MAX_AGE.total_seconds())}"
    return answer


urlpatterns = [
    path("jwks.json", jwks, name="apiaccess-jwks"),
    path("oauth-protected-resource", protected_resource, name="apiaccess-protected-resource"),
]
