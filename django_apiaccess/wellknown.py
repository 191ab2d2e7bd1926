"""Documents under `.well-known/` (RFC 8615): `path(".well-known/", include("django_apiaccess.wellknown"))`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe

from .authn.metadata import resource_of
from .conf import access_settings
from .core.scopes import registry


@require_safe
def protected_resource(request: HttpRequest) -> JsonResponse:
    """What this API is, whose tokens it takes and which scopes it knows (RFC 9728). Empty lists are left out, as section 3.2 asks."""
    document: dict[str, Any] = {
        "resource": resource_of(request),
        "authorization_servers": authorization_servers(),
        "bearer_methods_supported": ["header"],
        "scopes_supported": sorted(registry.names()),
    }
    return JsonResponse({name: value for name, value in document.items() if value})


def authorization_servers() -> list[str]:
    """Issuers whose access tokens are accepted here. An issuer identifier is an https URL (RFC 8414 section 2), so others are not named."""
    if "jwt" not in access_settings.CREDENTIALS:
        return []
    issuers = [access_settings.ISSUER, *(str(entry.get("issuer", "")) for entry in access_settings.TRUSTED_ISSUERS)]
    return list(dict.fromkeys(issuer for issuer in issuers if issuer.startswith("https://")))


@require_safe
def jwks(request: HttpRequest) -> JsonResponse:
    """The public keys that verify our access tokens, next ones included (RFC 7517)."""
    from .tokens.ring import JWKS_MAX_AGE, ring

    keys = ring.jwks()
    answer = JsonResponse({"keys": keys})
    # before the first log-in there is no key: nobody should remember that
    answer["Cache-Control"] = f"public, max-age={int(JWKS_MAX_AGE.total_seconds())}" if keys else "no-store"
    return answer


urlpatterns = [
    path("jwks.json", jwks, name="apiaccess-jwks"),
    path("oauth-protected-resource", protected_resource, name="apiaccess-protected-resource"),
]
