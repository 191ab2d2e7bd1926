"""Which address a request really came from, whether over TLS, and what else the edge knows of the client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..conf import access_settings
from ..core import forwarded
from ..core.addresses import contains, normal_address, parse_address
from ..events.source import Where
from .kinds import Client


def client_address(meta: Mapping[str, Any]) -> str | None:
    """The client's address: the peer's, or behind `TRUSTED_PROXIES` the right-most hop that is no proxy.

    The hops are those of X-Forwarded-For or of Forwarded (RFC 7239). Where both come they must agree: a proxy writes one of them, and
    hands on what the client wrote into the other. A header that an untrusted peer sends counts for nothing (ASVS 4.1.3). None when the
    address cannot be known; what is restricted to networks is then refused.
    """
    if not _is_from_proxy(meta):
        return normal_address(meta.get("REMOTE_ADDR") or "")
    found = {_first_outside(hops) for hops in _chains(meta)}
    if not found:
        return normal_address(meta["REMOTE_ADDR"])
    return found.pop() if len(found) == 1 else None


def is_secure(request: Any) -> bool:
    """Whether the request came over TLS: to this server itself, or to one of `TRUSTED_PROXIES` that says so.

    Not `request.is_secure()`: that believes SECURE_PROXY_SSL_HEADER whoever sends it. The header that counts is that one, when it is set,
    else X-Forwarded-Proto and Forwarded; everything that they say must be https.
    """
    http = getattr(request, "_request", request)
    if http._get_scheme() == "https":  # noqa: SLF001 - the server's own word, which `scheme` mixes with the header's
        return True
    return _is_from_proxy(http.META) and _says_https(http.META)


def is_in_clear(request: Any) -> bool:
    """Whether a credential in the request is refused for travelling over plain HTTP (`REQUIRE_TLS`)."""
    return access_settings.REQUIRE_TLS and not is_secure(request)


def claims_https(meta: Mapping[str, Any]) -> bool:
    """Whether a header says that TLS ended in front of us, whoever sent it: then a proxy may be missing in `TRUSTED_PROXIES`."""
    return _says_https(meta) or "https" in meta.get("HTTP_X_FORWARDED_PROTO", "").lower()


def _is_from_proxy(meta: Mapping[str, Any]) -> bool:
    proxies = access_settings.TRUSTED_PROXIES
    peer = parse_address(meta.get("REMOTE_ADDR") or "") if proxies else None
    return peer is not None and contains(proxies, peer)


def _says_https(meta: Mapping[str, Any]) -> bool:
    header = access_settings.proxy_ssl_header
    if header is not None:
        said = [part.strip() for part in str(meta.get(header[0], "")).split(",")]
        return all(part == header[1] for part in said)
    said = [part.strip().lower() for part in str(meta.get("HTTP_X_FORWARDED_PROTO", "")).split(",") if part.strip()]
    text = str(meta.get("HTTP_FORWARDED", ""))
    if text.strip():
        elements = forwarded.parse(text)
        said += ["malformed"] if elements is None else [one["proto"].lower() for one in elements if "proto" in one]
    return bool(said) and all(part == "https" for part in said)


def _chains(meta: Mapping[str, Any]) -> list[list[str]]:
    """The hops as each header tells them, the client's side first."""
    chains = []
    hops = [hop.strip() for hop in str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",") if hop.strip()]
    if hops:
        chains.append(hops)
    text = str(meta.get("HTTP_FORWARDED", ""))
    if text.strip():
        elements = forwarded.parse(text)
        chains.append([""] if elements is None else [one.get("for", "") for one in elements])
    return chains


def _first_outside(hops: list[str]) -> str | None:
    """From the right, the first hop that is no proxy of ours; None at a hop that is no address."""
    address = None
    for hop in reversed(hops):
        address = parse_address(_without_port(hop))
        if address is None:
            return None
        if not contains(access_settings.TRUSTED_PROXIES, address):
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
