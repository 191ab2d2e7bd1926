"""Whether a DRF view lets anybody in, found out by asking its permission classes as a request without a credential would."""

from __future__ import annotations

from enum import Enum
from typing import Any

from django.db import transaction

from ...audit.run import Audit
from ..inventory import Endpoint, bound_view
from .views import drf_endpoints, is_a

ALLOW_ANY = "rest_framework.permissions.AllowAny"


class Opening(Enum):
    """The answer of the permission classes to nobody in particular."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


def openings(audit: Audit) -> dict[Endpoint, Opening]:
    """By endpoint of which nothing declared is asked. What a project's own class writes meanwhile is taken back."""
    found = [
        endpoint
        for endpoint in drf_endpoints(audit)
        if not (
            endpoint.guarded or endpoint.unknown or endpoint.problem or endpoint.declared
        )  # @require_access asks again by itself
    ]
    if not found:
        return {}
    with transaction.atomic():
        answers = {endpoint: _asked(endpoint) for endpoint in found}
        transaction.set_rollback(True)
    return answers


def allows_anybody(endpoint: Endpoint) -> bool:
    """Whether the view names no class, or AllowAny alone: nobody thought of a condition."""
    return all(is_a(permission, ALLOW_ANY) for permission in endpoint.permissions)


def _asked(endpoint: Endpoint) -> Opening:
    from ..unsent import savepoint

    try:
        view, request = _visited(endpoint)
        with savepoint(endpoint.cls):
            permissions = list(view.get_permissions())
            answers = [permission.has_permission(request, view) for permission in permissions]
    except Exception as error:  # noqa: BLE001 - a project's own class, which may refuse by raising or ask for what is not there
        return Opening.CLOSED if hasattr(error, "status_code") else Opening.UNKNOWN
    return Opening.OPEN if all(answers) else Opening.CLOSED


def _visited(endpoint: Endpoint) -> tuple[Any, Any]:
    from ..context import Context
    from ..unsent import http_request, meet

    view = bound_view(endpoint.callback, endpoint.method)
    meet(view, http_request(endpoint.method, endpoint.path, Context()))
    return view, view.request
