"""Redirect URIs: which ones may be registered, and when a requested one is a registered one (RFC 9700 section 2.1, RFC 8252)."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

MAX_LENGTH: Final = 2000
FORM: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-&(-;=?-\[\]_a-z~]+")
"""The characters of a URI (RFC 3986), without quotes, angle brackets, backslash and whatever is no ASCII."""
LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
LOCAL: Final = LOOPBACK | {"localhost"}
NEVER: Final = frozenset({"javascript", "data", "vbscript", "file", "about", "blob", "ws", "wss", "ftp"})


def complaint(uri: str) -> str | None:
    """What is wrong with a URI that somebody wants to register, with what to write; None when nothing is."""
    if len(uri) > MAX_LENGTH or not FORM.fullmatch(uri):
        return f"{uri[:100]!r} is no absolute URI of plain ASCII, as https://app.example/callback."
    for mark, why in (
        ("#", "has a fragment: leave out the # and what follows"),
        ("*", "has a wildcard: register each URI as it is"),
    ):
        if mark in uri:
            return f"{uri[:100]!r} {why}."
    parts = _split(uri)
    if parts is None:
        return f"{uri[:100]!r} has no host or port that can be read."
    if parts.username is not None or parts.password is not None:
        return f"{uri[:100]!r} holds a user name: leave out what stands before the @."
    if parts.netloc and not _is_host(parts.hostname or ""):
        return f"{uri[:100]!r} names no host that can be: write it as app.example, an IP address or [an IPv6 address]."
    return _complaint_of_place(uri, parts)


def _is_host(host: str) -> bool:
    """Whether it is a name or an address and nothing else: it is shown to people, and named in a Content-Security-Policy."""
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return True
    return all(LABEL.fullmatch(label) for label in host.removesuffix(".").split("."))


def _complaint_of_place(uri: str, parts: SplitResult) -> str | None:
    if parts.scheme in NEVER:
        return f"The scheme {parts.scheme} is no place to return to: use https."
    if parts.scheme == "https":
        return None if parts.hostname else f"{uri[:100]!r} names no host."
    if parts.scheme == "http":
        local = "Only http://127.0.0.1, http://[::1] and http://localhost may be http."
        return (
            None if parts.hostname in LOCAL else f"{uri[:100]!r} would carry the code in the clear: use https. {local}"
        )
    if "." not in parts.scheme:
        return f"A scheme of an app of its own is a reversed domain name, as com.example.app: {parts.scheme!r} has no dot (RFC 8252)."
    return None


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts


def fits(requested: str, registered: list[str], *, native: bool) -> bool:
    """Whether `requested` is one of the registered ones, character by character.

    Of a loopback address the port may be another one, where the client is an app on somebody's machine (`native`): it cannot know which
    port will be free (RFC 8252 section 7.3).
    """
    if requested in registered:
        return True
    if not native or complaint(requested):
        return False
    return any(_without_port(requested) == _without_port(one) for one in registered if _is_loopback(one))


def _is_loopback(uri: str) -> bool:
    parts = _split(uri)
    return parts is not None and parts.scheme == "http" and parts.hostname in LOOPBACK


def _without_port(uri: str) -> str:
    parts = _split(uri)
    if parts is None or parts.scheme != "http" or parts.hostname not in LOOPBACK:
        return uri
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    return uri.replace(netloc, host, 1) if uri.startswith(f"http://{netloc}") else uri


def host_of(uri: str) -> str:
    """Where it returns to, for a person: the host, or the scheme of an app of its own."""
    parts = _split(uri)
    if parts is None:
        return ""
    return parts.netloc if parts.scheme in {"http", "https"} else f"{parts.scheme}:"


def origin_of(uri: str) -> str:
    """What `form-action` of a Content-Security-Policy must allow for the redirect after the form."""
    parts = _split(uri)
    if parts is None:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else f"{parts.scheme}:"


def is_local(uri: str) -> bool:
    """Whether it returns to the machine that the browser runs on: any program there may be the one that asks (RFC 8252 section 8.4)."""
    parts = _split(uri)
    return parts is not None and (parts.hostname in LOCAL or parts.scheme not in {"http", "https"})
