"""`me/`: who am I, and what may I do with this credential. `token/`: logging in with user name and password."""

from __future__ import annotations

import math
from typing import Any, Final

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils import html
from rest_framework.views import APIView

from ..authentication import AccessAuthentication
from ..authn import responses
from ..authn.possession import bound_key
from ..core.requirement import AUTHENTICATED
from ..exceptions import InvalidCredential, InvalidGrant, MFARequired, TooManyFailures, UnknownName
from ..permissions import HasAccess, access_of
from ..throttling import AccessRateThrottle
from ..tokens import cookies
from ..tokens.endpoint import INVALID_REQUEST, TokenEndpoint, refusal
from ..tokens.serializers import LoginSerializer
from ..tokens.views import answer_with
from .login import log_in


class CredentialSerializer(serializers.Serializer[Any]):
    """Which credential was presented."""

    kind = serializers.CharField()
    id = serializers.CharField()
    label: Any = serializers.CharField()


class PrincipalSerializer(serializers.Serializer[Any]):
    """Whom it speaks for."""

    id = serializers.CharField()
    username = serializers.CharField()
    kind = serializers.CharField(help_text="user or service_account.")


class AccessSerializer(serializers.Serializer[Any]):
    """An access as its holder sees it."""

    principal = PrincipalSerializer()
    credential = CredentialSerializer()
    scopes = serializers.ListField(child=serializers.CharField())
    object_scopes = serializers.ListField(child=serializers.CharField(), help_text="Held on single objects only.")
    roles = serializers.ListField(child=serializers.CharField())
    permissions = serializers.ListField(
        child=serializers.CharField(), help_text="Django permissions within the scopes."
    )
    amr = serializers.ListField(child=serializers.CharField())
    acr = serializers.CharField(allow_blank=True)
    auth_time = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)


class MeView(APIView):
    """The caller's principal, credential, effective scopes, roles and permissions."""

    authentication_classes = (AccessAuthentication,)
    permission_classes = (HasAccess,)
    throttle_classes = (AccessRateThrottle,)
    serializer_class = AccessSerializer
    access = AUTHENTICATED

    def get(self, request: Request) -> Response:
        access = access_of(request)
        assert access is not None
        user = access.principal
        data = {
            "principal": {
                "id": str(user.pk),
                "username": user.get_username(),
                "kind": "service_account" if hasattr(user, "service_account") else "user",
            },
            "credential": access.credential,
            "scopes": sorted(access.scopes),
            "object_scopes": sorted(access.object_scopes),
            "roles": sorted(access.roles),
            "permissions": sorted(getattr(user, "get_all_permissions", frozenset)()),
            "amr": list(access.amr),
            "acr": access.acr,
            "auth_time": access.auth_time,
            "expires_at": access.expires_at,
        }
        return Response(AccessSerializer(data).data, headers={"Cache-Control": "no-store"})


class TokenView(TokenEndpoint):
    """Log in with user name and password."""

    serializer_class = LoginSerializer

    def post(self, request: Request) -> Response:
        serializer = LoginSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        cookie = data["delivery"] == "cookie"
        if cookie and html.is_html_input(request.data):
            return refusal(INVALID_REQUEST, FORM_WANTS_COOKIE, status.HTTP_400_BAD_REQUEST)
        jkt = bound_key(request)
        try:
            tokens = log_in(
                request._request,
                username=data["username"],
                password=data["password"],
                scopes=data.get("scope"),
                device=data.get("device") or device_of(request),
                dpop_jkt=jkt,
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
        if cookie:
            cookies.new_csrf_token(request._request)
        return answer_with(tokens, request, cookie=cookie)


FORM_WANTS_COOKIE: Final = "The cookie is for JSON requests: any other site could send a form and log its visitors in."


def device_of(request: Request) -> str:
    """What the client says that it is, fit for a list and a database."""
    told = str(request.META.get("HTTP_USER_AGENT", ""))
    return "".join(char for char in told if char.isprintable())[:150]


def too_many(error: TooManyFailures) -> Response:
    """429, the same for any account."""
    seconds = max(1, math.ceil(error.wait))
    detail = f"Too many failed attempts. Try again in {seconds} seconds."
    return refusal("too_many_failures", detail, status.HTTP_429_TOO_MANY_REQUESTS, **{"Retry-After": str(seconds)})
