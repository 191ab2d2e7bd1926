"""Which address a request really came from, and what else the edge knows of the client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..conf import access_settings
from ..core.addresses import contains, normal_address, parse_address
from ..events.source import Where
from .kinds import Client


def client_address(meta: Mapping[str, Any]) -> str | None:
    """The client's address: the peer's, or behind `TRUSTED_PROXIES` the right-most hop of X-Forwarded-For that is no proxy.

    A header that an untrusted peer sends counts for nothing (ASVS 4.1.3). None when the address cannot be known; what
    is restricted to networks is then refused.
    """
    remote = meta.get("REMOTE_ADDR") or ""
    proxies = access_settings.TRUSTED_PROXIES
    peer = parse_address(remote) if proxies else None
    if peer is None or not contains(proxies, peer):
        return normal_address(remote)
    address = peer
    for hop in reversed(str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")):
        if not hop.strip():
            continue
        found = parse_address(_without_port(hop.strip()))
        if found is None:
            return None
        address = found
        if not contains(proxies, address):
            break
    return str(address)


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    host, colon, port = hop.rpartition(":")
    return host if colon and ":" not in host and port.isdigit() else hop


class RequestClient(Client):
    """The client of a request. Nothing is worked out before it is asked for: most requests ask for the address alone."""

    __slots__ = ("_http",)
    _http: Any

    def __init__(self, http: Any) -> None:
        object.__setattr__(self, "_http", http)

    @property
    def request(self) -> Any:
        return self._http

    @property
    def where(self) -> Where:
        return where_of(self._http)

    @property
    def address(self) -> str | None:
        return client_address(self._http.META)

    @property
    def origin(self) -> str:
        return str(self._http.META.get("HTTP_ORIGIN", ""))


def where_of(request: Any) -> Where:
    """The `Where` of a request, made once."""
    inner = getattr(request, "_request", request)
    found = inner.__dict__.get("apiaccess_where")
    if found is None:
        found = inner.apiaccess_where = Where.of_request(inner, client_address(inner.META))
    return found  # type: ignore[no-any-return]
