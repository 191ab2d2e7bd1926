"""`token/`: logging in with user name and password."""

from __future__ import annotations

import math

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from ..authn import responses
from ..exceptions import InvalidCredential, InvalidGrant, MFARequired, TooManyFailures, UnknownName
from ..tokens.serializers import LoginSerializer
from ..tokens.views import TokenEndpoint, answer_with, refusal
from .login import log_in


class TokenView(TokenEndpoint):
    """Log in with user name and password."""

    serializer_class = LoginSerializer

    def post(self, request: Request) -> Response:
        serializer = LoginSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        try:
            tokens = log_in(
                request._request,
                username=data["username"],
                password=data["password"],
                scopes=data.get("scope"),
                device=data.get("device") or request.META.get("HTTP_USER_AGENT", ""),
            )
        except TooManyFailures as error:
            return too_many(error)
        except InvalidCredential:
            answer = responses.INVALID_LOGIN
            return refusal(answer.code, answer.detail, answer.status, **{"WWW-Authenticate": answer.challenge})
        except MFARequired:
            return refusal("mfa_required", "This account asks for a second factor.", status.HTTP_403_FORBIDDEN)
        except (InvalidGrant, UnknownName) as error:
            return refusal("invalid_scope", str(error), status.HTTP_400_BAD_REQUEST)
        return answer_with(tokens, request, cookie=data["delivery"] == "cookie")


def too_many(error: TooManyFailures) -> Response:
    """429, the same for any account."""
    seconds = max(1, math.ceil(error.wait))
    detail = f"Too many failed attempts. Try again in {seconds} seconds."
    return refusal("too_many_failures", detail, status.HTTP_429_TOO_MANY_REQUESTS, **{"Retry-After": str(seconds)})
