"""Checks of who may report leaks, and of what follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage
from django.urls import NoReverseMatch, reverse

from ..check_ids import Check, CheckId, error, sound, warning
from ..conf import access_settings


def check_key_address() -> Iterator[CheckMessage]:
    if not sound("LEAKS") or not access_settings.LEAKS["GITHUB"]:
        return
    entries = access_settings.LEAKS
    url = entries["GITHUB_KEYS_URL"]
    try:
        parts = urlsplit(url)
        is_usable = bool(parts.hostname) and parts.scheme in (
            {"https", "http"} if entries["GITHUB_ALLOW_HTTP"] else {"https"}
        )
        is_usable = is_usable and parts.username is None and parts.password is None
    except ValueError:
        is_usable = False
    if not is_usable:
        yield error(
            CheckId.BAD_GITHUB_KEYS_URL,
            f"LEAKS['GITHUB_KEYS_URL'] is {url!r}, which is never fetched: every alert of GitHub is refused.",
            "Leave it out: the default is GitHub's own address. Another one must be https, without user name and password.",
        )


def check_route() -> Iterator[CheckMessage]:
    if not sound("LEAKS") or not access_settings.LEAKS["GITHUB"]:
        return
    try:
        reverse("apiaccess-leaks-github")
    except NoReverseMatch:
        yield error(
            CheckId.GITHUB_NOT_ROUTED,
            "LEAKS['GITHUB'] is on, but no URL leads to the endpoint: GitHub's alerts reach nobody.",
            "Add path('access/', include('django_apiaccess.urls')) to the URL conf, or switch LEAKS['GITHUB'] off.",
        )


def check_trust() -> Iterator[CheckMessage]:
    if not sound("LEAKS") or settings.DEBUG or not access_settings.LEAKS["GITHUB"]:
        return
    named = [name for name in ("GITHUB_ALLOW_HTTP", "GITHUB_ALLOW_PRIVATE") if access_settings.LEAKS[name]]
    if named:
        yield warning(
            CheckId.GITHUB_KEYS_UNSAFE,
            f"LEAKS has {' and '.join(named)}: whoever is on the way can put their own keys in, and report what they like.",
            "Take it out outside of tests.",
        )


def check_policy() -> Iterator[CheckMessage]:
    if sound("LEAKS") and access_settings.LEAKS["ON_LEAK"] == "notify":
        yield warning(
            CheckId.LEAKS_STAY_OPEN,
            "LEAKS['ON_LEAK'] is 'notify': a key that everybody can read goes on working until somebody does something.",
            "Write 'retire' or 'revoke', and 'notify' for single keys that must not stop (create_api_key --on-leak notify).",
        )


CHECKS: Final[tuple[Check, ...]] = (check_key_address, check_route, check_trust, check_policy)
