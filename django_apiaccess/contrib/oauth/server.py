"""The protocol, on Authlib: the one module that imports it, so that it can be replaced.

Authlib finds the grant, and checks parameters, redirect URI, PKCE and the order of it all. What clients are, who they are, what is stored
and used up, and what tokens say is ours. Each of its defaults that is not ours is overridden here: `plain` PKCE, its own client
authentication, its rule for insecure transport (ours is `REQUIRE_TLS`), "save, then consume".
Long because it is the only one: nothing else may import Authlib.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request, grants
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError, UnsupportedGrantTypeError
from authlib.oauth2.rfc6749.grants.base import BaseGrant, TokenEndpointMixin
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceCodeGrant as AuthlibDeviceCodeGrant

from ...core import scopes as core_scopes
from ...core.scopes import dump
from ...events.source import Where
from . import clients, codes, devices, exchange, granting, options, own_account, redirects, renewing
from .errors import OAuthError, UnverifiedRequest
from .models import AuthorizationCode, DeviceCode, OAuthClient
from .parameters import Parameters

CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
JSON: Final = [("Content-Type", "application/json")]
RESPONSE_TYPES: Final = ("code",)


@dataclass(frozen=True, slots=True)
class Context:
    """What a request for tokens brings besides its parameters: the client that sent it, proved before, and the key it holds."""

    client: OAuthClient
    where: Where
    jkt: str = ""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request of the authorization endpoint in which client, redirect URI and everything else is right."""

    client: OAuthClient
    redirect_uri: str
    scopes: frozenset[str]
    resource: str
    parameters: Parameters = field(repr=False)


class ProtocolRequest(OAuth2Request):  # type: ignore[misc]
    """A request as Authlib sees it. The URI is a constant: how a request came was judged by our own rule, before."""

    def __init__(self, method: str, parameters: Parameters, context: Context | None = None) -> None:
        super().__init__(method, "https://authorization-server.invalid/")
        self.payload = BasicOAuth2Payload(parameters)
        self.parameters = parameters
        self.context = context

    @property
    def form(self) -> Parameters:
        return self.parameters

    args = form


class ProtocolClient:
    """A client as Authlib asks it."""

    def __init__(self, client: OAuthClient) -> None:
        self.row = client

    def get_client_id(self) -> str:
        return self.row.client_id

    def get_default_redirect_uri(self) -> str | None:
        """The only one that is registered: a request may leave it out where there is no choice."""
        uris = self.row.redirect_uris.split()
        return uris[0] if len(uris) == 1 else None

    def check_redirect_uri(self, uri: str) -> bool:
        return redirects.fits(uri, self.row.redirect_uris.split(), native=self.row.is_public)

    def check_response_type(self, response_type: str) -> bool:
        return response_type in RESPONSE_TYPES and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        name = options.short_name(grant_type)
        return name in self.row.grant_types.split() and name in options.grants()

    def get_allowed_scope(self, scope: str | None) -> str:
        return dump(_ours(granting.requested_scopes, self.row, scope))


class Refused(OAuth2Error):  # type: ignore[misc]
    """One of our own refusals on its way through Authlib."""

    def __init__(self, cause: OAuthError) -> None:
        super().__init__(error=cause.error, description=cause.description, status_code=cause.status)
        self.cause = cause


def _ours(call: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a service of ours from within Authlib."""
    try:
        return call(*args, **kwargs)
    except OAuthError as error:
        raise Refused(error) from error


def _theirs(error: OAuth2Error) -> OAuthError:
    """Authlib's error as one of ours."""
    if isinstance(error, Refused):
        return error.cause
    return OAuthError(error.error or "invalid_request", error.get_error_description() or "", error.status_code)


class S256(CodeChallenge):  # type: ignore[misc]
    """PKCE (RFC 7636) of every client, by S256 alone, demanded where the request begins (RFC 9700 section 2.1.1)."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD: Final = ["S256"]
    CODE_CHALLENGE_METHODS: Final = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not CHALLENGE.fullmatch(data.get("code_challenge", "")):
            raise InvalidRequestError("Send a code_challenge of 43 characters: PKCE is required (RFC 7636).")
        if data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge_method must be S256.")

    def validate_code_verifier(self, grant: Any, result: Any) -> None:
        verifier = grant.request.form.get("code_verifier", "")
        if not VERIFIER.fullmatch(verifier):
            raise InvalidRequestError("Send the code_verifier: 43 to 128 letters, digits and -._~.")
        super().validate_code_verifier(grant, result)

    def get_authorization_code_challenge(self, authorization_code: Any) -> str:
        return str(authorization_code.row.code_challenge)

    def get_authorization_code_challenge_method(self, authorization_code: Any) -> str:
        return "S256"


class _Ours:
    """What every grant has of us: the client that was proved before the grant was looked for."""

    request: Any

    @property
    def context(self) -> Context:
        found = self.request.context
        assert isinstance(found, Context)
        return found

    @property
    def row(self) -> OAuthClient:
        return self.context.client


class _Code:
    """An authorization code as Authlib asks it."""

    def __init__(self, row: AuthorizationCode) -> None:
        self.row = row

    def get_redirect_uri(self) -> str:
        return self.row.redirect_uri


class AuthorizationCodeGrant(_Ours, grants.AuthorizationCodeGrant):  # type: ignore[misc]
    """Code and PKCE. The order of RFC 9700's advice: client, redirect URI and verifier first, and only then whether the code was used."""

    RESPONSE_TYPES: Final = set(RESPONSE_TYPES)

    def query_authorization_code(self, code: str, client: ProtocolClient) -> _Code | None:
        found = codes.find(code)
        return _Code(found) if found is not None and found.client_id == client.row.pk else None

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        code: AuthorizationCode = self.request.authorization_code.row
        context = self.context
        resources = self.request.parameters.resources
        return 200, _ours(codes.redeem, code, self.row, jkt=context.jkt, resources=resources, where=context.where), JSON


class _Refresh:
    """A refresh token as Authlib asks it: of no narrower scope than what it implies."""

    def __init__(self, row: Any) -> None:
        self.row = row

    def check_client(self, client: ProtocolClient) -> bool:
        return bool(self.row.session.client_id == client.row.client_id)

    def get_scope(self) -> str:
        granted = self.row.session.scope
        return dump(granted | core_scopes.registry.expand(granted))


class RefreshTokenGrant(_Ours, grants.RefreshTokenGrant):  # type: ignore[misc]
    def authenticate_refresh_token(self, refresh_token: str) -> _Refresh | None:
        found = renewing.find(refresh_token, self.row)
        return None if found is None else _Refresh(found)

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        context, scope = self.context, self.request.payload.scope
        body = _ours(
            renewing.refresh,
            self.request.refresh_token.row,
            self.row,
            scopes=scope.split() if scope else None,
            resources=self.request.parameters.resources,
            jkt=context.jkt,
            where=context.where,
        )
        return 200, body, JSON


class ClientCredentialsGrant(_Ours, grants.ClientCredentialsGrant):  # type: ignore[misc]
    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        context = self.context
        body = _ours(
            own_account.tokens_for,
            self.row,
            scope=self.request.payload.scope,
            resources=self.request.parameters.resources,
            jkt=context.jkt,
            where=context.where,
        )
        return 200, body, JSON


class _Device:
    """A device code as Authlib asks it."""

    def __init__(self, row: DeviceCode) -> None:
        self.row = row

    def get_client_id(self) -> str:
        return self.row.client.client_id

    def is_expired(self) -> bool:
        return devices.is_expired(self.row)

    def get_user_code(self) -> DeviceCode:
        return self.row


class DeviceCodeGrant(_Ours, AuthlibDeviceCodeGrant):  # type: ignore[misc]
    def query_device_credential(self, device_code: str) -> _Device:
        found = devices.find(device_code)
        if found is None or found.client_id != self.row.pk:
            raise InvalidGrantError("The device code is not valid.")
        return _Device(found)

    def query_user_grant(self, user_code: Any) -> tuple[Any, bool] | None:
        return devices.decision(user_code)

    def should_slow_down(self, credential: _Device) -> bool:
        return devices.polled_too_soon(credential.row)

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        context, resources = self.context, self.request.parameters.resources
        device = self.request.credential.row
        body = _ours(devices.redeem, device, self.row, jkt=context.jkt, resources=resources, where=context.where)
        return 200, body, JSON


class TokenExchangeGrant(_Ours, BaseGrant, TokenEndpointMixin):  # type: ignore[misc]
    """RFC 8693. Authlib has none: parameters are checked in `exchange`."""

    GRANT_TYPE = options.TOKEN_EXCHANGE

    def validate_token_request(self) -> None:
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(self.GRANT_TYPE):
            raise Refused(OAuthError("unauthorized_client", "The client may not exchange tokens."))

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        context = self.context
        body = _ours(exchange.exchange, self.row, self.request.parameters, jkt=context.jkt, where=context.where)
        return 200, body, JSON


class Server(AuthorizationServer):  # type: ignore[misc]
    """Authlib's server on our rows."""

    def query_client(self, client_id: str) -> ProtocolClient | None:
        found = clients.find(client_id)
        return None if found is None else ProtocolClient(found)

    def authenticate_client(self, request: ProtocolRequest, methods: Any, endpoint: str = "token") -> ProtocolClient:
        """The client was proved before: `client_auth.authenticate`."""
        assert request.context is not None
        return ProtocolClient(request.context.client)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens to Authlib's signals: what happens is in the events."""


GRANTS: Final[dict[str, tuple[Any, list[Any]]]] = {
    "authorization_code": (AuthorizationCodeGrant, [S256(required=True)]),
    "refresh_token": (RefreshTokenGrant, []),
    "client_credentials": (ClientCredentialsGrant, []),
    "device_code": (DeviceCodeGrant, []),
    "token_exchange": (TokenExchangeGrant, []),
}


@lru_cache(maxsize=8)
def _server(enabled: tuple[str, ...]) -> Server:
    made = Server()
    for name in enabled:
        made.register_grant(*GRANTS[name])
    return made


def tokens(parameters: Parameters, context: Context) -> dict[str, Any]:
    """The answer of the token endpoint to a client that was proved. Raises `OAuthError`."""
    request = ProtocolRequest("POST", parameters, context)
    if "grant_type" not in parameters:
        raise OAuthError("invalid_request", "Send grant_type.")
    try:
        grant = _server(options.grants()).get_token_grant(request)
        grant.validate_token_request()
        _status, body, _headers = grant.create_token_response()
    except UnsupportedGrantTypeError:
        raise OAuthError("unsupported_grant_type", "The server does not offer this grant.") from None
    except OAuth2Error as error:
        raise _theirs(error) from None
    found: dict[str, Any] = body
    return found


def authorization(parameters: Parameters) -> AuthorizationRequest:
    """A request of the authorization endpoint, checked whole.

    Raises `UnverifiedRequest` while client or redirect URI is not right, and `OAuthError` for what may be told by a redirect: then the
    error has the attribute `redirect_uri`.
    """
    client, redirect_uri = verified_return(parameters)
    try:
        parameters.check()
        if "response_type" not in parameters:
            raise OAuthError("invalid_request", "Send response_type.")
        if parameters["response_type"] not in RESPONSE_TYPES:
            raise OAuthError("unsupported_response_type", "response_type must be code.")
        if "request" in parameters or "request_uri" in parameters:
            raise OAuthError("request_not_supported", "Send the parameters as they are, or push them.")
        if parameters.get("response_mode", "query") != "query":
            raise OAuthError("invalid_request", "response_mode must be query.")
        request = ProtocolRequest("GET", parameters)
        grant = _server(options.grants()).get_authorization_grant(request)
        grant.validate_consent_request()
        resource = granting.requested_resource(client, parameters.resources)
    except OAuth2Error as error:
        raise _with_return(_theirs(error), redirect_uri) from None
    except OAuthError as error:
        raise _with_return(error, redirect_uri) from None
    return AuthorizationRequest(client, redirect_uri, frozenset(request.scope.split()), resource, parameters)


def _with_return(error: OAuthError, redirect_uri: str) -> OAuthError:
    error.redirect_uri = redirect_uri
    return error


def verified_return(parameters: Parameters) -> tuple[OAuthClient, str]:
    """The client, and where it may be returned to. Raises `UnverifiedRequest`: nothing else of the request is looked at before."""
    for name in ("client_id", "redirect_uri"):
        if name in parameters.repeated:
            raise UnverifiedRequest("invalid_request", f"{name} comes more than once.")
    found = clients.find(parameters.get("client_id", ""))
    if found is None:
        raise UnverifiedRequest("invalid_client", "There is no such application here.")
    client = ProtocolClient(found)
    requested = parameters.get("redirect_uri")
    uri = client.get_default_redirect_uri() if requested is None else requested
    if uri is None or (requested is not None and not client.check_redirect_uri(requested)):
        raise UnverifiedRequest("invalid_request", "The address to return to is not registered for this application.")
    return found, uri
