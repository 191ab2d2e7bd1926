"""Fetching small JSON documents from other servers, hardened: https, verified, no redirect, no private address, bounded in size and time.

The address that was checked is the address that is connected to, so a name that resolves differently a moment later gains nothing.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

MAX_BYTES: Final = 64 * 1024
TIMEOUT: Final = 5.0


class FetchError(Exception):
    """A document that could not be fetched, or must not be; the message says why."""


class _CheckedConnection(http.client.HTTPSConnection):
    """Connects to a global address only (with `allow_private` to any), and to the very one that was checked."""

    def __init__(self, host: str, port: int, *, allow_private: bool, context: ssl.SSLContext, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._allow_private = allow_private
        self._tls = context

    def connect(self) -> None:
        address = resolve(self.host, self.port, allow_private=self._allow_private)
        plain = socket.create_connection(address, self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def resolve(host: str, port: int, *, allow_private: bool) -> tuple[str, int]:
    """The first address of `host`. Raises `FetchError` when any of its addresses is not global."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise FetchError(f"{host} does not resolve: {error}") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not allow_private and not ipaddress.ip_address(address.partition("%")[0]).is_global:
            raise FetchError(f"{host} resolves to {address}, which is no public address")
    return addresses[0], port


def fetch_json(
    url: str,
    *,
    allow_private: bool = False,
    allow_http: bool = False,
    context: ssl.SSLContext | None = None,
    max_bytes: int = MAX_BYTES,
    timeout: float = TIMEOUT,
) -> dict[str, Any]:
    """The JSON object at `url`. `allow_private` and `allow_http` are for tests and for machines of one's own. Raises `FetchError`."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        raise FetchError(f"{url} is not fetched: https only")
    if not parts.hostname or parts.username or parts.password:
        raise FetchError(f"{url} is not fetched: a plain host, without user name or password")
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = _CheckedConnection(
            parts.hostname,
            parts.port or 443,
            allow_private=allow_private,
            context=context or ssl.create_default_context(),
            timeout=timeout,
        )
    else:
        connection = http.client.HTTPConnection(
            *resolve(parts.hostname, parts.port or 80, allow_private=allow_private), timeout=timeout
        )
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(
            "GET", path, headers={"Host": parts.netloc, "Accept": "application/json", "User-Agent": "django-apiaccess"}
        )
        response = connection.getresponse()
        if response.status != 200:
            raise FetchError(f"{url} answered {response.status}")
        body = response.read(max_bytes + 1)
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"{url} could not be fetched: {error}") from None
    finally:
        connection.close()
    if len(body) > max_bytes:
        raise FetchError(f"{url} is larger than {max_bytes} bytes")
    try:
        document = json.loads(body.decode("utf-8"))
    except ValueError:
        raise FetchError(f"{url} is no JSON") from None
    if not isinstance(document, dict):
        raise FetchError(f"{url} is no JSON object")
    return document
