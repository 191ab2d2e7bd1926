"""`REST_KNOX`, as far as logging in asks for it. What else it has is named on the page on moving from knox."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from django.utils.module_loading import import_string

from ...conf import access_settings, of_another_package

DEFAULT_TTL: Final = timedelta(hours=10)


def _get(name: str, default: Any) -> Any:
    given = of_another_package("REST_KNOX")
    return given.get(name, default) if isinstance(given, Mapping) else default


def expires_at() -> datetime | None:
    """When a token that is made now ends: after TOKEN_TTL, at the latest after KEY_MAX_LIFETIME; None: it does not."""
    ttl = _get("TOKEN_TTL", DEFAULT_TTL)
    if ttl is not None and (not isinstance(ttl, timedelta) or ttl <= timedelta(0)):
        raise ImproperlyConfigured("REST_KNOX['TOKEN_TTL'] must be a timedelta above 0, or None.")
    longest = access_settings.KEY_MAX_LIFETIME
    if longest is not None and (ttl is None or ttl > longest):
        ttl = longest
    return None if ttl is None else timezone.now() + ttl


def limit() -> int | None:
    """TOKEN_LIMIT_PER_USER."""
    value = _get("TOKEN_LIMIT_PER_USER", None)
    return None if value is None else int(value)


def user_serializer() -> Any:
    """USER_SERIALIZER, loaded; None: the answer holds no user."""
    value = _get("USER_SERIALIZER", None)
    return import_string(value) if isinstance(value, str) else value


def expiry_format() -> Any:
    """EXPIRY_DATETIME_FORMAT; DRF's own without one."""
    from rest_framework.settings import api_settings

    return _get("EXPIRY_DATETIME_FORMAT", api_settings.DATETIME_FORMAT)
