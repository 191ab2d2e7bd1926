"""What the server says of itself: made from what it accepts (RFC 8414, OpenID Connect Discovery, RFC 9207, RFC 9126, RFC 9449)."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from django.urls import NoReverseMatch, reverse

from ...authn.metadata import resource_of
from ...conf import access_settings
from ...core.assurance import ACR_LEVELS
from ...core.dpop import ALGORITHMS as PROOF_ALGORITHMS
from ...core.scopes import registry
from . import identity, options
from .client_auth import ASSERTION_ALGORITHMS, METHODS
from .server import RESPONSE_TYPES

ENDPOINTS: Final = {
    "authorization_endpoint": "apiaccess-oauth-authorize",
    "token_endpoint": "apiaccess-oauth-token",
    "revocation_endpoint": "apiaccess-oauth-revoke",
    "introspection_endpoint": "apiaccess-oauth-introspect",
    "pushed_authorization_request_endpoint": "apiaccess-oauth-par",
    "device_authorization_endpoint": "apiaccess-oauth-device-authorization",
    "userinfo_endpoint": "apiaccess-oauth-userinfo",
    "registration_endpoint": "apiaccess-oauth-register",
    "jwks_uri": "apiaccess-jwks",
}


def base(request: Any) -> str:
    """Scheme and host of this server: those of the issuer, which a request cannot change; else those of the request."""
    parts = urlsplit(access_settings.ISSUER)
    return (
        f"{parts.scheme}://{parts.netloc}"
        if parts.scheme in {"http", "https"} and parts.netloc
        else resource_of(request)
    )


def address(request: Any, route: str) -> str:
    """The URL of an endpoint; empty where the project did not include it."""
    try:
        return f"{base(request)}{reverse(route)}"
    except NoReverseMatch:
        return ""


def own_names(request: Any) -> tuple[str, ...]:
    """How a client's assertion may name this server: its issuer, the token endpoint, and the endpoint that was called."""
    called = f"{base(request)}{request.path}"
    return tuple(
        filter(None, dict.fromkeys([access_settings.ISSUER, address(request, ENDPOINTS["token_endpoint"]), called]))
    )


def document(request: Any) -> dict[str, Any]:
    """The metadata document. What is empty is left out."""
    grants = options.grants()
    found: dict[str, Any] = {
        "issuer": access_settings.ISSUER,
        **{name: address(request, route) for name, route in ENDPOINTS.items() if _is_offered(name, grants)},
        "scopes_supported": sorted([*registry.names(), *identity.SCOPES]),
        "response_types_supported": list(RESPONSE_TYPES) if "authorization_code" in grants else [],
        "response_modes_supported": ["query"] if "authorization_code" in grants else [],
        "grant_types_supported": [options.wire_name(grant) for grant in grants],
        "code_challenge_methods_supported": ["S256"] if "authorization_code" in grants else [],
        "authorization_response_iss_parameter_supported": True,
        "acr_values_supported": list(ACR_LEVELS),
        "prompt_values_supported": ["none", "login", "consent"],
        "require_pushed_authorization_requests": options.entry("PAR_REQUIRED"),
        "dpop_signing_alg_values_supported": [] if options.entry("DPOP") == "off" else list(PROOF_ALGORITHMS),
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "protected_resources": [one for one in options.entry("RESOURCES") if one.startswith("https://")],
    }
    for endpoint in ("token", "revocation", "introspection"):
        methods = [name for name in METHODS if name != "none" or endpoint != "introspection"]
        found[f"{endpoint}_endpoint_auth_methods_supported"] = methods
        found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = list(ASSERTION_ALGORITHMS)
    if options.entry("REGISTRATION") == "off":
        found.pop("registration_endpoint", None)
    return {name: value for name, value in found.items() if value not in ("", [], None)}


def discovery(request: Any) -> dict[str, Any]:
    """The same with what OpenID Connect adds (Discovery section 3)."""
    return {
        **document(request),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": _signing_algorithms(),
        "claims_supported": sorted(
            [
                "sub",
                "iss",
                "aud",
                "exp",
                "iat",
                "auth_time",
                "nonce",
                "acr",
                "amr",
                "azp",
                "at_hash",
                "sid",
                "name",
                "preferred_username",
                "email",
                "email_verified",
            ]
        ),
        "claims_parameter_supported": False,
    }


def _signing_algorithms() -> list[str]:
    from ...tokens.ring import ring

    return sorted({str(key["alg"]) for key in ring.jwks()} | {access_settings.SIGNING_ALGORITHM})


def _is_offered(name: str, grants: tuple[str, ...]) -> bool:
    needed = {
        "authorization_endpoint": "authorization_code",
        "pushed_authorization_request_endpoint": "authorization_code",
        "device_authorization_endpoint": "device_code",
    }
    return name not in needed or needed[name] in grants
