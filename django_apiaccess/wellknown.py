"""Documents under `.well-known/` (RFC 8615): `path(".well-known/", include("django_apiaccess.wellknown"))`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe

from .authn.metadata import resource_of
from .conf import access_settings
from .core.dpop import ALGORITHMS
from .core.scopes import registry


@require_safe
def protected_resource(request: HttpRequest) -> JsonResponse:
    """What this API is, whose tokens it takes and which scopes it knows (RFC 9728). Empty lists are left out, as section 3.2 asks."""
    document: dict[str, Any] = {
        "resource": resource_of(request),
        "authorization_servers": authorization_servers(),
        "bearer_methods_supported": ["header"],
        "scopes_supported": sorted(registry.names()),
        "dpop_signing_alg_values_supported": list(ALGORITHMS) if "jwt" in access_settings.CREDENTIALS else [],
        "dpop_bound_access_tokens_required": access_settings.DPOP_REQUIRED,
    }
    return JsonResponse({name: value for name, value in document.items() if value})


def authorization_servers() -> list[str]:
    """Issuers whose access tokens are accepted here. An issuer identifier is an https URL (RFC 8414 section 2), so others are not named."""
    if "jwt" not in access_settings.CREDENTIALS:
        return []
    issuers = [access_settings.ISSUER, *(str(entry.get("issuer", "")) for entry in access_settings.TRUSTED_ISSUERS)]
    if apps.is_installed("django_apiaccess.contrib.oauth"):
        from .contrib.oauth.checks import issuer_complaint  # it may be http on a machine of one's own

        return [
            issuer for issuer in dict.fromkeys(issuers) if issuer.startswith("https://") or not issuer_complaint(issuer)
        ]
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


@require_safe
def authorization_server(request: HttpRequest, issuer_path: str = "") -> JsonResponse:
    """How to get tokens here (RFC 8414), where `contrib.oauth` is installed; at the form with the issuer's path in it too (section 3.1)."""
    return _of_oauth(request, issuer_path, "document")


@require_safe
def openid_configuration(request: HttpRequest, issuer_path: str = "") -> JsonResponse:
    """The same for OpenID Connect (Discovery section 4)."""
    return _of_oauth(request, issuer_path, "discovery")


def _of_oauth(request: HttpRequest, issuer_path: str, name: str) -> JsonResponse:
    if not apps.is_installed("django_apiaccess.contrib.oauth"):
        raise Http404
    from .contrib.oauth import metadata

    own_path = urlsplit(access_settings.ISSUER).path.strip("/")
    if issuer_path and issuer_path.strip("/") != own_path:
        raise Http404
    answer = JsonResponse(getattr(metadata, name)(request))
    answer["Cache-Control"] = "public, max-age=300"
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


urlpatterns = [
    path("oauth-authorization-server", authorization_server, name="apiaccess-authorization-server"),
    path("oauth-authorization-server/<path:issuer_path>", authorization_server),
    path("openid-configuration", openid_configuration, name="apiaccess-openid-configuration"),
    path("openid-configuration/<path:issuer_path>", openid_configuration),
    path("jwks.json", jwks, name="apiaccess-jwks"),
    path("oauth-protected-resource", protected_resource, name="apiaccess-protected-resource"),
]
