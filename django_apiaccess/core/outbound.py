"""Asking other servers for small documents, or sending one: https, verified, no redirect, no private address, bounded in size and time.

The address that was checked is the address that is connected to, so a name that resolves differently a moment later gains nothing.
Proxies of the environment are not used.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

MAX_BYTES: Final = 64 * 1024
TIMEOUT: Final = 5.0
"""Seconds for one fetch as a whole, also from a server that drips."""
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class FetchError(Exception):
    """A document that could not be fetched, or must not be; the message says why.

    `sent`: the server may have had the request, so it may have acted on it. `slow`: it did not answer in time.
    """

    def __init__(self, message: str, *, sent: bool = False, slow: bool = False) -> None:
        super().__init__(message)
        self.sent = sent
        self.slow = slow


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
        if self.overdue:  # the clock struck while there was no socket that it could close
            raise TimeoutError("too slow")

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


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered to a POST, whatever its status. The repr leaves the body out: it may repeat what was sent."""

    status: int
    body: bytes = field(repr=False)

    def document(self) -> dict[str, Any]:
        """The body as a JSON object. Raises `FetchError`."""
        return _object("The answer", self.body)


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
    request = _Request("GET", url, allow_private, allow_http, context, max_bytes, timeout)
    answer = _ask(request, {}, None)
    if answer.status != 200:
        raise FetchError(f"{url} answered {answer.status}")
    return _object(url, answer.body)


def post(
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    document: Mapping[str, Any] | None = None,
    basic: tuple[str, str] | None = None,
    json_text: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    allow_private: bool = False,
    allow_http: bool = False,
    context: ssl.SSLContext | None = None,
    max_bytes: int = MAX_BYTES,
    timeout: float = TIMEOUT,
) -> Answer:
    """Send a form, or `document` as JSON, with `basic` (user name, password; RFC 7617) if given. A redirect is an answer as any other.

    `json_text` is a JSON document whose very bytes matter, as where `headers` sign them.

    Raises `FetchError`; `sent` says whether the server may have acted on it all the same. Its text may hold what the server wrote.
    """
    if json_text is not None or document is not None:
        kind, body = "application/json", json.dumps(document).encode() if json_text is None else json_text
    else:
        kind, body = "application/x-www-form-urlencoded", urlencode(form or {}).encode()
    headers = {"Content-Type": kind, **(headers or {})}
    if basic is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{basic[0]}:{basic[1]}".encode()).decode()
    return _ask(_Request("POST", url, allow_private, allow_http, context, max_bytes, timeout), headers, body)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    allow_private: bool
    allow_http: bool
    context: ssl.SSLContext | None
    max_bytes: int
    timeout: float


def _ask(request: _Request, headers: Mapping[str, str], payload: bytes | None) -> Answer:
    """The answer with its whole body (of any other status than 2xx as far as it goes). Raises `FetchError`."""
    url = request.url
    connection, path, netloc = _connection(request)
    headers = {"Host": netloc, "Accept": "application/json", "User-Agent": "django-apiaccess", **headers}
    sent = False
    try:
        connection.connect()
        sent = True
        connection.request(request.method, path, payload, headers)
        with connection.getresponse() as response:
            if response.status != 200 and request.method == "GET":
                return Answer(response.status, b"")
            body = response.read(request.max_bytes + 1)
            is_cut = bool(response.length) and len(body) <= request.max_bytes
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = "too slow" if connection.overdue else error
        raise FetchError(f"{url} could not be fetched: {why}", sent=sent, slow=connection.overdue) from None
    finally:
        connection.finish()
    if connection.overdue:
        raise FetchError(f"{url} could not be fetched: too slow", sent=True, slow=True)
    if is_cut:
        raise FetchError(f"{url} was cut off", sent=True)
    if len(body) > request.max_bytes:
        raise FetchError(f"{url} is larger than {request.max_bytes} bytes", sent=True)
    return Answer(response.status, body)


def _connection(request: _Request) -> tuple[_CheckedConnection, str, str]:
    """A connection that is not open yet, the path to ask for, and the Host. Raises `FetchError` for an address that must not be asked."""
    url = request.url
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise FetchError(f"{url} is no URL: {error}") from None
    if parts.scheme != "https" and not (request.allow_http and parts.scheme == "http"):
        raise FetchError(f"{url} is not fetched: https only")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise FetchError(f"{url} is not fetched: a plain host, without user name or password")
    tls = (request.context or ssl.create_default_context()) if parts.scheme == "https" else None
    connection = _CheckedConnection(
        parts.hostname, port, allow_private=request.allow_private, tls=tls, timeout=request.timeout
    )
    return connection, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), parts.netloc


def _object(url: str, body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise FetchError(f"{url} is no JSON") from None
    if not isinstance(document, dict):
        raise FetchError(f"{url} is no JSON object")
    return document
