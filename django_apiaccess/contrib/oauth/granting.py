"""Which scopes and resources a request gets: what was asked for, within what the client may ask, within what the principal holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from ...conf import access_settings
from ...core.scopes import registry
from ...roles.rights import held_by
from .errors import OAuthError
from .identity import api_scopes, identity_scopes
from .models import OAuthClient


def requested_scopes(client: OAuthClient, wanted: str | None) -> frozenset[str]:
    """What the client asks for, or its defaults. Raises `OAuthError` (`invalid_scope`) for what it may not have.

    Of a client that registered itself it is left out instead (RFC 6749 section 3.3): agents ask for every scope that the metadata lists.
    """
    asked = frozenset((wanted or "").split())
    if not asked:
        return client.default_scopes or client.scopes
    beyond = sorted(name for name in asked if not _may_ask(client, name))
    if beyond and client.origin == OAuthClient.Origin.DYNAMIC and asked - set(beyond):
        return asked - set(beyond)
    if beyond:
        raise OAuthError("invalid_scope", f"This client may not ask for {beyond[0][:100]}.")
    return asked


def _may_ask(client: OAuthClient, name: str) -> bool:
    if name in client.scopes:
        return True
    return registry.knows(name) and registry.expand([name]) <= registry.expand(client.scopes)


def within_held(user: Any, scopes: Iterable[str]) -> frozenset[str]:
    """`scopes` as far as the user holds them now (nobody approves more than they have), by the shortest names; identity's stay."""
    wanted = frozenset(scopes)
    held = held_by(user)
    available = held.scopes | held.object_scopes
    kept = {name for name in api_scopes(wanted) if registry.knows(name) and registry.expand([name]) <= available}
    partly = registry.expand(api_scopes(wanted)) & available - registry.expand(kept)
    return frozenset(kept | registry.reduce(partly)) | identity_scopes(wanted)


def own_name(resource: str) -> str:
    """The resource by the name that tokens have for it: this API is also known by the origin that its metadata publishes (RFC 9728)."""
    parts = urlsplit(access_settings.ISSUER)
    origin = f"{parts.scheme}://{parts.netloc}"
    return access_settings.AUDIENCE if parts.netloc and resource.removesuffix("/") == origin else resource


def requested_resource(client: OAuthClient, wanted: Iterable[str]) -> str:
    """The resources that the tokens will be for (RFC 8707), as words; empty: this API. Raises `OAuthError` (`invalid_target`)."""
    asked = list(dict.fromkeys(map(own_name, wanted)))
    allowed = {access_settings.AUDIENCE, *client.audiences.split()}
    unknown = [one for one in asked if one not in allowed]
    if unknown:
        raise OAuthError("invalid_target", "The resource is not registered for this client.")
    return "" if asked == [access_settings.AUDIENCE] else " ".join(asked)


def narrowed_resource(granted: str, wanted: Iterable[str]) -> str:
    """Of the granted resources those that are asked for now; empty: all of them. Raises `OAuthError` (`invalid_target`)."""
    asked = list(dict.fromkeys(map(own_name, wanted)))
    allowed = set(granted.split()) or {access_settings.AUDIENCE}
    if not set(asked) <= allowed:
        raise OAuthError("invalid_target", "The resource was not granted.")
    return " ".join(asked)
