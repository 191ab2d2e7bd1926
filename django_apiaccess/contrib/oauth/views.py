"""The endpoints that clients call directly: `token/`, `revoke/`, `introspect/`, `par/`, `device_authorization/`."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from ...authn.client import where_of
from ...authn.possession import NO_KEY
from ...core import compact
from ...events.source import Actor, Where
from ...exceptions import InvalidProof
from ...tokens.ending import end
from ...tokens.models import TokenSession
from . import devices, introspection, metadata, pushed, server
from .endpoint import ProtocolEndpoint, key_of, success, take_rate
from .errors import OAuthError
from .models import OAuthClient
from .parameters import Parameters, with_query

COUNTED_ELSEWHERE: Final = frozenset({"authorization_code", "refresh_token"})
"""A code comes of a person's consent and works once; how often a session was refreshed, its token says."""


class TokenEndpoint(ProtocolEndpoint):
    """Tokens for a grant (RFC 6749 section 3.2)."""

    def answer(self, request: HttpRequest, parameters: Parameters) -> HttpResponse:
        client = self.client(request, parameters)
        if parameters.get("grant_type") not in COUNTED_ELSEWHERE:
            take_rate(request, client)
        key = key_of(request, client)
        body = server.tokens(parameters, server.Context(client, where_of(request), key.jkt))
        try:
            bound = bool(key.use())
        except InvalidProof:
            if parameters.get("grant_type") != "refresh_token":
                _end_unseen(body, client, where_of(request))
            raise
        return success(body, bound=bound)


def _end_unseen(body: dict[str, Any], client: OAuthClient, where: Where) -> None:
    """End the session of tokens that are not handed out: of requests with one proof at once, those that lost."""
    sid = compact.parse(body["access_token"]).claims["sid"]
    by = Actor("client", client.name, client.client_id, where=where)
    end(TokenSession.objects.filter(sid=sid), reason="the DPoP proof was used before", by=by)


class RevokeEndpoint(ProtocolEndpoint):
    """The end of a token and of its session (RFC 7009). A wrong hint changes nothing: a token says itself what it is."""

    def answer(self, request: HttpRequest, parameters: Parameters) -> HttpResponse:
        client = self.client(request, parameters)
        take_rate(request, client)
        introspection.revoke(client, _token(parameters), where=where_of(request))
        return HttpResponse(status=200)


class IntrospectEndpoint(ProtocolEndpoint):
    """What a token is good for (RFC 7662): for clients that prove who they are."""

    public = False

    def answer(self, request: HttpRequest, parameters: Parameters) -> HttpResponse:
        client = self.client(request, parameters)
        return success(introspection.introspect(client, _token(parameters)))


class PushedRequestEndpoint(ProtocolEndpoint):
    """An authorization request that does not travel through a browser (RFC 9126)."""

    def answer(self, request: HttpRequest, parameters: Parameters) -> HttpResponse:
        client = self.client(request, parameters)
        take_rate(request, client)
        key = key_of(request, client) if "HTTP_DPOP" in request.META else NO_KEY
        body = pushed.push(client, parameters, jkt=key.jkt)
        return success(body, status=201, bound=bool(key.use()))


class DeviceAuthorizationEndpoint(ProtocolEndpoint):
    """A device code and a user code (RFC 8628 section 3.1)."""

    def answer(self, request: HttpRequest, parameters: Parameters) -> HttpResponse:
        client = self.client(request, parameters)
        take_rate(request, client)
        key = key_of(request, client) if "HTTP_DPOP" in request.META else NO_KEY
        page = metadata.address(request, "apiaccess-oauth-device")
        started = devices.start(client, scope=parameters.get("scope"), resources=parameters.resources, jkt=key.jkt)
        complete = with_query(page, [("user_code", started["user_code"])])
        return success(
            {**started, "verification_uri": page, "verification_uri_complete": complete}, bound=bool(key.use())
        )


def _token(parameters: Parameters) -> str:
    if "token" not in parameters:
        raise OAuthError("invalid_request", "Send token.")
    return parameters["token"]
