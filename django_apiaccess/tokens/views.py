"""`token/`, `token/refresh/`, `token/revoke/`, `token/introspect/` and `sessions/`."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.decorators import method_decorator
from rest_framework import mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..authentication import AccessAuthentication
from ..authn import responses
from ..authn.client import where_of
from ..conf import access_settings
from ..core.requirement import AUTHENTICATED, PUBLIC, HasScope
from ..edge import refuse_insecure
from ..events.source import Actor
from ..exceptions import InvalidGrant
from ..permissions import HasAccess, access_of
from ..throttling import AccessRateThrottle
from . import cookies, introspection, service
from .models import TokenSession
from .serializers import RefreshSerializer, SessionSerializer, TokenSerializer, TokensSerializer

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def refusal(code: str, detail: str, http_status: int, **headers: str) -> Response:
    """A refusal as an answer, not as an exception: DRF would roll the failure counters back with the request."""
    return Response({"detail": detail, "code": code}, status=http_status, headers={**NO_STORE, **headers})


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class TokenEndpoint(APIView):
    """What the token endpoints share: open to anybody over a safe transport, never stored, never within a request's transaction."""

    authentication_classes = ()
    permission_classes = (HasAccess,)
    access: Any = PUBLIC

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.headers.update(NO_STORE)
        super().initial(request, *args, **kwargs)
        refuse_insecure(request)


class RefreshView(TokenEndpoint):
    """A new pair for a refresh token, which is used up."""

    serializer_class = RefreshSerializer

    def post(self, request: Request) -> Response:
        serializer = RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        text = serializer.validated_data.get("refresh_token")
        cookie = text is None
        if text is None:
            text = cookies.taken_from(request._request)
            if text is not None and cookies.csrf_problem(request._request):
                return refusal(responses.CSRF.code, responses.CSRF.detail, responses.CSRF.status)
        if not text:
            return refusal(
                "invalid_request", "Send refresh_token, or the cookie that the log-in set.", status.HTTP_400_BAD_REQUEST
            )
        try:
            tokens = service.refresh(text, where=where_of(request), scopes=serializer.validated_data.get("scope"))
        except InvalidGrant as error:
            response = refusal(error.code, str(error), status.HTTP_400_BAD_REQUEST)
            if cookie and error.code == "invalid_grant":
                cookies.clear(response)
            return response
        return answer_with(tokens, request, cookie=cookie)


class RevokeView(TokenEndpoint):
    """Log out (RFC 7009): holding a token is the authority to end its session. Unknown tokens answer alike."""

    serializer_class = TokenSerializer

    def post(self, request: Request) -> Response:
        data = request.data if "token" in request.data else {"token": cookies.taken_from(request._request) or ""}
        from_cookie = "token" not in request.data
        if from_cookie and cookies.csrf_problem(request._request):
            return refusal(responses.CSRF.code, responses.CSRF.detail, responses.CSRF.status)
        serializer = TokenSerializer(data=data)
        if not serializer.is_valid():
            return refusal("invalid_request", "Send the token that is to end.", status.HTTP_400_BAD_REQUEST)
        text = serializer.validated_data["token"]
        service.end_by_token(
            text, sid=introspection.session_of_access_token(text, where_of(request)), where=where_of(request)
        )
        response = Response(status=status.HTTP_200_OK, headers=NO_STORE)
        if from_cookie:
            cookies.clear(response)
        return response


class IntrospectView(APIView):
    """What a token is good for (RFC 7662), for callers with the scope `tokens:introspect`. POST only: a URL would be logged."""

    authentication_classes = (AccessAuthentication,)
    permission_classes = (HasAccess,)
    throttle_classes = (AccessRateThrottle,)
    serializer_class = TokenSerializer
    access = {"write": HasScope("tokens:introspect")}
    http_method_names = ["post", "options"]

    def post(self, request: Request) -> Response:
        serializer = TokenSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(
            introspection.introspect(serializer.validated_data["token"], where_of(request)), headers=NO_STORE
        )


class SessionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TokenSession]):
    """Where I am logged in, and the way to end it. For people: an API key has no sessions and ends none."""

    authentication_classes = (AccessAuthentication,)
    permission_classes = (HasAccess,)
    throttle_classes = (AccessRateThrottle,)
    filter_backends = ()
    pagination_class = None
    serializer_class = SessionSerializer
    access = AUTHENTICATED
    lookup_field = "sid"
    lookup_url_kwarg = "id"
    lookup_value_regex = "[0-9A-Za-z]+"
    queryset = TokenSession.objects.none()

    def get_queryset(self) -> Any:
        access = access_of(self.request)
        if access is None or access.credential.kind not in {"jwt", "session", "basic"}:
            return TokenSession.objects.none()
        return TokenSession.objects.filter(user=access.principal.pk).live().order_by("-created_at")

    def get_serializer_context(self) -> dict[str, Any]:
        access = access_of(self.request)
        return {**super().get_serializer_context(), "session_id": access.session_id if access else None}

    def get_object(self) -> Any:
        access = access_of(self.request)
        if self.kwargs["id"] == "current" and access is not None and access.session_id:
            self.kwargs["id"] = access.session_id
        return super().get_object()

    def destroy(self, request: Request, **_kwargs: Any) -> Response:
        session = self.get_object()
        service.end(TokenSession.objects.filter(pk=session.pk), reason="ended by its user", by=self._actor())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def destroy_all(self, request: Request) -> Response:
        ended = service.end(self.get_queryset(), reason="all ended by their user", by=self._actor())
        return Response({"ended": ended})

    def _actor(self) -> Actor:
        return Actor.of_access(access_of(self.request), where_of(self.request))


def answer_with(tokens: service.Tokens, request: Request, *, cookie: bool) -> Response:
    """RFC 6749 section 5.1, with the refresh token in the body or in the cookie."""
    data: dict[str, Any] = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "scope": tokens.scope,
    }
    if cookie:
        del data["refresh_token"]
        data["csrf_token"] = cookies.csrf_token(request._request)
    response = Response(TokensSerializer(data).data, headers=NO_STORE)
    if cookie:
        cookies.put(response, tokens.refresh_token, int(access_settings.REFRESH_TOKEN_LIFETIME.total_seconds()))
    return response
