"""`token/refresh/`, `token/revoke/`, `token/introspect/` and `sessions/`. Logging in is `access.views.TokenView`."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils import timezone
from rest_framework import mixins, status, viewsets
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

from ..authentication import AccessAuthentication
from ..authn import responses
from ..authn.client import where_of
from ..authn.possession import held_key, nonce_headers
from ..conf import access_settings
from ..core.requirement import AUTHENTICATED, HasScope
from ..events.source import Actor
from ..exceptions import InvalidGrant
from ..permissions import HasAccess, access_of
from ..throttling import AccessRateThrottle
from . import cookies, introspection, service
from .endpoint import INVALID_REQUEST, TokenEndpoint, Unstored, refusal
from .models import TokenSession
from .serializers import RefreshSerializer, SessionSerializer, TokenSerializer, TokensSerializer


class RefreshView(TokenEndpoint):
    """A new pair for a refresh token, which is used up. A token in the body goes before the cookie's."""

    serializer_class = RefreshSerializer

    def post(self, request: Request) -> Response:
        serializer = RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        text = serializer.validated_data.get("refresh_token")
        by_cookie = text is None
        if text is None:
            text = cookies.taken_from(request._request)
            if text is None:
                return no_token("refresh_token")
            if cookies.csrf_problem(request._request):
                return csrf_failed()
        key = held_key(request)
        try:
            scopes = serializer.validated_data.get("scope")
            tokens = service.refresh(text, where=where_of(request), scopes=scopes, dpop_jkt=key.jkt)
        except InvalidGrant as error:
            response = refusal(error.code, str(error), status.HTTP_400_BAD_REQUEST)
            if by_cookie and error.code == "invalid_grant":
                cookies.clear(response)
            return response
        key.use()
        return answer_with(tokens, request, cookie=by_cookie)


class RevokeView(TokenEndpoint):
    """Log out (RFC 7009): holding a token is the authority to end its session. Unknown tokens answer alike."""

    serializer_class = TokenSerializer

    def post(self, request: Request) -> Response:
        by_cookie = "token" not in request.data
        data = request.data
        if by_cookie:
            text = cookies.taken_from(request._request)
            if text is None:
                return no_token("token")
            if cookies.csrf_problem(request._request):
                return csrf_failed()
            data = {"token": text}
        serializer = TokenSerializer(data=data)
        serializer.is_valid(raise_exception=True)
        text = serializer.validated_data["token"]
        where = where_of(request)
        service.end_by_token(text, sid=introspection.session_of_access_token(text), where=where)
        response = Response(status=status.HTTP_200_OK)
        if by_cookie:
            cookies.clear(response)
        return response


class IntrospectView(TokenEndpoint):
    """What a token is good for (RFC 7662), for callers with the scope `tokens:introspect`. POST only: a URL would be logged."""

    authentication_classes = (AccessAuthentication,)
    throttle_classes = (AccessRateThrottle,)
    serializer_class = TokenSerializer
    access = HasScope("tokens:introspect")

    def post(self, request: Request) -> Response:
        serializer = TokenSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(introspection.introspect(serializer.validated_data["token"]))


class SessionPages(PageNumberPagination):
    """Pages of sessions, also in projects that page nothing by default."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500


class SessionViewSet(Unstored, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TokenSession]):
    """Where I am logged in, and the way to end it. For people: an API key has no sessions and ends none, a client's token only its own."""

    authentication_classes = (AccessAuthentication,)
    permission_classes = (HasAccess,)
    throttle_classes = (AccessRateThrottle,)
    filter_backends = ()
    pagination_class = SessionPages
    serializer_class = SessionSerializer
    access = AUTHENTICATED
    lookup_field = "sid"
    lookup_url_kwarg = "id"
    queryset = TokenSession.objects.none()

    def get_queryset(self) -> Any:
        access = access_of(self.request)
        if access is None or access.credential.kind not in {"jwt", "session", "basic"}:
            return TokenSession.objects.none()
        mine = TokenSession.objects.filter(user=access.principal.pk).live().order_by("-created_at", "-pk")
        return mine if access.first_party else mine.filter(sid=access.session_id)

    def get_serializer_context(self) -> dict[str, Any]:
        access = access_of(self.request)
        return {**super().get_serializer_context(), "session_id": access.session_id if access else None}

    def get_object(self) -> Any:
        access = access_of(self.request)
        if self.kwargs["id"] == "current" and access is not None and access.session_id:
            self.kwargs["id"] = access.session_id
        if "\0" in self.kwargs["id"]:  # PostgreSQL takes it in no comparison
            raise Http404
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


def no_token(field: str) -> Response:
    """400: neither a token in the body nor the cookie."""
    detail = f"Send {field}, or the cookie that the log-in set."
    return refusal(INVALID_REQUEST, detail, status.HTTP_400_BAD_REQUEST)


def csrf_failed() -> Response:
    """403: the cookie alone proves nothing, a browser sends it by itself."""
    return refusal(responses.CSRF.code, responses.CSRF.detail, responses.CSRF.status)


def answer_with(tokens: service.Tokens, request: Request, *, cookie: bool) -> Response:
    """RFC 6749 section 5.1, with the refresh token in the body or in the cookie."""
    data: dict[str, Any] = {
        "access_token": tokens.access_token,
        "token_type": tokens.token_type,
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "scope": tokens.scope,
    }
    if cookie:
        del data["refresh_token"]
        data["csrf_token"] = cookies.csrf_token(request._request)
    response = Response(TokensSerializer(data).data, headers=nonce_headers() if tokens.dpop_jkt else None)
    if cookie:
        left = min(access_settings.REFRESH_TOKEN_LIFETIME, tokens.session.expires_at - timezone.now())
        cookies.put(response, tokens.refresh_token, int(left.total_seconds()))
    return response
