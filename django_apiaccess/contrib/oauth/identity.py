"""The scopes of OpenID Connect: they open nothing of the API, they say what a client learns of a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

OPENID: Final = "openid"
OFFLINE_ACCESS: Final = "offline_access"
SCOPES: Final[dict[str, Any]] = {
    OPENID: _("Know who you are"),
    "profile": _("See your name"),
    "email": _("See your e-mail address"),
    OFFLINE_ACCESS: _("Go on when you are away"),
}
"""Each with its words on the consent page (OpenID Connect Core sections 5.4 and 11)."""


def identity_scopes(names: Iterable[str]) -> frozenset[str]:
    """Those of `names` that are OpenID Connect's."""
    return frozenset(name for name in names if name in SCOPES)


def api_scopes(names: Iterable[str]) -> frozenset[str]:
    """The others."""
    return frozenset(name for name in names if name not in SCOPES)


def claims_of(user: Any, scopes: Iterable[str]) -> dict[str, Any]:
    """What a client with these scopes learns of the user (OpenID Connect Core section 5.4). Nothing says that an address was verified."""
    granted = frozenset(scopes)
    claims: dict[str, Any] = {}
    if "profile" in granted:
        name = getattr(user, "get_full_name", str)() if hasattr(user, "get_full_name") else ""
        claims |= {"preferred_username": user.get_username()} | ({"name": name} if name else {})
    if "email" in granted:
        address = getattr(user, user.get_email_field_name(), "") if hasattr(user, "get_email_field_name") else ""
        claims |= {"email": address, "email_verified": False} if address else {}
    return claims
