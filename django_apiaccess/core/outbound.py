"""Fetching small JSON documents from other servers, hardened: https, verified, no redirect, no private address, bounded in size and time.

The address that was checked is the address that is connected to, so a name that resolves differently a moment later gains nothing.
Proxies of the environment are not used.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

MAX_BYTES: Final = 64 * 1024
TIMEOUT: Final = 5.0
"""Seconds for one fetch as a whole, also from a server that drips."""
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class FetchError(Exception):
    """A document that could not be fetched, or must not be; the message says why."""


class _CheckedConnection(http.client.HTTPConnection):
    """Connects to a public address only (with `allow_private` to any), and to the very one that was checked; and ends in time."""

    def __init__(
        self, host: str, port: int, *, allow_private: bool, tls: ssl.SSLContext | None, timeout: float
    ) -> None:
        super().__init__(host, port, timeout=timeout)
        self._allow_private = allow_private
        self._tls = tls
        self._plain: socket.socket | None = None
        self._timer = threading.Timer(timeout, self._abort)
        self._timer.daemon = True
        self.overdue = False

    def connect(self) -> None:
        address = resolve(self.host, self.port, allow_private=self._allow_private)
        self._timer.start()
        self.sock = self._plain = socket.create_connection(address, self.timeout)
        if self._tls is not None:
            self.sock = self._plain = self._tls.wrap_socket(self.sock, server_hostname=self.host)

    def finish(self) -> None:
        """Close it, and stop the clock. (`close` is called by http.client itself, before the body is read.)"""
        self._timer.cancel()
        self.close()

    def _abort(self) -> None:
        self.overdue = True
        plain = self._plain
        if plain is not None:
            with suppress(OSError):
                socket.socket.shutdown(plain, socket.SHUT_RDWR)  # not SSLSocket's own, which would race with the reader


def resolve(host: str, port: int, *, allow_private: bool) -> tuple[str, int]:
    """The first address of `host`. Raises `FetchError` when any of its addresses is not global."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(f"{host} does not resolve: {error}") from None
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not allow_private and not is_public(address):
            raise FetchError(f"{host} resolves to {address}, which is no public address")
    return addresses[0], port


def is_public(address: str) -> bool:
    """Whether `address` is one of the public internet, also when it holds an IPv4 address inside (mapped, 6to4, Teredo, NAT64)."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inside = [parsed.ipv4_mapped, parsed.sixtofour, *(parsed.teredo or ())]
        if parsed in NAT64:
            inside.append(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF))
        for embedded in inside:
            if embedded is not None and not is_public(str(embedded)):
                return False
        if parsed.ipv4_mapped is not None:
            return True
    return parsed.is_global and not parsed.is_multicast


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
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise FetchError(f"{url} is no URL: {error}") from None
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        raise FetchError(f"{url} is not fetched: https only")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise FetchError(f"{url} is not fetched: a plain host, without user name or password")
    tls = (context or ssl.create_default_context()) if parts.scheme == "https" else None
    connection = _CheckedConnection(parts.hostname, port, allow_private=allow_private, tls=tls, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(
            "GET", path, headers={"Host": parts.netloc, "Accept": "application/json", "User-Agent": "django-apiaccess"}
        )
        response = connection.getresponse()
        if response.status != 200:
            raise FetchError(f"{url} answered {response.status}")
        body = response.read(max_bytes + 1)
        if response.length and len(body) <= max_bytes:
            raise FetchError(f"{url} was cut off")
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise FetchError(f"{url} could not be fetched: {'too slow' if connection.overdue else error}") from None
    finally:
        connection.finish()
    if connection.overdue:
        raise FetchError(f"{url} could not be fetched: too slow")
    if len(body) > max_bytes:
        raise FetchError(f"{url} is larger than {max_bytes} bytes")
    return _object(url, body)


def _object(url: str, body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise FetchError(f"{url} is no JSON") from None
    if not isinstance(document, dict):
        raise FetchError(f"{url} is no JSON object")
    return document
