"""Keys and accounts as subjects of findings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ...audit.finding import Subject
from ...audit.many import page_of
from ..models import APIKey, ServiceAccount


def key_subject(key: Any) -> Subject:
    """An API key, by its id. Its principal must be loaded."""
    return Subject("api_key", str(key.pk), f"{key.name} of {key.principal.get_username()}", page_of(APIKey, key.pk))


def account_subject(account: Any) -> Subject:
    """A service account, by its name."""
    return Subject("service_account", account.name, account.name, page_of(ServiceAccount, account.pk))


def usable(now: datetime) -> Any:
    """Keys that open something now, with what a subject needs."""
    return APIKey.objects.usable(now).select_related("principal")


def day(at: datetime | None) -> str:
    """`2027-01-31`, or `never`."""
    return f"{at:%Y-%m-%d}" if at is not None else "never"
