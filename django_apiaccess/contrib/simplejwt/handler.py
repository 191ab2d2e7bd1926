"""For clients that look for simplejwt's `token_not_valid` in a refused request:
`REST_FRAMEWORK = {"EXCEPTION_HANDLER": "django_apiaccess.contrib.simplejwt.handler.exception_handler"}`.
"""

from __future__ import annotations

from typing import Any, Final

from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_handler

TOKEN_NOT_VALID: Final = {
    "detail": "Given token not valid for any token type",
    "code": "token_not_valid",
    "messages": [{"token_class": "AccessToken", "token_type": "access", "message": "Token is invalid or expired"}],
}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's answer, but a refused Bearer token in the words of simplejwt. Status and challenge stay ours."""
    response = drf_handler(exc, context)
    if response is None or response.status_code != 401 or not isinstance(response.data, dict):
        return response
    sent = context["request"].META.get("HTTP_AUTHORIZATION", "")
    if response.data.get("code") == "invalid_credential" and sent[:7].lower() == "bearer ":
        response.data = {**TOKEN_NOT_VALID}
    return response
