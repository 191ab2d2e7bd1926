"""What the endpoints share that clients call directly: a safe transport, strict forms, JSON that nobody stores, and rates."""

from __future__ import annotations

import time
from typing import Any, Final

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from ...authn.client import is_secure, where_of
from ...authn.failures import network_of
from ...authn.possession import NO_KEY, HeldKey, held_key, nonce_headers
from ...authn.rates import take
from ...conf import access_settings
from ...exceptions import InvalidProof
from . import client_auth, metadata, options
from .errors import OAuthError
from .models import OAuthClient
from .parameters import Parameters, of_body

UNSTORED: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class ProtocolEndpoint(View):
    """POST of a form by a client. Never within a request's transaction: what a refusal ends or counts must stay.

    CSRF says nothing here: no cookie is looked at.
    """

    http_method_names = ["post"]
    public = True
    """Whether a client that proves nothing of itself is let through."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            if request.method != "POST":
                raise OAuthError("invalid_request", "Use POST.", 405, {"Allow": "POST"})
            if access_settings.REQUIRE_TLS and not is_secure(request):
                raise OAuthError("invalid_request", "Use https: what was sent in the clear must be changed.")
            if request.META.get("QUERY_STRING"):
                raise OAuthError("invalid_request", "Send the parameters in the body: a URL is logged.")
            response = self.answer(request, of_body(request))
        except OAuthError as error:
            response = refusal(error)
        except InvalidProof as error:
            response = refusal(OAuthError(error.code, str(error), 400, error.headers))
        for name, value in UNSTORED.items():
            response[name] = value
        return response

    def answer(self, request: HttpRequest, parameters: Parameters) -> HttpResponse:
        """The answer to a form. Raises `OAuthError` and `InvalidProof`."""
        raise NotImplementedError

    def client(self, request: HttpRequest, parameters: Parameters) -> OAuthClient:
        """The client that sent it, proved."""
        return client_auth.authenticate(request, parameters, metadata.own_names(request), public=self.public)


def refusal(error: OAuthError) -> JsonResponse:
    """RFC 6749 section 5.2."""
    response = JsonResponse(error.body(), status=error.status)
    for name, value in {**UNSTORED, **error.headers}.items():
        response[name] = value
    return response


def success(body: dict[str, Any], *, status: int = 200, bound: bool = False) -> JsonResponse:
    """`bound`: to a request with a proof goes the next nonce, where nonces are in use."""
    response = JsonResponse(body, status=status)
    for name, value in (nonce_headers() if bound else {}).items():
        response[name] = value
    return response


def take_rate(request: HttpRequest, client: OAuthClient) -> None:
    """Count one request: of the client where it proved who it is, else of the network, since everybody has the name of a public one."""
    network = network_of(where_of(request).address)
    subject = f"oauth:network:{network}" if client.is_public else f"oauth:client:{client.pk}"
    taken = take(subject, options.rate(), time.time())
    if not taken.allowed:
        raise client_auth.too_many(taken.reset)


def key_of(request: HttpRequest, client: OAuthClient) -> HeldKey:
    """The key to which tokens are bound (RFC 9449 section 5); use it before the answer goes out. Raises `InvalidProof`."""
    policy = options.entry("DPOP")
    if policy == "off":
        if client.dpop_required or "HTTP_DPOP" in request.META:
            raise OAuthError("invalid_request", "Tokens are not bound to keys here.")
        return NO_KEY
    return held_key(request, required=client.dpop_required or policy == "required")
