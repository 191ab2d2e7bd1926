"""What the schemas of our endpoints share: the answers to refusals."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers


class RefusalSerializer(serializers.Serializer[Any]):
    """Why a request was refused."""

    detail = serializers.CharField(help_text="A sentence for a person.")
    code = serializers.CharField(help_text="A stable word for a program, as insufficient_scope.")
    required = serializers.ListField(  # type: ignore[assignment]
        child=serializers.CharField(), required=False, help_text="Scopes that are asked for."
    )
    missing = serializers.ListField(child=serializers.CharField(), required=False, help_text="Those that are missing.")
    field = serializers.CharField(required=False, help_text="The field that is not right.")


REFUSED: Final = {
    400: "The request, the token, the code or the scope is not right; `code` says which.",
    401: "What was sent to log in is not right, or not any more.",
    403: "The transport is not safe, the CSRF proof is missing, or a second factor is asked for.",
    409: "There is a second factor by now, or the account must keep this one.",
    429: "Too many failed attempts; `Retry-After` says how long to wait.",
}


NOT_ANY_MORE: Final = OpenApiResponse(
    RefusalSerializer, "Somebody decided, claimed or withdrew it before, or it expired."
)


def refusals(*statuses: int) -> dict[int, OpenApiResponse]:
    """The answers to refusals with these statuses."""
    return {status: OpenApiResponse(RefusalSerializer, REFUSED[status]) for status in statuses}


def described(view: Any, *refused: int, **schema: Any) -> type:
    """A token endpoint with the schema of its POST, and with what it answers when it refuses."""
    schema["responses"] = {**schema["responses"], **refusals(*refused)}
    decorate = extend_schema_view(post=extend_schema(**schema))
    return decorate(type(view.__name__, (view,), {"__doc__": view.__doc__}))
