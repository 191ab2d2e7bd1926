"""What is unsafe in `OAUTH2_PROVIDER`, the settings of django-oauth-toolkit: facts of this project, each with the line that mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

LONGEST_ACCESS: Final = 3600
"""Seconds that an access token should live at most: nothing ends it for whoever stole it, but its own end and a revocation."""
ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Unsafe:
    """One unsafe setting: its name, what follows from it, and the line to paste."""

    name: str
    text: str
    line: str


@dataclass(frozen=True, slots=True)
class Rule:
    """When a setting is unsafe. `safe` is the value to paste, as Python."""

    name: str
    is_unsafe: Callable[[Any], bool]
    text: str
    safe: str


def _off(value: Any) -> bool:
    return not value


def _on(value: Any) -> bool:
    return bool(value)


def _endless(value: Any) -> bool:
    return value is None


def _long(value: Any) -> bool:
    return isinstance(value, int | float) and value > LONGEST_ACCESS


def _not_required(value: Any) -> bool:
    return not callable(value) and not value


def _has_http(value: Any) -> bool:
    return "http" in value


def _remembers(value: Any) -> bool:
    return bool(value == "auto")


def _open(value: Any) -> bool:
    classes = value if isinstance(value, list | tuple) else [value]
    named = [item if isinstance(item, str) else getattr(item, "__name__", "") for item in classes]
    return not classes or any(name.rsplit(".", 1)[-1].startswith("AllowAll") for name in named)


RULES: Final = (
    Rule(
        "REFRESH_TOKEN_REUSE_PROTECTION",
        _off,
        "a refresh token that is used twice does not end its family, so nobody notices that it was stolen (RFC 9700 section 4.14.2).",
        "True",
    ),
    Rule(
        "ROTATE_REFRESH_TOKEN",
        _off,
        "a refresh token stays the same for ever, so a copy works beside the original (RFC 9700 section 4.14.2).",
        "True",
    ),
    Rule(
        "REFRESH_TOKEN_EXPIRE_SECONDS",
        _endless,
        "refresh tokens never expire (RFC 9700 section 4.14.2).",
        "14 * 24 * 3600",
    ),
    Rule(
        "ACCESS_TOKEN_EXPIRE_SECONDS",
        _long,
        "access tokens live longer than an hour, and whoever has one needs nothing else (RFC 9700 section 2.2).",
        "600",
    ),
    Rule(
        "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE",
        _off,
        "access and refresh tokens are stored as they are: whoever reads the table, or a backup of it, can use them.",
        "True",
    ),
    Rule(
        "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT",
        _off,
        "the implicit grant is on: access tokens travel in URLs (RFC 9700 section 2.1.2).",
        "True",
    ),
    Rule(
        "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT",
        _off,
        "the password grant is on: clients see passwords, and no second factor is asked (RFC 9700 section 2.4).",
        "True",
    ),
    Rule("PKCE_REQUIRED", _not_required, "a stolen authorization code can be used (RFC 9700 section 2.1.1).", "True"),
    Rule(
        "COMPLIANT_BCP_RFC9700_PKCE_METHOD",
        _off,
        "the PKCE method `plain` is accepted: its challenge is the verifier (RFC 9700 section 2.1.1).",
        "True",
    ),
    Rule(
        "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT",
        _off,
        "access tokens are taken from the query string, where logs keep them (RFC 9700 section 4.3.2).",
        "True",
    ),
    Rule(
        "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS",
        _off,
        "responses do not say who made them, so a client of several servers can be confused (RFC 9207).",
        "True",
    ),
    Rule(
        "ALLOWED_REDIRECT_URI_SCHEMES",
        _has_http,
        "authorization codes may be sent over plain HTTP (RFC 9700 section 2.6). Only native apps on a loopback address need `http`.",
        "['https']",
    ),
    Rule(
        "ALLOW_URI_WILDCARDS",
        _on,
        "redirect URIs may hold wildcards, so one forgotten subdomain gets the codes (RFC 9700 section 2.1).",
        "False",
    ),
    Rule(
        "REQUEST_APPROVAL_PROMPT",
        _remembers,
        "a client that has a token gets the next without asking the person.",
        "'force'",
    ),
)


def unsafe_settings(settings: Any) -> Iterator[Unsafe]:
    """What is unsafe in `settings` (DOT's `oauth2_settings`). A setting that the installed DOT does not know is left out."""
    for rule in RULES:
        value = value_of(settings, rule.name)
        if value is not ABSENT and rule.is_unsafe(value):
            yield Unsafe(rule.name, rule.text, line(rule.name, rule.safe))
    yield from _combinations(settings)


def _combinations(settings: Any) -> Iterator[Unsafe]:
    if _given(settings, "ACCESS_TOKEN_GENERATOR") and not _given(settings, "REFRESH_TOKEN_GENERATOR"):
        yield Unsafe(
            "REFRESH_TOKEN_GENERATOR",
            "it is not set and ACCESS_TOKEN_GENERATOR is, which oauthlib then uses for refresh tokens too: they look like access tokens.",
            line("REFRESH_TOKEN_GENERATOR", "'oauthlib.oauth2.rfc6749.tokens.random_token_generator'"),
        )
    if _given(settings, "DCR_ENABLED") and _open(value_of(settings, "DCR_REGISTRATION_PERMISSION_CLASSES")):
        yield Unsafe(
            "DCR_REGISTRATION_PERMISSION_CLASSES",
            "anybody may register a client.",
            line("DCR_REGISTRATION_PERMISSION_CLASSES", "('oauth2_provider.dcr.IsAuthenticatedDCRPermission',)"),
        )
    version = installed("oauthlib")
    if _given(settings, "OAUTH_DEVICE_VERIFICATION_URI") and version is not None and version < (4, 0, 1):
        yield Unsafe(
            "OAUTH_DEVICE_VERIFICATION_URI",
            f"the device flow is in use with oauthlib {'.'.join(map(str, version))}, and CVE-2026-49272 was mended in 4.0.1.",
            line("OAUTH_DEVICE_VERIFICATION_URI", "None")
            + "  # and take the device endpoints of oauth2_provider out of your URLs",
        )


def value_of(settings: Any, name: str) -> Any:
    """A setting as DOT resolves it; `ABSENT` where this DOT has none of that name, or it cannot be imported."""
    try:
        return getattr(settings, name)
    except (AttributeError, ImportError):
        return ABSENT


def _given(settings: Any, name: str) -> bool:
    value = value_of(settings, name)
    return value is not ABSENT and bool(value)


def line(name: str, value: str) -> str:
    """What to paste into the project's settings."""
    return f"OAUTH2_PROVIDER[{name!r}] = {value}"


def installed(distribution: str) -> tuple[int, ...] | None:
    """The version of an installed distribution as numbers; None when it is not installed, or says something else."""
    try:
        found = metadata.version(distribution)
        return tuple(int(part) for part in found.split(".")[:3])
    except (metadata.PackageNotFoundError, ValueError):
        return None
