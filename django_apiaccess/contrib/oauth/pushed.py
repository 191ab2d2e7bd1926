"""Pushed authorization requests (RFC 9126): what a client sent here directly, a browser only names."""

from __future__ import annotations

from typing import Any, Final

from django.utils import timezone

from . import options, server, single_use
from .errors import OAuthError, UnverifiedRequest
from .models import OAuthClient, PushedRequest
from .parameters import Parameters, of_query, with_query

PREFIX: Final = "pr"
URN: Final = "urn:ietf:params:oauth:request_uri:"
PROOFS: Final = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


def push(client: OAuthClient, parameters: Parameters, *, jkt: str = "") -> dict[str, Any]:
    """Keep a request that is right; its name, and for how long. Raises `OAuthError`.

    `jkt`: the key of a proof that came along: it binds the code (RFC 9449 section 10.1).
    """
    if "request_uri" in parameters:
        raise OAuthError("invalid_request", "request_uri cannot be pushed.")
    if jkt and parameters.setdefault("dpop_jkt", jkt) != jkt:
        raise OAuthError("invalid_dpop_proof", "dpop_jkt is not the key of the proof.")
    parameters["client_id"] = client.client_id
    kept = [(name, value) for name, value in parameters.pairs() if name not in PROOFS]
    try:
        server.authorization(Parameters(kept))
    except UnverifiedRequest as error:
        raise OAuthError(error.error, error.description) from None
    lifetime = options.lifetime("PAR_LIFETIME")
    query = with_query("", kept).lstrip("?")
    _, text = single_use.make(PushedRequest, PREFIX, lifetime=lifetime, client=client, query=query)
    return {"request_uri": f"{URN}{text}", "expires_in": int(lifetime.total_seconds())}


def take(request_uri: str, client_id: str) -> Parameters:
    """The pushed request of that name and client, used up. Raises `UnverifiedRequest`: nothing is known of where to return to."""
    row = None
    if request_uri.startswith(URN):
        row, _problem = single_use.find(PushedRequest, request_uri.removeprefix(URN), PREFIX, "client")
    if row is None or row.client.client_id != client_id or not single_use.use(row, timezone.now()):
        raise UnverifiedRequest(
            "invalid_request", "The request has expired, was used already, or is another application's."
        )
    return of_query(row.query)
