"""`register/`: clients that register themselves (RFC 7591). With `API_ACCESS["OAUTH"]["REGISTRATION"] = "off"` it is not there at all.

"token" asks for an initial access token (section 3, ASVS 10.4.7): any API key or access token with the scope `oauth:register`. "open" asks
for nothing. Whoever registers proves nothing of the application, so every such client is public, has the code grant with PKCE alone, and is
never spared the consent page.
It gets no secret, and no access to its own registration afterwards (RFC 7592).
"""

from __future__ import annotations

import json
import time
from typing import Any, Final

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from ...authentication import APIKeyAuthentication, JWTAuthentication
from ...authn.client import is_secure, where_of
from ...authn.failures import network_of
from ...authn.parsers import MAX_BODY
from ...authn.rates import take
from ...conf import access_settings
from ...core.access import Access
from ...core.rates import Rate, parse_rate
from ...events.source import Actor, Where
from ...exceptions import InvalidChange
from ...permissions import HasAccess, access_of
from ...throttling import AccessRateThrottle
from . import clients, identity, options
from .client_auth import too_many
from .endpoint import UNSTORED, refusal, success
from .errors import OAuthError
from .models import OAuthClient
from .scopes import REGISTER

RATE: Final = "10/min"
"""Of one network: each registration is a row that stays."""
GRANTS: Final = ("authorization_code", "refresh_token")
UNNAMED: Final = "Unnamed application"


def register(metadata: dict[str, Any], where: Where, access: Access | None = None) -> dict[str, Any]:
    """Register a public client; what it says of itself is cut down to what it may have, and the answer says to what (section 3.2.1).

    `access`: of the initial access token. It bounds nothing: what such clients may ask for is said in the settings, and people decide.

    Raises `OAuthError`: `invalid_redirect_uri` or `invalid_client_metadata`.
    """
    uris = _texts(metadata, "redirect_uris")
    grants = [one for one in _texts(metadata, "grant_types", GRANTS[:1]) if one in GRANTS and one in options.grants()]
    if GRANTS[0] not in grants or "code" not in _texts(metadata, "response_types", ("code",)):
        raise OAuthError("invalid_client_metadata", "Only the grant authorization_code can be registered here.")
    if any(uri.split() != [uri] for uri in uris):
        raise OAuthError("invalid_redirect_uri", "A redirect URI has no spaces.")
    allowed = [*options.entry("REGISTRATION_SCOPES"), *identity.SCOPES]
    asked = _text(metadata, "scope").split() or allowed
    name = _text(metadata, "client_name").strip() or UNNAMED
    links = {name: _https(metadata, name) for name in ("client_uri", "policy_uri", "tos_uri")}
    credential = None if access is None else access.credential
    try:
        client = clients.create(
            by=Actor("client", name[:150], "", credential=credential, where=where),
            origin=OAuthClient.Origin.DYNAMIC,
            name=name,
            homepage=links["client_uri"],
            policy_uri=links["policy_uri"],
            tos_uri=links["tos_uri"],
            redirect_uris=uris,
            grant_types=grants,
            scopes=[scope for scope in asked if scope in allowed],
            auth_method=OAuthClient.AuthMethod.NONE,
            dpop_required=metadata.get("dpop_bound_access_tokens") is True,
        ).client
    except InvalidChange as error:
        wrong = "invalid_redirect_uri" if error.field == "redirect_uris" else "invalid_client_metadata"
        raise OAuthError(wrong, error.message) from error
    answer = {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created_at.timestamp()),
        "client_name": client.name,
        "client_uri": client.homepage,
        "policy_uri": client.policy_uri,
        "tos_uri": client.tos_uri,
        "redirect_uris": client.redirect_uris.split(),
        "grant_types": client.grant_types.split(),
        "response_types": ["code"],
        "scope": " ".join(sorted(client.scopes)),
        "token_endpoint_auth_method": client.auth_method,
        "dpop_bound_access_tokens": client.dpop_required,
    }
    return {key: value for key, value in answer.items() if value != ""}


def _text(metadata: dict[str, Any], name: str) -> str:
    value = metadata.get(name) or ""
    if not isinstance(value, str) or not value.isprintable():
        raise OAuthError("invalid_client_metadata", f"{name} must be a plain text.")
    return value


def _https(metadata: dict[str, Any], name: str) -> str:
    """An address for people; one that is not https is left out."""
    found = _text(metadata, name)
    return found if found.startswith("https://") else ""


def _texts(metadata: dict[str, Any], name: str, default: tuple[str, ...] = ()) -> list[str]:
    value = metadata.get(name, list(default))
    if not isinstance(value, list) or not all(isinstance(one, str) and one.isprintable() for one in value):
        raise OAuthError("invalid_client_metadata", f"{name} must be a list of texts.")
    return value


@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class RegisterEndpoint(View):
    """POST of client metadata as JSON. No cookie is looked at."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        mode = options.entry("REGISTRATION")
        if mode == "off":
            raise Http404
        guarded = mode != "open" and request.method == "POST"
        response: HttpResponse = GuardedRegistration.as_view()(request) if guarded else registration(request)
        for name, value in UNSTORED.items():
            response[name] = value
        return response


class GuardedRegistration(APIView):
    """The same for whoever has an initial access token."""

    authentication_classes = (APIKeyAuthentication, JWTAuthentication)
    permission_classes = (HasAccess,)
    throttle_classes = (AccessRateThrottle,)
    renderer_classes = (JSONRenderer,)
    parser_classes = ()
    access = REGISTER
    schema = None

    def post(self, request: Request) -> HttpResponse:
        return registration(request._request, access_of(request))


def registration(request: HttpRequest, access: Access | None = None) -> HttpResponse:
    """The answer to a registration, counted by its network."""
    try:
        if request.method != "POST":
            raise OAuthError("invalid_request", "Use POST.", 405, {"Allow": "POST"})
        if access_settings.REQUIRE_TLS and not is_secure(request):
            raise OAuthError("invalid_request", "Use https.")
        where = where_of(request)
        rate: Rate = parse_rate(RATE)
        taken = take(f"oauth:register:{network_of(where.address)}", rate, time.time())
        if not taken.allowed:
            raise too_many(taken.reset)
        return success(register(_document(request), where, access), status=201)
    except OAuthError as error:
        return refusal(error)


def _document(request: HttpRequest) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise OAuthError("invalid_client_metadata", "Send a body of type application/json.")
    body: bytes = request.read(MAX_BODY + 1)
    try:
        found = json.loads(body) if len(body) <= MAX_BODY else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise OAuthError("invalid_client_metadata", f"Send one JSON object of at most {MAX_BODY} bytes.")
    return found
