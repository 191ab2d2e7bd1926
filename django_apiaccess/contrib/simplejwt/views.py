"""simplejwt's endpoints in its wire format, on token sessions of ours. Old tokens are taken while `LEGACY_JWT` accepts them.

An answer to a refresh always holds a new refresh token: the one that was sent is used up.
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth import get_user_model
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from ...authn.client import where_of
from ...authn.kinds import Presented
from ...core import compact
from ...exceptions import InvalidCredential, InvalidGrant, MFARequired, TooManyFailures
from ...login.answers import device_of, mfa_required, too_many
from ...login.service import log_in
from ...tokens import service
from ...tokens.credential import JWTKind
from ...tokens.endpoint import TokenEndpoint, refusal
from . import exchange
from .legacy import legacy_tokens

CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="api"'}


class SimpleJWTRefreshSerializer(serializers.Serializer[Any]):
    """`{"refresh"}`: a refresh token of ours, or an old one."""

    refresh = serializers.CharField(max_length=compact.MAX_TOKEN, write_only=True)


class SimpleJWTTokenSerializer(serializers.Serializer[Any]):
    """`{"token"}`: any token."""

    token = serializers.CharField(max_length=compact.MAX_TOKEN, write_only=True)


class SimpleJWTLoginSerializer(serializers.Serializer[Any]):
    """The user name under the name of its field, and the password."""

    password = serializers.CharField(max_length=4096, trim_whitespace=False, write_only=True)

    def get_fields(self) -> dict[str, Any]:
        username = serializers.CharField(max_length=255, trim_whitespace=False, write_only=True)
        return {get_user_model().USERNAME_FIELD: username, **super().get_fields()}


class SimpleJWTEndpoint(TokenEndpoint):
    """What the four share: the field that is wrong answers 400 as simplejwt does, everything else through `answer`."""

    def post(self, request: Request) -> Response:
        serializer = self.serializer_class(data=request.data)
        if not serializer.is_valid():
            return Response(serializer.errors, status=status.HTTP_400_BAD_REQUEST)
        try:
            return self.answer(request, serializer.validated_data)
        except (InvalidCredential, InvalidGrant):
            return token_not_valid()

    serializer_class: type[serializers.Serializer[Any]]

    def answer(self, request: Request, data: dict[str, Any]) -> Response:
        """The answer to a valid body. `InvalidCredential` and `InvalidGrant` become the one 401."""
        raise NotImplementedError


class TokenObtainPairView(SimpleJWTEndpoint):
    """Log in: `{"username", "password"}` gives `{"refresh", "access"}`."""

    serializer_class = SimpleJWTLoginSerializer

    def answer(self, request: Request, data: dict[str, Any]) -> Response:
        username = data[get_user_model().USERNAME_FIELD]
        try:
            tokens = log_in(request._request, username=username, password=data["password"], device=device_of(request))
        except TooManyFailures as error:
            return too_many(error)
        except InvalidCredential:
            detail = "No active account found with the given credentials"
            return refusal("no_active_account", detail, status.HTTP_401_UNAUTHORIZED, **CHALLENGE)
        except MFARequired as error:
            return mfa_required(error)
        return pair(tokens)


class TokenRefreshView(SimpleJWTEndpoint):
    """`{"refresh"}` gives `{"access", "refresh"}`. An old refresh token is exchanged for a session of ours, once."""

    serializer_class = SimpleJWTRefreshSerializer

    def answer(self, request: Request, data: dict[str, Any]) -> Response:
        text, where = data["refresh"], where_of(request)
        if is_old(text):
            return pair(exchange.exchange(text, where=where, device=device_of(request)))
        return pair(service.refresh(text, where=where))


class TokenVerifyView(SimpleJWTEndpoint):
    """`{"token"}` gives `{}`, or 401. For tokens of ours and old ones. It is no use of the token."""

    serializer_class = SimpleJWTTokenSerializer

    def answer(self, request: Request, data: dict[str, Any]) -> Response:
        text = data["token"]
        if is_old(text):
            exchange.verified_user(text)
        elif compact.looks_like_jwt(text):
            JWTKind().inspect_own(Presented("bearer", text))
        elif service.session_of_refresh_token(text) is None:
            raise InvalidGrant("invalid_grant")
        return Response({})


class TokenBlacklistView(SimpleJWTEndpoint):
    """Log out: `{"refresh"}` gives `{}`. The session ends, its access tokens with it."""

    serializer_class = SimpleJWTRefreshSerializer

    def answer(self, request: Request, data: dict[str, Any]) -> Response:
        text, where = data["refresh"], where_of(request)
        if is_old(text):
            exchange.log_out(text, where=where)
        elif not service.end_by_token(text, sid=None, where=where):
            raise InvalidGrant("invalid_grant")
        return Response({})


def is_old(text: str) -> bool:
    """Whether simplejwt made this token, by its form, and such are still accepted."""
    tokens = legacy_tokens()
    return tokens is not None and tokens.made(text)


def pair(tokens: service.Tokens) -> Response:
    """Simplejwt's answer."""
    return Response({"refresh": tokens.refresh_token, "access": tokens.access_token})


def token_not_valid() -> Response:
    """Simplejwt's 401: one answer for whatever is wrong with a token."""
    return refusal("token_not_valid", "Token is invalid or expired", status.HTTP_401_UNAUTHORIZED, **CHALLENGE)
