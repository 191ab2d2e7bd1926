"""Who asks: a client that proves itself in exactly one way, the one it is registered for (RFC 6749 section 2.3, RFC 9700 section 2.5)."""

from __future__ import annotations

import base64
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Never

from ...authn.client import where_of
from ...authn.failures import Bucket, account_bucket, charge, network_bucket, refund
from ...core.reasons import Reason
from ...events.later import refused_later
from ...events.record import refused
from ...events.source import Actor, Where
from ...events.tags import Action
from . import assertions, client_secrets, clients
from .errors import OAuthError
from .models import OAuthClient
from .parameters import Parameters, decoded

Method = OAuthClient.AuthMethod
CHALLENGE: Final = 'Basic realm="oauth"'
METHODS: Final = tuple(Method.values)
ASSERTION_ALGORITHMS: Final = ("EdDSA", "ES256", "RS256", "PS256")
PURPOSE: Final = "oauth_client"


@dataclass(frozen=True, slots=True)
class Presented:
    """How a client says who it is. The secret stays out of the repr."""

    method: str
    client_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Presented({self.method!r}, {self.client_id!r})"


def authenticate(http: Any, parameters: Parameters, audiences: Collection[str], *, public: bool = True) -> OAuthClient:
    """The active client that sent the request, with its service account.

    `audiences`: how an assertion may name this server. `public`: whether a client that proves nothing is let through. Raises `OAuthError`:
    `invalid_request` for two proofs at once, `invalid_client` for a wrong one; failures count against the network.
    """
    presented = _presented(http, parameters)
    tries = _Tries(presented.client_id, where_of(http))
    client, reason, hint = _verified(presented, audiences, tries)
    if client is not None and reason is None:
        if not client.is_active:
            reason = Reason.PRINCIPAL_INACTIVE
        elif not is_its_way(client, presented.method):
            reason = Reason.UNRECOGNISED
        elif client.is_public and not public:
            reason = Reason.NO_CREDENTIAL
    if client is None or reason is not None:
        _refuse(presented, client, reason or Reason.UNKNOWN, tries, hint)
    tries.was_right()
    return client


class _Tries:
    """Failures of a request's network; of the client too, before a secret is verified that may be guessable.

    Ours have 256 bits: nobody guesses one, and somebody who sends wrong ones must not lock out others behind the same address.
    """

    def __init__(self, client_id: str, where: Where) -> None:
        self.where = where
        self._client = account_bucket(PURPOSE, client_id)
        self._network = network_bucket(PURPOSE, where.address)
        self._charged = False

    def begin(self) -> None:
        """Count the try. Raises 429."""
        self._charge(self._network, self._client)

    def failed(self) -> None:
        """Count a failure that was not counted before. Raises 429."""
        if not self._charged:
            self._charge(self._network)

    def was_right(self) -> None:
        """Take the try back."""
        if self._charged:
            refund(self._network, self._client)

    def _charge(self, *buckets: Bucket) -> None:
        wait = charge(*buckets)
        if wait:
            refused_later(Action.OAUTH_CLIENT_REFUSED, Reason.TOO_MANY_FAILURES, where=self.where)
            raise too_many(wait)
        self._charged = True


def is_its_way(client: OAuthClient, method: str) -> bool:
    """Whether the client may prove itself so. One that was taken over goes on sending its secret where its old server let it."""
    if client.origin == OAuthClient.Origin.IMPORTED and client.auth_method in {Method.BASIC, Method.POST}:
        return method in {Method.BASIC, Method.POST}
    return bool(client.auth_method == method)


def _presented(http: Any, parameters: Parameters) -> Presented:
    """The one proof that came with the request. Raises `invalid_request` for more than one, and for contradictions."""
    header = http.META.get("HTTP_AUTHORIZATION")
    ways = [header is not None, "client_secret" in parameters, "client_assertion" in parameters]
    if sum(ways) > 1:
        raise OAuthError("invalid_request", "The client authenticates in more than one way. Use one.")
    named = parameters.get("client_id", "")
    if header is not None:
        client_id, secret = _basic(header)
        if named and named != client_id:
            raise OAuthError("invalid_request", "client_id is not the client of the Authorization header.")
        return Presented(Method.BASIC, client_id, secret)
    if "client_assertion" in parameters or "client_assertion_type" in parameters:
        if parameters.get("client_assertion_type") != assertions.ASSERTION_TYPE or "client_assertion" not in parameters:
            raise OAuthError("invalid_request", "Send client_assertion with the client_assertion_type of RFC 7523.")
        text = parameters["client_assertion"]
        client_id = assertions.client_id_of(text)
        if named and named != client_id:
            raise OAuthError("invalid_request", "client_id is not the client of the assertion.")
        return Presented(Method.PRIVATE_KEY, client_id, text)
    if "client_secret" in parameters:
        return Presented(Method.POST, named, parameters["client_secret"])
    return Presented(Method.NONE, named, "")


def _basic(header: str) -> tuple[str, str]:
    scheme, _, text = header.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        raw = base64.b64decode(text.strip(), validate=True).decode("utf-8")
    except ValueError:
        raise OAuthError(
            "invalid_client", "The Authorization header is not HTTP Basic.", 401, {"WWW-Authenticate": CHALLENGE}
        ) from None
    client_id, _, secret = raw.partition(":")
    return decoded(client_id), decoded(secret)


def _verified(
    presented: Presented, audiences: Collection[str], tries: _Tries
) -> tuple[OAuthClient | None, Reason | None, str]:
    """The client, why it is not proved, and what it may be told of that."""
    if presented.method in {Method.BASIC, Method.POST}:
        return *client_secrets.check(presented.client_id, presented.secret, tries.begin), ""
    client = clients.find(presented.client_id)
    if client is None:
        return None, Reason.UNKNOWN, ""
    if presented.method == Method.PRIVATE_KEY:
        if client.auth_method != Method.PRIVATE_KEY:
            return client, Reason.UNRECOGNISED, ""
        problem = assertions.check(client, presented.secret, audiences)
        return (client, None, "") if problem is None else (client, problem.reason, problem.hint)
    return client, None, ""


def _refuse(presented: Presented, client: OAuthClient | None, reason: Reason, tries: _Tries, hint: str) -> Never:
    """One answer, whatever was wrong; the cause is in the event. `hint`: for who holds the client's key, and made a mistake."""
    tries.failed()
    where = tries.where
    if client is None:
        refused_later(Action.OAUTH_CLIENT_REFUSED, reason, where=where, detail=presented.method)
    else:
        by = Actor("client", client.name, client.client_id, where=where)
        refused(Action.OAUTH_CLIENT_REFUSED, reason, by=by, outcome="failed", method_used=presented.method)
    told = hint or "The client is unknown or did not prove who it is."
    raise OAuthError("invalid_client", told, 401, {"WWW-Authenticate": CHALLENGE})


def too_many(wait: float) -> OAuthError:
    """429 for a client or a network that asks too often."""
    seconds = max(1, math.ceil(wait))
    return OAuthError(
        "temporarily_unavailable",
        f"Too many requests. Try again in {seconds} seconds.",
        429,
        {"Retry-After": str(seconds)},
    )
