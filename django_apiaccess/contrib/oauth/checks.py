"""System checks of the authorization server. Importable where the app is not installed: then they say nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

from django.apps import apps
from django.core.checks import CheckMessage

from ...check_ids import Check, CheckId, error, sound, warning
from ...conf import access_settings

APP: Final = "django_apiaccess.contrib.oauth"


def has_authlib() -> bool:
    """Whether the extra is installed."""
    try:
        return find_spec("authlib") is not None
    except ImportError:
        return False


def check_authlib() -> Iterator[CheckMessage]:
    if apps.is_installed(APP) and not has_authlib():
        yield error(
            CheckId.NO_AUTHLIB,
            "django_apiaccess.contrib.oauth is installed without Authlib: no token can be given.",
            "Install the extra: pip install 'django-apiaccess[oauth]'.",
        )


def issuer_complaint(issuer: str) -> str | None:
    """What keeps `issuer` from being that of an authorization server (RFC 8414 section 2); http is for machines of one's own."""
    try:
        parts = urlsplit(issuer)
        _ = parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "is no URL of this server"
    if parts.query or parts.fragment or "?" in issuer or "#" in issuer or parts.username is not None:
        return "must have no query, no fragment and no user name"
    if parts.scheme == "http" and not _is_local(parts.hostname):
        return "must begin with https://"
    return None


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_issuer() -> Iterator[CheckMessage]:
    if not apps.is_installed(APP) or not sound("ISSUER"):
        return
    complaint = issuer_complaint(access_settings.ISSUER)
    if complaint:
        yield error(
            CheckId.BAD_OAUTH_ISSUER,
            f"API_ACCESS['ISSUER'] = {access_settings.ISSUER!r} {complaint}: clients of contrib.oauth cannot find this server by it.",
            "Write API_ACCESS = {'ISSUER': 'https://id.example'}: the address of this site, without a slash at its end.",
        )


def check_registration() -> Iterator[CheckMessage]:
    if not apps.is_installed(APP) or not sound("OAUTH") or access_settings.OAUTH["REGISTRATION"] != "open":
        return
    yield warning(
        CheckId.OPEN_REGISTRATION,
        "OAUTH['REGISTRATION'] is \"open\": anybody registers clients under any name, and asks your users to let them in (ASVS 10.4.7).",
        "Write API_ACCESS = {'OAUTH': {'REGISTRATION': 'token'}}: then a key or access token with the scope oauth:register is needed.",
    )


CHECKS: Final[tuple[Check, ...]] = (check_authlib, check_issuer)
DEPLOY_CHECKS: Final[tuple[Check, ...]] = (check_registration,)
