"""Where this API describes itself (RFC 9728): its identifier, and the address that a challenge names."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import DisallowedHost
from django.urls import NoReverseMatch, reverse

from .client import is_secure

ROUTE = "apiaccess-protected-resource"


def resource_of(http: Any) -> str:
    """The resource identifier of the API at the host that the request names. Raises `DisallowedHost`."""
    return f"{'https' if is_secure(http) else 'http'}://{http.get_host()}"


def metadata_url(request: Any) -> str:
    """The address of `.well-known/oauth-protected-resource`; empty where the project did not include it."""
    http = getattr(request, "_request", request)
    try:
        return f"{resource_of(http)}{reverse(ROUTE)}"
    except (NoReverseMatch, DisallowedHost):
        return ""
